import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { canLook, endMarked, leftovers, marked } from './leftovers.mjs';

let folder: string;
let mark: { variable: string; value: string; folder: string };
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'left-'));
  mark = { variable: 'COTG_MARK_TEST', value: randomUUID(), folder };
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

async function sleeper(options: { env?: NodeJS.ProcessEnv; cwd?: string }, script = 'sleep 600 & wait') {
  const child = spawn('/bin/sh', ['-c', script], { env: { PATH: process.env['PATH'] }, detached: true, stdio: 'ignore', ...options });
  children.push(child);
  await once(child, 'spawn');
  return child;
}

test.runIf(canLook)('a detached process that carries the mark is found with its children and ended', async () => {
  const child = await sleeper({ env: { PATH: process.env['PATH'], [mark.variable]: mark.value } });
  await expect.poll(() => marked(mark).length).toBe(2);
  expect(marked(mark).map(({ pid }) => pid)).toContain(child.pid);
  await endMarked(mark);
  expect(marked(mark)).toEqual([]);
});

test.runIf(canLook)('a process that was given a clean environment is found by the folder it works in', async () => {
  const child = await sleeper({ cwd: folder });
  expect(marked(mark).map(({ pid }) => pid)).toContain(child.pid);
  await endMarked(mark);
});

test.runIf(canLook)('a process that ignores TERM is ended all the same', async () => {
  await sleeper({ cwd: folder }, 'trap "" TERM; sleep 600 & wait');
  await endMarked(mark);
  await expect.poll(() => marked(mark)).toEqual([]);
});

test.runIf(canLook)('a process that ends by itself within the grace is no leftover', async () => {
  await sleeper({ cwd: folder }, 'sleep 0.3');
  expect(await leftovers(mark)).toEqual([]);
});

test.runIf(canLook)('a process without the mark is never touched', async () => {
  const child = await sleeper({ env: { PATH: process.env['PATH'], [mark.variable]: 'another run' } });
  await endMarked(mark);
  expect(child.exitCode ?? child.signalCode).toBeNull();
});
