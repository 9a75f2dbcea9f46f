import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { takeLock } from './lock.mjs';

const LONG_MS = 20_000;
let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lock-'));
  path = join(folder, 'bootstrap.lock');
});
afterEach(() => rmSync(folder, { recursive: true }));

const options = (more: { timeoutMs?: number; signal?: AbortSignal; onWait?: (pid: number) => void } = {}) => ({
  timeoutMs: LONG_MS,
  signal: new AbortController().signal,
  onWait: () => undefined,
  ...more,
});

test('a second taker waits until the first gives the lock back, and is told who holds it', async () => {
  const order: string[] = [];
  const unlock = await takeLock(path, options());
  const { promise: waiting, resolve: tell } = Promise.withResolvers<number>();
  const takeSecond = async () => {
    const unlockSecond = await takeLock(path, options({ onWait: tell }));
    order.push('second has it');
    unlockSecond();
  };
  const second = takeSecond();
  expect(await waiting).toBe(process.pid);
  order.push('first gives it back');
  unlock();
  await second;
  expect(order).toEqual(['first gives it back', 'second has it']);
  expect(readdirSync(folder)).toEqual([]);
});

test('the lock of a process that is gone is taken at once', async () => {
  const gone = spawnSync(process.execPath, ['-e', '']).pid;
  writeFileSync(path, `${gone} 1\n`);
  const unlock = await takeLock(path, options());
  expect(readFileSync(path, 'utf8')).toMatch(new RegExp(`^${process.pid} `));
  unlock();
  expect(readdirSync(folder)).toEqual([]);
});

test('the lock of a process whose number now belongs to another is taken at once', async () => {
  writeFileSync(path, `${process.pid} 1\n`);
  (await takeLock(path, options()))();
  expect(existsSync(path)).toBe(false);
});

test('a lock file that says nothing is nobody’s', async () => {
  writeFileSync(path, '');
  (await takeLock(path, options()))();
});

test('waiting ends with a clear line when the holder takes too long', async () => {
  const unlock = await takeLock(path, options());
  await expect(takeLock(path, options({ timeoutMs: 0 }))).rejects.toThrow(`process ${process.pid} has been preparing this folder`);
  unlock();
});

test('waiting ends when it is called off', async () => {
  const unlock = await takeLock(path, options());
  const stop = new AbortController();
  const { promise: waiting, resolve: tell } = Promise.withResolvers<number>();
  const second = takeLock(path, options({ signal: stop.signal, onWait: tell }));
  await waiting;
  stop.abort();
  await expect(second).rejects.toThrow();
  unlock();
  expect(readdirSync(folder)).toEqual([]);
});
