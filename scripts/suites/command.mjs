// Owns running one command of a check or a test suite: in a process group of its own, with a time-out, ended as a whole.
// Invariant: after a time-out or an abort nothing of that group runs on. What a command that ended by itself leaves behind is left alone:
// it is a defect to be found (leftovers.mjs), not to be tidied away here.
import { spawn } from 'node:child_process';

/** What a group gets to end by itself before it is killed; a browser and a database close well within it. */
const END_GRACE_MS = 10_000;

/** After its end a command's last output needs a few milliseconds to reach us. */
const PIPES_GRACE_MS = 2_000;

/**
 * @typedef {{ code: number | null, signal: NodeJS.Signals | null, timedOut: boolean, output: string, durationMs: number }} Outcome
 */

/**
 * Runs a command to its end. A failure is a value: callers count it.
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv, timeoutMs: number, signal: AbortSignal, capture?: boolean }} options `capture` keeps the output instead of showing it
 * @returns {Promise<Outcome>}
 */
export async function runCommand(program, args, { cwd, env = process.env, timeoutMs, signal, capture = false }) {
  signal.throwIfAborted();
  const started = performance.now();
  const stdio = capture ? 'pipe' : 'inherit';
  const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', stdio, stdio] });
  /** @type {Buffer[]} */
  const chunks = [];
  child.stdout?.on('data', (chunk) => chunks.push(chunk));
  child.stderr?.on('data', (chunk) => chunks.push(chunk));
  let timedOut = false;
  /** @type {NodeJS.Timeout | undefined} */
  let killTimer;
  const end = () => {
    signalGroup(child.pid, 'SIGTERM');
    killTimer ??= setTimeout(() => signalGroup(child.pid, 'SIGKILL'), END_GRACE_MS);
  };
  const timer = setTimeout(() => {
    timedOut = true;
    console.error(`\n${program} took longer than ${timeoutMs / 1000} s and is ended`);
    end();
  }, timeoutMs);
  signal.addEventListener('abort', end);
  try {
    const [code, how] = await new Promise((resolve) => {
      child.once('error', (error) => {
        chunks.push(Buffer.from(`${error.message}\n`));
        if (!capture) console.error(error.message);
        resolve([null, null]);
      });
      child.once('close', (exitCode, exitSignal) => resolve([exitCode, exitSignal]));
      // Something left behind may hold our pipes open: then the output is as complete as it will get.
      child.once('exit', (exitCode, exitSignal) => setTimeout(() => resolve([exitCode, exitSignal]), PIPES_GRACE_MS));
    });
    if (timedOut || signal.aborted) signalGroup(child.pid, 'SIGKILL');
    signal.throwIfAborted();
    return { code, signal: how, timedOut, output: Buffer.concat(chunks).toString(), durationMs: performance.now() - started };
  } finally {
    clearTimeout(timer);
    clearTimeout(killTimer);
    signal.removeEventListener('abort', end);
  }
}

/** @param {number | undefined} pid @param {NodeJS.Signals} signal */
function signalGroup(pid, signal) {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // ESRCH: the whole group has ended already, which is what we want.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
