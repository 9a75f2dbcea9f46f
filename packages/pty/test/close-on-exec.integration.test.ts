// Guards that a child gets its terminal and no other descriptor of the host (close-on-exec.ts), both ways, on the version in use.
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openCloseOnExec } from '../src/host/close-on-exec.ts';
import type { CloseOnExec } from '../src/host/close-on-exec.ts';
import { openPtySpawner } from '../src/host/node-pty-process.ts';
import { descriptorsOf, untilExecuted } from './support/processes.ts';
import { openTerminal } from './support/terminal.ts';

const unguarded: CloseOnExec = { way: 'platform', guard: (spawn) => spawn() };

/** Everything beyond its own terminal that a new child has open, after other sessions began, ended and live. */
async function foreignDescriptors(closeOnExec: CloseOnExec): Promise<string[]> {
  const { spawn } = openPtySpawner({ closeOnExec });
  const sleeper = ['sleep', '60'];
  // Enough that masters lie above descriptor 15, then a hole among them: that is when node-pty's own mend stops early.
  await using others = new AsyncDisposableStack();
  for (let n = 0; n < 16; n += 1) others.use(openTerminal(spawn, sleeper));
  const ending = openTerminal(spawn, ['true']);
  others.use(openTerminal(spawn, sleeper));
  others.use(openTerminal(spawn, sleeper));
  await ending.exited;
  await using terminal = openTerminal(spawn, sleeper);
  await untilExecuted(terminal.process.pid, 'sleep');
  const { 0: own, ...rest } = descriptorsOf(terminal.process.pid);
  expect(own).toMatch(/^\/dev\/pts\/\d+$/);
  return Object.entries(rest)
    .filter(([fd, target]) => !((fd === '1' || fd === '2') && target === own))
    .map(([, target]) => target);
}

/** A file of this process that children would inherit, as a native library may leave one. */
function openInheritable(): Disposable & { readonly path: string } {
  const folder = mkdtempSync(join(tmpdir(), 'cotg-fd-'));
  const path = join(folder, 'journal.db');
  const fd = openSync(path, 'w');
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const fcntl = koffi.load(null).func('int fcntl(int fd, int cmd, ...)') as unknown as (...args: unknown[]) => number;
  const [F_SETFD, noFlags] = [2, 0];
  expect(fcntl(fd, F_SETFD, 'int', noFlags)).toBe(0);
  return {
    path,
    [Symbol.dispose]() {
      closeSync(fd);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

describe.each([
  ['through fcntl', openCloseOnExec(), 'fcntl'],
  ['without koffi, by filling the holes', openCloseOnExec({ foreignFunctions: false }), 'fill-holes'],
] as const)('%s', (_name, closeOnExec, way) => {
  test('this is the way that is tested', () => {
    expect(closeOnExec.way).toBe(way);
  });

  test('S53: a child has its own terminal and nothing else, also after another session has ended', async () => {
    expect(await foreignDescriptors(closeOnExec)).toEqual([]);
  });

  test('S53: a file that was opened without close-on-exec stays out of children', async () => {
    using file = openInheritable();
    expect(file.path).toContain('journal.db');
    expect(await foreignDescriptors(closeOnExec)).toEqual([]);
  });

  test('it opens nothing for good', async () => {
    const { spawn } = openPtySpawner({ closeOnExec });
    const count = (): number => Object.keys(descriptorsOf(process.pid)).length;
    const before = count();
    for (let n = 0; n < 5; n += 1) await openTerminal(spawn, ['true']).exited;
    expect(count()).toBe(before);
  });
});

test('with fcntl other programs that the host starts get no terminal either', async () => {
  const { spawn } = openPtySpawner({ closeOnExec: openCloseOnExec() });
  await using terminal = openTerminal(spawn, ['sleep', '60']);
  await untilExecuted(terminal.process.pid, 'sleep');
  const listing = spawnSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' }).stdout;
  expect(listing, 'the listing of its own descriptors').toContain('/proc/');
  expect(listing).not.toContain('ptmx');
});

test('the defect is still in node-pty: unguarded, a child gets other terminals once a session has ended', async () => {
  expect(await foreignDescriptors(unguarded)).toContainEqual(expect.stringContaining('ptmx'));
});
