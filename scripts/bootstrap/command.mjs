// Owns running one command of the bootstrap: its output goes to standard error, it has a time-out, and it ends with us.
// Invariant: when the returned promise settles, the command has ended.
import { spawn } from 'node:child_process';
import { BootstrapError } from './errors.mjs';

/** How long a command may take to end after SIGTERM before it is killed: pnpm and npm clean up in well under this. */
const END_GRACE_MS = 5_000;

/**
 * Runs a command to its end. Throws BootstrapError with `failure` when it cannot be started, fails, or takes longer than `timeoutMs`.
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd: string, env: NodeJS.ProcessEnv, timeoutMs: number, signal: AbortSignal, failure: string }} options
 */
export async function runCommand(program, args, { cwd, env, timeoutMs, signal, failure }) {
  signal.throwIfAborted();
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 2, 2] });
  let timedOut = false;
  /** @type {NodeJS.Timeout | undefined} */
  let killTimer;
  const end = () => {
    child.kill('SIGTERM');
    killTimer ??= setTimeout(() => child.kill('SIGKILL'), END_GRACE_MS);
  };
  const timer = setTimeout(() => {
    timedOut = true;
    end();
  }, timeoutMs);
  signal.addEventListener('abort', end);
  try {
    /** @type {{ code: number | null, how: NodeJS.Signals | null }} */
    const { code, how } = await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (closeCode, closeSignal) => resolve({ code: closeCode, how: closeSignal }));
    });
    signal.throwIfAborted();
    if (timedOut) throw new BootstrapError(`${failure} (stopped after ${Math.round(timeoutMs / 60_000)} minutes)`);
    if (code !== 0) throw new BootstrapError(`${failure} (${program.split('/').at(-1)} ended with ${how ?? code})`);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      throw new BootstrapError(`${failure} (${program} was not found)`, { cause: error });
    throw error;
  } finally {
    clearTimeout(timer);
    clearTimeout(killTimer);
    signal.removeEventListener('abort', end);
  }
}
