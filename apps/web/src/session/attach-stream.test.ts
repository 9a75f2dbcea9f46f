import type { Attach, AttachEvent } from '@cotg/api/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { AttachStream } from './attach-stream.ts';
import type { SessionFact, StreamHandlers, TerminalPort } from './attach-stream.ts';

const session = { id: 'a' } as Extract<AttachEvent, { type: 'hello' }>['session'];
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function hello(endOffset: number, size = { cols: 50, rows: 30 }): AttachEvent {
  return { type: 'hello', session, size, title: 't', state: 'running', firstOffset: 0, endOffset, controller: null, lastInput: 0 };
}
const snapshot = (offset: number): AttachEvent => ({
  type: 'snapshot',
  offset,
  cols: 50,
  rows: 30,
  state: new Uint8Array(0),
  reason: 'attach',
});
const output = (offset: number, text: string): AttachEvent => ({ type: 'output', offset, bytes: bytes(text) });

/** Parses when told to; shows content as text. */
class PaperTerminal implements TerminalPort {
  text = '';
  size = '';
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
  reset(cols: number, rows: number): void {
    this.queue.push(() => {
      this.text = '';
      this.size = `${cols}x${rows}`;
    });
  }
  writeNote(text: string): void {
    this.queue.push(() => (this.text += `(${text})`));
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
  isFinal(error: unknown): boolean {
    return error === 'final';
  }
  send(id: string, data: AttachEvent): void {
    this.handlers?.onEvent({ id, data });
  }
}

function setUp() {
  const api = new FakeApi();
  const terminal = new PaperTerminal();
  const log: string[] = [];
  const facts: SessionFact[] = [];
  const parsed: number[] = [];
  const stream = new AttachStream({
    api,
    sessionId: 's',
    viewerId: 'v',
    terminal,
    wish: () => ({ cols: 52, rows: 40 }),
    onFact: (fact) => facts.push(fact),
    onParsed: (offset) => parsed.push(offset),
    onSize: () => undefined,
    onInterrupted: () => log.push('interrupted'),
    onFailed: (error) => log.push(`failed ${String(error)}`),
    onHole: () => log.push('hole'),
  });
  return { api, terminal, log, facts, parsed, stream };
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
