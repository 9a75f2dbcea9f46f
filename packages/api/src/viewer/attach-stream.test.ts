import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Attach, AttachEvent } from '../schema/output.ts';
import { AttachStream } from './attach-stream.ts';
import type { SessionFact, StreamHandlers, TerminalPort } from './attach-stream.ts';

const session = { id: 'a', run: 1 } as Extract<AttachEvent, { type: 'hello' }>['session'];
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function hello(endOffset: number, size = { cols: 50, rows: 30 }): AttachEvent {
  return { type: 'hello', session, size, title: 't', state: 'running', firstOffset: 0, endOffset, controller: null, lastInput: 0 };
}
const snapshot = (offset: number): AttachEvent => ({
  type: 'snapshot',
  offset,
  run: 1,
  cols: 50,
  rows: 30,
  state: new Uint8Array(0),
  reason: 'attach',
});
interface PaperState {
  readonly titles: { readonly window: string };
}
/** A state that stands for this text: the paper terminal below knows no other. */
const screenOf = (text: string): PaperState => ({ titles: { window: text } });
const screen = (offset: number, text: string, size = { cols: 50, rows: 30 }): AttachEvent => ({
  type: 'snapshot',
  offset,
  run: 1,
  ...size,
  state: bytes(text),
  reason: 'attach',
});
const output = (offset: number, text: string): AttachEvent => ({ type: 'output', offset, bytes: bytes(text) });

/** Parses when told to; shows content as text. */
class PaperTerminal implements TerminalPort<PaperState> {
  text = '';
  size = '';
  refusesScreens = false;
  readonly queue: (() => void)[] = [];

  write(chunk: Uint8Array, parsed: () => void): void {
    this.queue.push(() => {
      this.text += new TextDecoder().decode(chunk);
      parsed();
    });
  }
  resize(cols: number, rows: number): void {
    this.queue.push(() => (this.size = `${cols}x${rows}`));
  }
  reset(cols: number, rows: number, note?: string): void {
    this.queue.push(() => {
      this.text = note === undefined ? '' : `(${note})`;
      this.size = `${cols}x${rows}`;
    });
  }
  restore(state: PaperState, outcome: Parameters<TerminalPort<PaperState>['restore']>[1]): void {
    this.queue.push(() => {
      if (this.refusesScreens) {
        outcome.failed(new Error('refused'));
        return;
      }
      this.text = state.titles.window;
      outcome.done();
    });
  }
  screen(): { hash: string; cols: number; rows: number } {
    const [cols = 0, rows = 0] = this.size.split('x').map(Number);
    return { hash: this.text, cols, rows };
  }
  parse(): void {
    for (const step of this.queue.splice(0)) step();
  }
}

class FakeApi {
  readonly requests: Attach[] = [];
  readonly acks: number[] = [];
  handlers: StreamHandlers | undefined;
  unsubscribed = 0;

  attach(request: Attach, handlers: StreamHandlers): { unsubscribe(): void } {
    this.requests.push(request);
    this.handlers = handlers;
    return {
      unsubscribe: () => {
        this.unsubscribed += 1;
      },
    };
  }
  ack(offset: number): void {
    this.acks.push(offset);
  }
  readonly proofs: string[] = [];
  prove(offset: number, { hash, cols, rows, run }: { hash: string; cols: number; rows: number; run: number }): void {
    this.proofs.push(`${offset}: ${hash}, ${cols}x${rows}, run ${run}`);
  }
  isFinal(error: unknown): boolean {
    return error === 'final';
  }
  send(id: string, data: AttachEvent): void {
    this.handlers?.onEvent({ id, data });
  }
}

/** Unpacks when told to. */
class FakeUnpacker {
  readonly waiting: { readonly state: Uint8Array; readonly signal: AbortSignal; settle: (outcome: 'works' | 'fails') => void }[] = [];

  readonly unpack = (state: Uint8Array, signal: AbortSignal): Promise<PaperState> =>
    new Promise((resolve, reject) => {
      const settle = (outcome: 'works' | 'fails'): void => {
        if (outcome === 'works') resolve(screenOf(new TextDecoder().decode(state)));
        else reject(new Error('damaged'));
      };
      this.waiting.push({ state, signal, settle });
    });

  /** The oldest one, and what follows from it. */
  async next(outcome: 'works' | 'fails' = 'works'): Promise<void> {
    this.waiting.shift()?.settle(outcome);
    await vi.advanceTimersByTimeAsync(0);
  }
}

function setUp() {
  const api = new FakeApi();
  const terminal = new PaperTerminal();
  const unpacker = new FakeUnpacker();
  const log: string[] = [];
  const facts: SessionFact[] = [];
  const parsed: number[] = [];
  const stream = new AttachStream({
    api,
    sessionId: 's',
    viewerId: 'v',
    terminal,
    unpack: unpacker.unpack,
    wish: () => ({ cols: 52, rows: 40 }),
    sized: () => undefined,
    onFact: (fact) => facts.push(fact),
    onParsed: (offset) => parsed.push(offset),
    onSize: () => undefined,
    onInterrupted: () => log.push('interrupted'),
    onFailed: (error) => log.push(`failed ${String(error)}`),
    onHole: () => log.push('hole'),
  });
  return { api, terminal, unpacker, log, facts, parsed, stream };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('a fresh page asks without a position and shows what comes', () => {
  const { api, terminal, stream, parsed } = setUp();
  stream.start();
  expect(api.requests).toEqual([{ sessionId: 's', viewerId: 'v', cols: 52, rows: 40 }]);
  api.send('0.0.1', hello(5));
  api.send('1.0.2', snapshot(0));
  api.send('1.5.2', output(0, 'hello'));
  terminal.parse();
  expect(terminal.text).toBe('hello');
  expect(terminal.size).toBe('50x30');
  expect(parsed).toEqual([0, 5]);
});

test('a resize takes effect where it happened, and the size in a hello of a resume does not', () => {
  const { api, terminal, stream } = setUp();
  stream.start();
  api.send('1', hello(5));
  api.send('2', snapshot(0));
  api.send('3', output(0, 'abc'));
  terminal.parse();
  api.send('4', hello(9, { cols: 99, rows: 9 }));
  terminal.parse();
  expect(terminal.size).toBe('50x30');
  api.send('5', { type: 'resize', offset: 3, cols: 99, rows: 9 });
  terminal.parse();
  expect(terminal.size).toBe('99x9');
});

test('only what the terminal has parsed is acknowledged', () => {
  const { api, terminal, stream } = setUp();
  stream.start();
  api.send('1', hello(5));
  api.send('2', snapshot(0));
  api.send('3', output(0, 'hello'));
  vi.advanceTimersByTime(1000);
  expect(api.acks).toEqual([]);
  terminal.parse();
  vi.advanceTimersByTime(1000);
  expect(api.acks.at(-1)).toBe(5);
});

test('bytes that come twice are shown once', () => {
  const { api, terminal, stream } = setUp();
  stream.start();
  api.send('1', hello(5));
  api.send('2', snapshot(0));
  api.send('3', output(0, 'hello'));
  api.send('4', hello(5));
  api.send('5', output(3, 'lo world'));
  terminal.parse();
  expect(terminal.text).toBe('hello world');
});

test.each<[string, AttachEvent]>([
  ['output', output(7, 'x')],
  ['a resize', { type: 'resize', offset: 7, cols: 1, rows: 1 }],
  ['a seam', { type: 'seam', offset: 7, run: 2, note: '' }],
])('%s beyond what was received makes the screen be built anew, without a position', (_name, event) => {
  const { api, terminal, stream, log } = setUp();
  stream.start();
  api.send('1', hello(5));
  api.send('2', snapshot(0));
  api.send('3', output(0, 'hello'));
  api.send('4', event);
  expect(log).toEqual(['hole', 'interrupted']);
  vi.advanceTimersByTime(250);
  expect(api.requests.at(-1)).not.toHaveProperty('lastEventId');
  api.send('1', hello(8));
  api.send('2', snapshot(0));
  api.send('3', output(0, 'hello wx'));
  terminal.parse();
  expect(terminal.text).toBe('hello wx');
});

test('a stream that the server ends is taken up where it was', () => {
  const { api, stream, log } = setUp();
  stream.start();
  api.send('1', hello(5));
  api.send('2', snapshot(0));
  api.send('1.5.0', output(0, 'hello'));
  api.handlers?.onEnded(new Error('host away'));
  expect(log).toEqual(['interrupted']);
  vi.advanceTimersByTime(250);
  expect(api.requests).toHaveLength(2);
  expect(api.requests[1]?.lastEventId).toBe('1.5.0');
});

test('a session that is gone is not asked for again', () => {
  const { api, stream, log } = setUp();
  stream.start();
  api.handlers?.onEnded('final');
  vi.advanceTimersByTime(60_000);
  expect(log).toEqual(['failed final']);
  expect(api.requests).toHaveLength(1);
});

test('a late word of a replaced subscription does not count', () => {
  const { api, terminal, stream } = setUp();
  stream.start();
  const old = api.handlers;
  stream.resubscribe();
  old?.onEvent({ id: '9', data: output(0, 'stale') });
  old?.onEnded(undefined);
  api.send('1', hello(0));
  api.send('2', snapshot(0));
  api.send('3', output(0, 'new'));
  terminal.parse();
  vi.advanceTimersByTime(60_000);
  expect(terminal.text).toBe('new');
  expect(api.requests).toHaveLength(2);
});

test('a seam blanks the terminal at the size it has and says what happened', () => {
  const { api, terminal, stream, facts } = setUp();
  stream.start();
  api.send('1', hello(5));
  api.send('2', snapshot(0));
  api.send('3', { type: 'resize', offset: 0, cols: 60, rows: 20 });
  api.send('4', output(0, 'hello'));
  api.send('5', { type: 'seam', offset: 5, run: 2, note: 'restarted' });
  api.send('6', output(5, 'next'));
  terminal.parse();
  expect(terminal.text).toBe('(restarted)next');
  expect(terminal.size).toBe('60x20');
  expect(facts.map(({ type }) => type)).toEqual(['hello', 'seam']);
});

test('parsing that ends after a snapshot says nothing about the new content', () => {
  const { api, terminal, stream, parsed } = setUp();
  stream.start();
  api.send('1', hello(5));
  api.send('2', snapshot(0));
  api.send('3', output(0, 'hello'));
  api.send('4', snapshot(2));
  terminal.parse();
  expect(parsed).toEqual([2]);
  expect(terminal.text).toBe('');
});

test('a snapshot replaces the screen, and output goes on behind it', async () => {
  const { api, terminal, unpacker, stream, parsed } = setUp();
  stream.start();
  api.send('0.0.1', hello(900));
  api.send('1.700.2', screen(700, 'seven hundred', { cols: 60, rows: 20 }));
  await unpacker.next();
  api.send('1.704.0', output(700, ' ok.'));
  terminal.parse();
  expect(terminal.text).toBe('seven hundred ok.');
  expect(parsed).toEqual([700, 704]);
  await vi.advanceTimersByTimeAsync(1000);
  expect(api.acks).toEqual([700, 704]);
  expect(stream.receivedOffset).toBe(704);
});

test('what comes while a snapshot is being unpacked waits, and takes effect behind it in its order', async () => {
  const { api, terminal, unpacker, stream, facts } = setUp();
  stream.start();
  api.send('0.0.1', hello(5));
  api.send('1.0.2', snapshot(0));
  api.send('1.5.0', output(0, 'hello'));
  terminal.parse();
  api.send('1.50.3', screen(50, 'fifty'));
  api.send('1.53.0', output(50, 'abc'));
  api.send('1.53.4', { type: 'resize', offset: 53, cols: 99, rows: 9 });
  api.send('1.53.5', { type: 'title', title: 'new' });
  api.send('1.56.0', output(53, 'def'));
  terminal.parse();
  // The old screen stays to the end: no blank, and nothing of the new one in it.
  expect(terminal.text).toBe('hello');
  expect(terminal.size).toBe('50x30');
  expect(facts.map(({ type }) => type)).toEqual(['hello']);
  await unpacker.next();
  terminal.parse();
  expect(terminal.text).toBe('fiftyabcdef');
  expect(terminal.size).toBe('99x9');
  expect(facts.map(({ type }) => type)).toEqual(['hello', 'title']);
});

test('a snapshot behind a snapshot that is being unpacked waits for it, with what follows', async () => {
  const { api, terminal, unpacker, stream, parsed } = setUp();
  stream.start();
  api.send('0.0.1', hello(5));
  api.send('1.10.2', screen(10, 'ten'));
  api.send('1.12.0', output(10, 'xx'));
  api.send('1.90.3', screen(90, 'ninety'));
  api.send('1.93.0', output(90, 'one'));
  await unpacker.next();
  api.send('1.96.0', output(93, 'two'));
  terminal.parse();
  expect(terminal.text).toBe('tenxx');
  await unpacker.next();
  terminal.parse();
  expect(terminal.text).toBe('ninetyonetwo');
  expect(parsed).toEqual([10, 12, 90, 93, 96]);
});

test('a stream that ends while a snapshot is being unpacked is taken up from what the terminal has', async () => {
  const { api, terminal, unpacker, stream } = setUp();
  stream.start();
  api.send('0.0.1', hello(5));
  api.send('1.0.2', snapshot(0));
  api.send('1.5.0', output(0, 'hello'));
  api.send('1.50.3', screen(50, 'fifty'));
  api.send('1.53.0', output(50, 'abc'));
  api.handlers?.onEnded(new Error('host away'));
  expect(unpacker.waiting[0]?.signal.aborted).toBe(true);
  await unpacker.next();
  await vi.advanceTimersByTimeAsync(250);
  expect(api.requests.at(-1)?.lastEventId).toBe('1.5.0');
  api.send('1.5.4', hello(9));
  api.send('1.9.0', output(5, ' you'));
  terminal.parse();
  expect(terminal.text).toBe('hello you');
});

test.each(['unpacked', 'restored'] as const)(
  'a snapshot that cannot be %s is counted, and bytes are asked for on a blank',
  async (step) => {
    const { api, terminal, unpacker, stream, log, parsed } = setUp();
    stream.start();
    api.send('0.0.1', hello(500));
    terminal.refusesScreens = step === 'restored';
    api.send('1.500.2', screen(500, 'damaged'));
    api.send('1.503.0', output(500, 'abc'));
    await unpacker.next(step === 'unpacked' ? 'fails' : 'works');
    terminal.parse();
    terminal.parse();
    expect(log).toEqual(['hole', 'interrupted']);
    expect(terminal.text).toBe('');
    await vi.advanceTimersByTimeAsync(250);
    expect(api.requests.at(-1)).toMatchObject({ have: { run: 1, offset: 0, mark: 0 } });
    expect(api.requests.at(-1)).not.toHaveProperty('lastEventId');
    api.send('1.0.1', hello(503));
    api.send('1.5.0', output(0, 'hello'));
    terminal.parse();
    expect(terminal.text).toBe('hello');
    expect(parsed).toEqual([5]);
  },
);

test('after three more snapshots that cannot be shown the failure is, and nothing is asked for any more', async () => {
  const { api, unpacker, stream, log } = setUp();
  stream.start();
  for (let attempt = 0; attempt < 4; attempt += 1) {
    api.send('0.0.1', hello(500));
    api.send('1.500.2', screen(500, 'damaged'));
    await unpacker.next('fails');
    await vi.advanceTimersByTimeAsync(2000);
  }
  expect(log.filter((word) => word === 'hole')).toHaveLength(4);
  expect(log.at(-1)).toBe('failed Error: damaged');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(api.requests).toHaveLength(4);
});

test('one snapshot that works makes up for those that did not', async () => {
  const { api, terminal, unpacker, stream, log } = setUp();
  stream.start();
  for (const outcome of ['fails', 'fails', 'fails', 'works', 'fails', 'fails', 'fails'] as const) {
    api.send('0.0.1', hello(500));
    api.send('1.500.2', screen(500, 'text'));
    await unpacker.next(outcome);
    terminal.parse();
    await vi.advanceTimersByTimeAsync(2000);
  }
  expect(log.some((word) => word.startsWith('failed'))).toBe(false);
});

test('bytes from the beginning are taken from the beginning only', async () => {
  const { api, terminal, unpacker, stream, log } = setUp();
  stream.start();
  api.send('0.0.1', hello(500));
  api.send('1.500.2', screen(500, 'damaged'));
  await unpacker.next('fails');
  await vi.advanceTimersByTimeAsync(250);
  api.send('1.0.1', hello(5));
  api.send('1.3.0', output(3, 'lo'));
  expect(log.filter((word) => word === 'hole')).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(2000);
  api.send('1.0.1', hello(5));
  api.send('1.5.0', output(0, 'hello'));
  terminal.parse();
  expect(terminal.text).toBe('hello');
});

test('what is shown at a quiet moment is told once, never while more is on its way', async () => {
  const { api, terminal, stream } = setUp();
  stream.start();
  api.send('0.0.1', hello(500));
  api.send('1.0.1', snapshot(0));
  api.send('1.5.1', output(0, 'hello'));
  terminal.parse();
  await vi.advanceTimersByTimeAsync(900);
  api.send('1.6.1', output(5, '!'));
  terminal.parse();
  await vi.advanceTimersByTimeAsync(900);
  expect(api.proofs).toEqual([]);
  // Received and not parsed: not yet.
  api.send('1.7.1', output(6, '?'));
  await vi.advanceTimersByTimeAsync(5000);
  expect(api.proofs).toEqual([]);
  terminal.parse();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(api.proofs).toEqual(['7: hello!?, 50x30, run 1']);
  api.send('1.8.1', output(7, 'x'));
  terminal.parse();
  stream.stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(api.proofs).toHaveLength(1);
});

test('after the page has left, what the terminal had in its queue asks for nothing', async () => {
  const { api, terminal, unpacker, stream, log } = setUp();
  stream.start();
  api.send('0.0.1', hello(500));
  api.send('1.500.2', screen(500, 'text'));
  terminal.refusesScreens = true;
  await unpacker.next();
  stream.stop();
  terminal.parse();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(api.requests).toHaveLength(1);
  expect(log).toEqual([]);
});

test('cuts, repeats and holes anywhere leave the terminal equal to the stream', () => {
  const text = Array.from({ length: 500 }, (_, i) => `${i},`).join('');
  for (let seed = 1; seed <= 50; seed += 1) {
    let state = seed;
    const random = (below: number): number => {
      state = (state * 48271) % 0x7fffffff;
      return state % below;
    };
    const { api, terminal, stream } = setUp();
    stream.start();
    let at = 0;
    const begin = (from: number): void => {
      at = from;
      api.send('0', hello(text.length));
      if (from === 0) api.send(`1.${from}.1`, snapshot(0));
    };
    begin(0);
    for (let requests = api.requests.length; at < text.length;) {
      const length = 1 + random(200);
      const chunk = text.slice(at, at + length);
      const luck = random(10);
      const before = Math.max(0, at - random(50));
      if (luck === 0) api.send(`1.${at}.0`, output(before, text.slice(before, at)));
      if (luck === 1 && at + 10 < text.length) api.send('x', output(at + 10, 'hole'));
      else if (luck === 2) api.handlers?.onEnded(undefined);
      else {
        const from = Math.max(0, at - (luck === 3 ? random(30) : 0));
        api.send(`1.${at + chunk.length}.0`, output(from, text.slice(from, at + chunk.length)));
        at += chunk.length;
      }
      if (random(3) === 0) terminal.parse();
      vi.advanceTimersByTime(2000);
      if (api.requests.length > requests) {
        requests = api.requests.length;
        const id = api.requests.at(-1)?.lastEventId;
        begin(id === undefined ? 0 : (stream.receivedOffset ?? 0));
      }
    }
    terminal.parse();
    expect(terminal.text, `seed ${seed}`).toBe(text);
  }
});
