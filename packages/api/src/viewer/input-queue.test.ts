import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { InputQueue } from './input-queue.ts';
import type { InputContent, InputFate, RefusalReason, SendOutcome } from './input-queue.ts';

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
    const isDuplicate = n <= this.lastInput;
    if (!isDuplicate) {
      this.typed += text;
      this.lastInput = n;
    }
    return { kind: 'applied', lastInput: this.lastInput, isDuplicate };
  }

  /** A sending that lay in a buffer takes effect. */
  late(n: number, text: string): void {
    this.#apply(n, text);
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
  const refusedCharacters: number[] = [];
  let outOfStep = 0;
  const queue = new InputQueue({
    send: ledger.send,
    onRefused: (reason, characters) => {
      refused.push(reason);
      refusedCharacters.push(characters);
    },
    onOutOfStep: () => {
      outOfStep += 1;
    },
    now: () => Date.now(),
  });
  return { ledger, refused, refusedCharacters, queue, outOfStep: () => outOfStep };
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
  queue.type('n');
  await settled();
  expect(refused).toEqual(['not-connected']);
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

test('what comes too late for a program that has ended is said to be not typed', async () => {
  const { ledger, queue, refused, refusedCharacters } = setUp();
  ledger.behave((n) => (n === 1 ? 'deliver' : { kind: 'ended' }));
  queue.open(0);
  for (const key of 'abc') queue.type(key);
  await settled();
  expect(ledger.typed).toBe('a');
  expect([refused, refusedCharacters]).toEqual([['ended'], [2]]);
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

test('a paste is sent in small pieces until answers show that the link is quick', async () => {
  const { ledger, queue } = setUp();
  ledger.behave(() => 'hold');
  queue.open(0);
  queue.type('x'.repeat(200_000));
  await settled();
  expect(ledger.sendings.map(({ text }) => text.length)).toEqual([4096]);
  ledger.behave(() => 'deliver');
  queue.cut();
  queue.open(0);
  await settled();
  expect(ledger.typed.length).toBe(200_000);
  expect(ledger.sendings.at(-2)?.text.length).toBe(16 * 1024);
});

test('on a link of 8 kB/s nothing larger than it carries in two seconds is under way at a time', async () => {
  const { queue } = setUp();
  const text = 'x'.repeat(100_000);
  let [underWay, most, typed, freeAt, lastInput] = [0, 0, 0, 0, 0];
  const slow = new InputQueue({
    send: async (n, content) => {
      const bytes = 'data' in content ? content.data.length : 0;
      underWay += bytes;
      most = Math.max(most, underWay);
      freeAt = Math.max(freeAt, Date.now()) + bytes / 8;
      await new Promise((resolve) => setTimeout(resolve, freeAt + 150 - Date.now()));
      underWay -= bytes;
      typed += bytes;
      lastInput = n;
      return { kind: 'applied', lastInput, isDuplicate: false };
    },
    onRefused: () => expect.unreachable(),
    onOutOfStep: () => expect.unreachable(),
    now: () => Date.now(),
  });
  slow.open(0);
  slow.type('k');
  await vi.advanceTimersByTimeAsync(1000);
  slow.type(text);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(typed).toBe(text.length + 1);
  expect(most).toBeLessThan(16_000);
  expect(queue.pending).toBe(0);
});

test('a paste whose rest is given up after a long cut is ended all the same, before anything that is typed later', async () => {
  const { ledger, queue, refused } = setUp();
  const fates: InputFate[] = [];
  const paste = `\u001b[200~${'0123456789abcdef'.repeat(2048)}\u001b[201~`;
  queue.open(0);
  ledger.behave((n) => (n <= 2 ? 'deliver' : 'lose-request'));
  queue.type(paste, (fate) => fates.push(fate));
  await settled();
  queue.cut();
  await vi.advanceTimersByTimeAsync(20_000);
  queue.expire();
  ledger.behave(() => 'deliver');
  queue.open(ledger.lastInput);
  queue.type('ls\r');
  await settled();
  expect(ledger.typed.endsWith('\u001b[201~ls\r')).toBe(true);
  expect(paste.startsWith(ledger.typed.slice(0, -9))).toBe(true);
  expect(ledger.typed.length).toBeGreaterThan(1000);
  expect(refused.every((reason) => reason === 'not-connected')).toBe(true);
  expect(fates).toEqual(['partly']);
});

test('a paste of which nothing was typed is not ended', async () => {
  const { ledger, queue } = setUp();
  queue.open(0);
  ledger.behave(() => 'lose-request');
  queue.type(`\u001b[200~${'x'.repeat(10_000)}\u001b[201~`);
  await settled();
  queue.cut();
  await vi.advanceTimersByTimeAsync(20_000);
  ledger.behave(() => 'deliver');
  queue.open(0);
  await settled();
  queue.type('ls');
  await settled();
  expect(ledger.typed).toBe('ls');
});

test('keys that a stopped server types after all are not said to be lost, and those behind them are', async () => {
  const { ledger, queue, refused, refusedCharacters } = setUp();
  const fates: (InputFate | undefined)[] = [];
  queue.open(0);
  ledger.behave(() => 'hold');
  Array.from('abcdefghij').forEach((key, index) => queue.type(key, (fate) => (fates[index] = fate)));
  await settled();
  await vi.advanceTimersByTimeAsync(5000);
  queue.cut();
  await vi.advanceTimersByTimeAsync(11_000);
  queue.expire();
  expect([refused, refusedCharacters]).toEqual([['not-connected'], [2]]);
  await vi.advanceTimersByTimeAsync(5000);
  // It goes on: a new connection is greeted before it has read what the old one brought.
  ledger.behave(() => 'deliver');
  queue.open(0);
  for (let n = 1; n <= 5; n += 1) ledger.late(n, 'abcdefgh'[n - 1] ?? '');
  await settled();
  expect(ledger.typed).toBe('abcde');
  const [typed, not] = ['typed' as const, 'not-typed' as const];
  expect(fates).toEqual([typed, typed, typed, typed, typed, not, not, not, not, not]);
  expect(refusedCharacters).toEqual([2, 3]);
});

test('each input learns once what became of it', async () => {
  const { ledger, queue } = setUp();
  const fates: string[] = [];
  const type = (text: string): boolean => queue.type(text, (fate) => fates.push(`${text}: ${fate}`));
  queue.open(0);
  type('a');
  await settled();
  ledger.behave(() => 'lose-answer');
  type('b');
  await settled();
  queue.cut();
  ledger.behave(() => 'deliver');
  queue.open(ledger.lastInput);
  type('c');
  await settled();
  ledger.behave(() => 'hold');
  type('d');
  await settled();
  queue.cut();
  type('e');
  queue.leave();
  expect(fates).toEqual(['a: typed', 'b: typed', 'c: typed', 'd: unknown', 'e: not-typed']);
});

test('what was typed for a program that has ended meanwhile is not typed into the one that runs now', async () => {
  const { ledger, queue, refused } = setUp();
  queue.setRun(1);
  queue.open(0);
  ledger.behave(() => 'lose-request');
  queue.type('rm -r');
  await settled();
  queue.cut();
  queue.type('f');
  ledger.behave(() => 'deliver');
  queue.setRun(2);
  queue.open(0);
  queue.type('ok');
  await settled();
  expect(ledger.typed).toBe('ok');
  expect(refused).toEqual(['ended']);
});

test('whoever leaves in the middle of a paste ends it, and the page that follows does, too', async () => {
  const { ledger, queue } = setUp();
  queue.open(0);
  ledger.behave((n) => (n === 1 ? 'deliver' : { kind: 'again', answered: true }));
  queue.type(`\u001b[200~${'x'.repeat(40_000)}\u001b[201~`);
  await settled();
  expect(queue.leavesPasteOpen).toBe(true);
  ledger.behave(() => 'deliver');
  queue.leave();
  await settled();
  expect(ledger.typed.endsWith('x\u001b[201~')).toBe(true);
  expect(queue.pending).toBe(0);

  const next = setUp();
  next.queue.closePasteFirst();
  next.queue.type('ls');
  next.queue.open(0);
  await settled();
  expect(next.ledger.typed).toBe('\u001b[201~ls');
});

test('nothing typed is nothing lost', () => {
  const { queue } = setUp();
  const fates: InputFate[] = [];
  expect(queue.type('', (fate) => fates.push(fate))).toBe(true);
  expect(fates).toEqual(['typed']);
});
