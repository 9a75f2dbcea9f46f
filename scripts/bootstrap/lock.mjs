// Owns the rule that one bootstrap at a time changes a clone. The lock is a file that names its holder (pid and start time), made by link(2):
// it appears complete or not at all. Invariant: a lock whose holder is gone never blocks anyone, one whose holder lives is never taken.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BootstrapError } from './errors.mjs';

/** How often a waiting bootstrap looks again: short against a build, long against a look. */
const RETRY_MS = 200;

/**
 * Waits for the lock and takes it. The returned function gives it back; it is also given back when the process exits.
 * @param {string} path
 * @param {{ timeoutMs: number, signal: AbortSignal, onWait: (pid: number) => void }} options
 * @returns {Promise<() => void>}
 */
export async function takeLock(path, { timeoutMs, signal, onWait }) {
  mkdirSync(dirname(path), { recursive: true });
  const mine = `${process.pid} ${startTimeOf(process.pid) ?? '-'}\n`;
  const draft = `${path}.${process.pid}`;
  const deadline = Date.now() + timeoutMs;
  let told = false;
  writeFileSync(draft, mine);
  try {
    for (;;) {
      if (linked(draft, path)) return release(path, mine);
      const holder = readOrNull(path);
      if (holder === null) continue;
      if (!isAlive(holder)) {
        setAside(path, holder);
        continue;
      }
      const pid = Number.parseInt(holder, 10);
      if (Date.now() > deadline) {
        throw new BootstrapError(
          `process ${pid} has been preparing this folder for more than ${Math.round(timeoutMs / 60_000)} minutes: end it, then try again (lock: ${path})`,
        );
      }
      if (!told) onWait(pid);
      told = true;
      await sleep(RETRY_MS, undefined, { signal });
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

/** @param {string} path @param {string} mine */
function release(path, mine) {
  const giveBack = () => {
    if (readOrNull(path) === mine) rmSync(path, { force: true });
  };
  process.once('exit', giveBack);
  return () => {
    process.off('exit', giveBack);
    giveBack();
  };
}

/** @param {string} draft @param {string} path */
function linked(draft, path) {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Takes a dead holder's lock away. Between look and rename another waiter may have done so and locked anew: then that lock is put back. @param {string} path @param {string} stale */
function setAside(path, stale) {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  if (readOrNull(aside) !== stale) linked(aside, path);
  rmSync(aside, { force: true });
}

/** A pid alone is not enough: after a reboot it may be anyone's. @param {string} holder */
function isAlive(holder) {
  const [pidText = '', startTime = '-'] = holder.trim().split(' ');
  const pid = Number.parseInt(pidText, 10);
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives and is another user's.
    return codeOf(error) === 'EPERM';
  }
  const now = startTimeOf(pid);
  return now === null || startTime === '-' || now === startTime;
}

/** Clock ticks since boot, field 22 of proc(5); null where there is no /proc. @param {number} pid @returns {string | null} */
function startTimeOf(pid) {
  const stat = readOrNull(`/proc/${pid}/stat`);
  // The second field is the program's name in brackets and may hold spaces: count from after it.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}

/** @param {string} path */
function readOrNull(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH') return null;
    throw error;
  }
}

/** @param {unknown} error */
const codeOf = (error) => (error instanceof Error && 'code' in error ? error.code : undefined);
