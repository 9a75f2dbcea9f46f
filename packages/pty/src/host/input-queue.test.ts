import { expect, test } from 'vitest';
import { FakeClock } from '../testing/fake-clock.ts';
import { makeRandom } from '../testing/random.ts';
import { InputQueue } from './input-queue.ts';

class Terminal {
  typed = Buffer.alloc(0);
  tries = 0;
  largest = 0;
  room: () => number = () => Infinity;
  gone = false;
  failures: unknown[] = [];
  readonly clock = new FakeClock();
  readonly queue: InputQueue;

  constructor(limitBytes = 1024 * 1024) {
    this.queue = new InputQueue({
      clock: this.clock,
      limitBytes,
      failed: (error) => this.failures.push(error),
      write: (bytes) => {
        if (this.gone) throw new Error('EIO');
        this.tries += 1;
        this.largest = Math.max(this.largest, bytes.length);
        const taken = Math.min(bytes.length, this.room());
        this.typed = Buffer.concat([this.typed, bytes.subarray(0, taken)]);
        return taken;
      },
    });
  }
}

test('what fits is written at once, in pieces of at most 4 KiB', () => {
  const terminal = new Terminal();
  terminal.queue.offer(Buffer.alloc(20_000, 'x'));
  expect(terminal.typed.length).toBe(20_000);
  expect(terminal.largest).toBe(4096);
  expect(terminal.clock.waiting).toBe(0);
});

test.each([1, 2, 3])('F28: everything arrives once and in order at a reader that takes odd amounts (seed %i)', (seed) => {
  const random = makeRandom(seed);
  const terminal = new Terminal();
  terminal.room = () => (random.below(3) === 0 ? 0 : random.below(5000));
  let sent = Buffer.alloc(0);
  for (let n = 0; n < 200; n += 1) {
    const part = Buffer.from(random.bytes(random.below(4) === 0 ? random.below(9000) : random.below(5)));
    expect(terminal.queue.offer(part)).toBe(true);
    sent = Buffer.concat([sent, part]);
    if (random.below(5) === 0) terminal.clock.advance(random.below(50));
  }
  terminal.clock.advance(60_000);
  expect(terminal.queue.queuedBytes).toBe(0);
  expect(Buffer.compare(terminal.typed, sent)).toBe(0);
});

test('a full terminal is tried again after 1 ms, then ever more rarely, at most every 100 ms', () => {
  const terminal = new Terminal();
  terminal.room = () => 0;
  terminal.queue.offer(Buffer.from('x'));
  expect(terminal.tries).toBe(1);
  terminal.clock.advance(1);
  expect(terminal.tries).toBe(2);
  terminal.clock.advance(3000);
  expect(terminal.tries).toBeGreaterThan(25);
  expect(terminal.tries).toBeLessThan(45);
  terminal.room = () => Infinity;
  terminal.clock.advance(100);
  expect(terminal.typed.toString()).toBe('x');
  expect(terminal.clock.waiting).toBe(0);
});

test('typing while the terminal is full waits its turn and does not try more often', () => {
  const terminal = new Terminal();
  terminal.room = () => 0;
  for (const key of 'abc') terminal.queue.offer(Buffer.from(key));
  expect(terminal.tries).toBe(1);
  terminal.room = () => Infinity;
  terminal.clock.advance(1);
  expect(terminal.typed.toString()).toBe('abc');
});

test('beyond the limit an input is refused whole, and fits again when the terminal has read', () => {
  const terminal = new Terminal(10_000);
  terminal.room = () => 0;
  expect(terminal.queue.offer(Buffer.alloc(9_000, 'a'))).toBe(true);
  expect(terminal.queue.offer(Buffer.alloc(1_001, 'b'))).toBe(false);
  expect(terminal.queue.offer(Buffer.alloc(1_000, 'c'))).toBe(true);
  terminal.room = () => Infinity;
  terminal.clock.advance(100);
  expect(terminal.typed.toString()).toBe('a'.repeat(9_000) + 'c'.repeat(1_000));
  expect(terminal.queue.offer(Buffer.alloc(10_000))).toBe(true);
});

test('a large paste does not keep the loop: it goes on in a later turn', () => {
  const terminal = new Terminal();
  terminal.queue.offer(Buffer.alloc(200_000, 'x'));
  expect(terminal.typed.length).toBe(64 * 1024);
  terminal.clock.advance(10);
  expect(terminal.typed.length).toBe(200_000);
});

test('the sender may change its bytes after the offer', () => {
  const terminal = new Terminal();
  terminal.room = () => 0;
  const bytes = Buffer.from('abc');
  terminal.queue.offer(bytes);
  bytes.fill('x');
  terminal.room = () => Infinity;
  terminal.clock.advance(100);
  expect(terminal.typed.toString()).toBe('abc');
});

test('when the terminal is gone the rest is dropped, said once, and nothing is tried again', () => {
  const terminal = new Terminal();
  terminal.room = () => 0;
  terminal.queue.offer(Buffer.from('abc'));
  terminal.gone = true;
  terminal.clock.advance(5000);
  expect(terminal.failures).toHaveLength(1);
  expect(terminal.queue.queuedBytes).toBe(0);
  expect(terminal.clock.waiting).toBe(0);
  expect(terminal.queue.offer(Buffer.from('d'))).toBe(true);
  expect(terminal.failures).toHaveLength(1);
});

test('a closed queue writes nothing any more', () => {
  const terminal = new Terminal();
  terminal.room = () => 0;
  terminal.queue.offer(Buffer.from('abc'));
  terminal.queue.close();
  terminal.room = () => Infinity;
  terminal.clock.advance(5000);
  expect(terminal.typed.length).toBe(0);
});
