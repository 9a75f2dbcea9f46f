// Guards the mends around node-pty on the version in use. Each test fails without its mend; the ones named "the defect" fail when
// node-pty has mended itself, and then the mend may go.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../src/host/clock.ts';
import { InputQueue } from '../src/host/input-queue.ts';
import { openPtySpawner } from '../src/host/node-pty-process.ts';
import type { PtyProcess } from '../src/host/pty-process.ts';
import { makeRandom } from '../src/testing/random.ts';
import { isRunning, until } from './support/processes.ts';
import { busy, openTerminal } from './support/terminal.ts';

const { spawn } = openPtySpawner();
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A file of bytes that no terminal changes when they are printed in raw mode, and the command that prints it. */
function makeOutput(length: number): { readonly bytes: Uint8Array; readonly command: string[]; [Symbol.dispose](): void } {
  const folder = mkdtempSync(join(tmpdir(), 'cotg-output-'));
  const bytes = makeRandom(length).bytes(length);
  writeFileSync(join(folder, 'output'), bytes);
  return {
    bytes,
    command: ['sh', '-c', `stty raw; cat ${join(folder, 'output')}; exit 7`],
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function makeQueue(child: Pick<PtyProcess, 'write'>): InputQueue {
  return new InputQueue({
    write: (bytes) => child.write(bytes),
    clock: systemClock,
    limitBytes: 4 * 1024 * 1024,
    failed: (error) => {
      throw error;
    },
  });
}

describe('no byte at the end of a program is lost', () => {
  test('when the consumer is busy for 40 ms with each piece', async () => {
    using expected = makeOutput(50_000);
    for (let run = 0; run < 8; run += 1) {
      await using terminal = openTerminal(spawn, expected.command, () => busy(40));
      expect(await terminal.exited).toEqual({ exitCode: 7, signal: null });
      expect(terminal.output.length).toBe(expected.bytes.length);
      expect(sha256(terminal.output)).toBe(sha256(expected.bytes));
    }
  });

  test('when reading is paused for 150 ms after each piece', async () => {
    using expected = makeOutput(30_000);
    for (let run = 0; run < 4; run += 1) {
      await using terminal = openTerminal(spawn, expected.command, () => {
        terminal.process.pause();
        setTimeout(() => terminal.process.resume(), 150);
      });
      await terminal.exited;
      expect(terminal.output.length).toBe(expected.bytes.length);
      expect(sha256(terminal.output)).toBe(sha256(expected.bytes));
    }
  });

  test('when reading was paused before and is never resumed', async () => {
    await using terminal = openTerminal(spawn, ['sh', '-c', 'echo last words']);
    terminal.process.pause();
    await terminal.exited;
    expect(terminal.output.toString()).toBe('last words\r\n');
  });
});

describe('the end of a program is reported', () => {
  test('although a background job keeps the terminal open', async () => {
    await using terminal = openTerminal(spawn, ['sh', '-c', 'trap "" HUP; sleep 60 & echo "job $!"; exit 3']);
    expect(await terminal.exited).toEqual({ exitCode: 3, signal: null });
    expect(terminal.output.toString()).toMatch(/^job \d+\r\n$/);
    const job = Number(/\d+/.exec(terminal.output.toString())?.[0]);
    expect(isRunning(job), 'a natural end leaves background jobs alone').toBe(true);
    expect(terminal.process.companions()).toEqual([job]);
    terminal.process.killAll();
    await until(() => !isRunning(job));
  });

  test('with the last words of a background job that ends soon after', async () => {
    await using terminal = openTerminal(spawn, ['sh', '-c', 'trap "" HUP; { sleep 0.2; echo late; } & exit 0']);
    await terminal.exited;
    expect(terminal.output.toString()).toBe('late\r\n');
  });

  test('with the signal that ended it', async () => {
    await using terminal = openTerminal(spawn, ['sh', '-c', 'kill -TERM $$']);
    expect(await terminal.exited).toEqual({ exitCode: null, signal: 'SIGTERM' });
  });
});

test('a program that lets go of its terminal lives on, and may come back to it', async () => {
  const script = 'exec </dev/null >/dev/null 2>&1; sleep 0.7; echo "still here" >/dev/tty; exit 4';
  await using terminal = openTerminal(spawn, ['sh', '-c', script]);
  expect(await terminal.exited).toEqual({ exitCode: 4, signal: null });
  expect(terminal.output.toString()).toBe('still here\r\n');
});

test('typing at a program that does not read costs next to no processor time', async () => {
  await using terminal = openTerminal(spawn, ['sh', '-c', 'stty raw -echo; echo ready; sleep 60']);
  await terminal.seen('ready');
  let tries = 0;
  const queue = makeQueue({
    write(bytes) {
      tries += 1;
      return terminal.process.write(bytes);
    },
  });
  queue.offer(new Uint8Array(1_000_000).fill(120));
  const before = process.cpuUsage();
  // The one wait for time: processor time is used over time or it is not.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const { user, system } = process.cpuUsage(before);
  expect(queue.queuedBytes, 'the terminal is full').toBeGreaterThan(900_000);
  // Measured: 26 tries and 0.01 s; retrying with setImmediate: 20,000 tries and 0.4 s on a busy machine, 1.2 s on an idle one.
  expect(tries).toBeLessThan(100);
  expect((user + system) / 1e6, 'seconds').toBeLessThan(0.3);
  queue.close();
});

test('a paste of 1 MB arrives whole at a program that reads slowly', async () => {
  const paste = makeRandom(1).bytes(1_000_000);
  const slow = 'for part in 1 2 3 4 5 6 7 8 9 10; do head -c 100000; sleep 0.05; done | sha256sum';
  await using terminal = openTerminal(spawn, ['sh', '-c', `stty raw -echo; echo ready; ${slow}`]);
  await terminal.seen('ready');
  makeQueue(terminal.process).offer(paste);
  expect(await terminal.exited).toEqual({ exitCode: 0, signal: null });
  expect(terminal.output.toString()).toContain(sha256(paste));
});

test('the terminal erases whole characters, not half of one', async () => {
  // In cooked mode the kernel edits the line; without IUTF8 one erase takes one byte of the two.
  await using terminal = openTerminal(spawn, ['sh', '-c', 'stty -echo; echo ready; read line; printf "[%s]" "$line"']);
  await terminal.seen('ready');
  makeQueue(terminal.process).offer(Buffer.from('aé\x7fb\n'));
  await terminal.seen('[ab]');
});
