// Owns the question whether a test run left a process behind, and ending those that it did.
// Every process of the run carries a mark: a variable in its environment, or the run's own temporary folder in its command line or as its folder
// (a program that was given a clean environment still has that). Invariant: only marked processes are ever touched, each by its pid.
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A browser and a host take a moment to end after the runner has: what is still there after this stays. */
const SETTLE_MS = 5_000;
const POLL_MS = 100;
/** What a leftover gets to end by itself before it is killed. */
const END_GRACE_MS = 3_000;

/**
 * @typedef {{ variable: string, value: string, folder: string }} Mark
 * @typedef {{ pid: number, command: string }} Leftover
 */

/** Whether this system can be asked at all. */
export const canLook = existsSync('/proc/self/environ');

/** The marked processes that run now. @param {Mark} mark @returns {Leftover[]} */
export function marked({ variable, value, folder }) {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid)
    .flatMap((pid) => {
      const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
      const carries = read(`/proc/${pid}/environ`).split('\0').includes(`${variable}=${value}`);
      return carries || command.includes(folder) || isUnder(folderOf(pid), folder) ? [{ pid, command }] : [];
    });
}

/** Waits for the marked processes to end by themselves; the answer is those that did not. @param {Mark} mark @param {number} [settleMs] @returns {Promise<Leftover[]>} */
export async function leftovers(mark, settleMs = SETTLE_MS) {
  const deadline = Date.now() + settleMs;
  for (;;) {
    const running = marked(mark);
    if (running.length === 0 || Date.now() > deadline) return running;
    await sleep(POLL_MS);
  }
}

/** Ends the marked processes, each by its pid: TERM, and KILL for those that stay. @param {Mark} mark */
export async function endMarked(mark) {
  for (const { pid } of marked(mark)) signal(pid, 'SIGTERM');
  for (const { pid } of await leftovers(mark, END_GRACE_MS)) signal(pid, 'SIGKILL');
}

/** @param {number} pid @param {NodeJS.Signals} name */
function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch (error) {
    // ESRCH: it ended between the look and the signal.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** @param {string} path empty when the process is gone or another user's */
function read(path) {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (isGoneOrForeign(error)) return '';
    throw error;
  }
}

/** @param {number} pid */
function folderOf(pid) {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch (error) {
    if (isGoneOrForeign(error)) return '';
    throw error;
  }
}

/** @param {string} path @param {string} folder */
const isUnder = (path, folder) => path === folder || path.startsWith(`${folder}/`);

/** @param {unknown} error */
const isGoneOrForeign = (error) =>
  error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(String(error.code));
