import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCommand } from './command.mjs';

const LONG_MS = 20_000;
const options = (more: object = {}) => ({
  cwd: tmpdir(),
  timeoutMs: LONG_MS,
  signal: new AbortController().signal,
  capture: true,
  ...more,
});

test('a command gives its output and its exit code', async () => {
  const outcome = await runCommand('/bin/sh', ['-c', 'echo out; echo err >&2; exit 3'], options());
  expect(outcome).toMatchObject({ code: 3, signal: null, timedOut: false });
  expect(outcome.output.split('\n').sort()).toEqual(['', 'err', 'out']);
});

test('a command that does not exist is an outcome, not an exception', async () => {
  const outcome = await runCommand('/does/not/exist', [], options());
  expect(outcome.code).toBeNull();
  expect(outcome.output).toContain('ENOENT');
});

test('a command that takes too long is ended with all it started', async () => {
  const outcome = await runCommand('/bin/sh', ['-c', 'sleep 600 & echo $!; wait'], options({ timeoutMs: 300 }));
  expect(outcome.timedOut).toBe(true);
  const grandchild = Number(outcome.output);
  expect(grandchild).toBeGreaterThan(1);
  await expect.poll(() => isRunning(grandchild)).toBe(false);
});

test('a command that is called off is ended with all it started', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'command-'));
  const stop = new AbortController();
  const started = once(watch(folder, { signal: AbortSignal.timeout(LONG_MS) }), 'change');
  const running = runCommand('/bin/sh', ['-c', `sleep 600 & echo $! > ${folder}/pid; wait`], options({ signal: stop.signal }));
  await started;
  stop.abort(new Error('called off'));
  await expect(running).rejects.toThrow('called off');
  rmSync(folder, { recursive: true });
});

/** A zombie that nobody has reaped yet runs no more. */
function isRunning(pid: number) {
  if (existsSync('/proc/self/stat')) return existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}
