import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { InputQueue } from './input-queue.ts';
import type { InputContent, RefusalReason, SendOutcome } from './input-queue.ts';

/** What the host does with inputs: applies each number once, in order. The wire in between can be cut. */
class Ledger {
  typed = '';
  lastInput = 0;
  /** Every sending, with the number it had. */
  readonly sendings: { n: number; text: string }[] = [];
  #behave: (n: number) => 'deliver' | 'lose-request' | 'lose-answer' | 'hold' | SendOutcome = () => 'deliver';

  behave(behaviour: (n: number) => 'deliver' | 'lose-request' | 'lose-answer' | 'hold' | SendOutcome): void {
    this.#behave = behaviour;
  }

  send = async (n: number, content: InputContent, signal: AbortSignal): Promise<SendOutcome> => {
    const text = 'data' in content ? content.data : atob(content.base64);
    this.sendings.push({ n, text });
    const behaviour = this.#behave(n);
    await Promise.resolve();
    if (typeof behaviour === 'object') return behaviour;
    if (behaviour === 'lose-request' || behaviour === 'hold') return lost(signal);
    const outcome = this.#apply(n, text);
    return behaviour === 'lose-answer' ? lost(signal) : outcome;
  };

  #apply(n: number, text: string): SendOutcome {
    if (n > this.lastInput + 1) return { kind: 'gap' };
    if (n === this.lastInput + 1) {
      this.typed += text;
      this.lastInput = n;
    }
    return { kind: 'applied', lastInput: this.lastInput };
  }
}

function lost(signal: AbortSignal): Promise<SendOutcome> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve({ kind: 'again', answered: false }), { once: true });
  });
}

function setUp() {
  const ledger = new Ledger();
  const refused: RefusalReason[] = [];
  let outOfStep = 0;
  const queue = new InputQueue({
    send: ledger.send,
    onRefused: (reason) => refused.push(reason),
    onOutOfStep: () => {
      outOfStep += 1;
    },
    now: () => Date.now(),
  });
  return { ledger, refused, queue, outOfStep: () => outOfStep };
}

const settled = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('keys are numbered from one and typed in order', async () => {
  const { ledger, queue } = setUp();
  queue.open(0);
  for (const key of 'hello') queue.type(key);
  await settled();
  expect(ledger.typed).toBe('hello');
  expect(ledger.sendings.map(({ n }) => n)).toEqual([1, 2, 3, 4, 5]);
  expect(queue.pending).toBe(0);
});

test('inputs under way are bounded and what waits goes together', async () => {
  const { ledger, queue } = setUp();
  ledger.behave(() => 'hold');
  queue.open(0);
  for (let i = 0; i < 100; i += 1) queue.type('x');
  await settled();
  expect(ledger.sendings.length).toBe(8);
  ledger.behave(() => 'deliver');
  queue.cut();
  queue.open(0);
  await settled();
  expect(ledger.typed).toBe('x'.repeat(100));
  expect(ledger.lastInput).toBe(9);
});

test('an input whose answer was lost in the cut is not typed twice', async () => {
  const { ledger, queue } = setUp();
  queue.open(0);
  ledger.behave(() => 'lose-answer');
  queue.type('a');
  queue.type('b');
  await settled();
  queue.cut();
  ledger.behave(() => 'deliver');
  queue.open(ledger.lastInput);
  queue.type('c');
  await settled();
  expect(ledger.typed).toBe('abc');
});

test('an input that never arrived is sent again after the cut, before what was typed in it', async () => {
  const { ledger, queue, refused } = setUp();
  queue.open(0);
  ledger.behave((n) => (n === 1 ? 'deliver' : 'lose-request'));
  for (const key of 'abc') queue.type(key);
  await settled();
  queue.cut();
  queue.type('d');
  ledger.behave(() => 'deliver');
  await vi.advanceTimersByTimeAsync(3000);
  queue.open(ledger.lastInput);
  await settled();
  expect(ledger.typed).toBe('abcd');
  expect(refused).toEqual([]);
});

test('cuts at every step of a line of keys leave each key typed once, in order', async () => {
  const line = 'abcdefghij';
  for (const behaviour of ['lose-request', 'lose-answer'] as const) {
    for (let cutAt = 1; cutAt <= line.length; cutAt += 1) {
      const { ledger, queue } = setUp();
      queue.open(0);
      ledger.behave((n) => (n >= cutAt ? behaviour : 'deliver'));
      for (const key of line) {
        queue.type(key);
        await settled();
      }
      queue.cut();
      ledger.behave(() => 'deliver');
      queue.open(ledger.lastInput);
      await settled();
      expect(ledger.typed).toBe(line);
    }
  }
});

test('a full input buffer makes everything from there on wait and go again in order', async () => {
  const { ledger, queue } = setUp();
  let full = true;
  ledger.behave((n) => (n === 2 && full ? { kind: 'again', answered: true } : 'deliver'));
  queue.open(0);
  for (const key of 'abcd') queue.type(key);
  await settled();
  expect(ledger.typed).toBe('a');
  full = false;
  await vi.advanceTimersByTimeAsync(1000);
  expect(ledger.typed).toBe('abcd');
});

test('a server that counts from elsewhere is asked for a new hello, and the numbers follow it', async () => {
  const { ledger, queue, outOfStep, refused } = setUp();
  queue.open(0);
  queue.type('a');
  queue.type('b');
  await settled();
  ledger.lastInput = 0; // a new host without the old ledger
  queue.type('c');
  await settled();
  expect(outOfStep()).toBe(1);
  queue.open(0);
  expect(refused).toEqual(['unknown']);
  queue.type('d');
  await settled();
  expect(ledger.typed).toBe('abd');
  expect(ledger.lastInput).toBe(1);
});

test('keys typed in a cut wait ten seconds, then are refused together, and so is everything after them', async () => {
  const { ledger, queue, refused } = setUp();
  queue.open(0);
  queue.cut();
  expect(queue.type('rm -rf ')).toBe(true);
  await vi.advanceTimersByTimeAsync(9000);
  expect(queue.type('./x')).toBe(true);
  queue.expire();
  expect(refused).toEqual([]);
  await vi.advanceTimersByTimeAsync(1500);
  queue.expire();
  expect(refused).toEqual(['not-connected']);
  expect(queue.type('\r')).toBe(false);
  queue.open(0);
  await settled();
  expect(ledger.typed).toBe('');
  queue.type('ok');
  await settled();
  expect(ledger.typed).toBe('ok');
});

test('more than 4 KB typed in a cut is refused visibly and nothing after it gets through', async () => {
  const { ledger, queue, refused } = setUp();
  queue.open(0);
  queue.cut();
  expect(queue.type('a'.repeat(4096))).toBe(true);
  expect(queue.type('b')).toBe(false);
  expect(queue.type('c')).toBe(false);
  expect(refused).toEqual(['not-connected', 'not-connected']);
  queue.open(0);
  await settled();
  expect(ledger.typed).toBe('a'.repeat(4096));
});

test('a key that hung in the air while the phone slept is not typed hours later, and numbering goes on', async () => {
  const { ledger, queue, refused } = setUp();
  queue.open(0);
  ledger.behave(() => 'lose-request');
  queue.type('y');
  await vi.advanceTimersByTimeAsync(2 * 3_600_000);
  queue.cut();
  ledger.behave(() => 'deliver');
  queue.open(0);
  expect(refused).toEqual(['not-connected']);
  queue.type('n');
  await settled();
  expect(ledger.typed).toBe('n');
  expect(ledger.lastInput).toBe(2);
});

test('a long paste that the program reads slowly survives a short cut whole', async () => {
  const { ledger, queue, refused } = setUp();
  const text = '0123456789abcdef'.repeat(64 * 1024);
  queue.open(0);
  ledger.behave((n) => (n <= 20 ? 'deliver' : 'lose-answer'));
  queue.type(text);
  await vi.advanceTimersByTimeAsync(6000);
  queue.cut();
  await vi.advanceTimersByTimeAsync(3000);
  ledger.behave(() => 'deliver');
  queue.open(ledger.lastInput);
  await settled();
  expect(ledger.typed.length).toBe(text.length);
  expect(ledger.typed === text).toBe(true);
  expect(refused).toEqual([]);
});

test('what may wait for a slow program is bounded', async () => {
  const { ledger, queue, refused } = setUp();
  ledger.behave(() => 'hold');
  queue.open(0);
  expect(queue.type('x'.repeat(4 * 1024 * 1024))).toBe(true);
  expect(queue.type('y'.repeat(1024 * 1024))).toBe(false);
  expect(refused).toEqual(['too-much']);
});

test('a device that may only look is told so, and nothing stays behind', async () => {
  const { ledger, queue, refused } = setUp();
  ledger.behave(() => ({ kind: 'not-allowed' }));
  queue.open(0);
  queue.type('a');
  await settled();
  expect(refused).toEqual(['not-allowed']);
  expect(queue.pending).toBe(0);
});

test('input to an ended session is dropped without a word: the page says that it ended', async () => {
  const { ledger, queue, refused } = setUp();
  ledger.behave(() => ({ kind: 'ended' }));
  queue.open(0);
  queue.type('a');
  await settled();
  expect(refused).toEqual([]);
  expect(queue.pending).toBe(0);
});

test('bytes are sent as bytes, in their place among texts', async () => {
  const { ledger, queue } = setUp();
  queue.open(0);
  queue.cut();
  queue.type('a');
  queue.typeBytes(btoa('\u00ff'));
  queue.type('b');
  queue.open(0);
  await settled();
  expect(ledger.typed).toBe('a\u00ffb');
  expect(ledger.sendings.map(({ text }) => text)).toEqual(['a', '\u00ff', 'b']);
});
