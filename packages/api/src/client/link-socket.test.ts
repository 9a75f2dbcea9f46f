import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { makeLinkSocketClass } from './link-socket.ts';
import type { LinkSocketOptions } from './link-socket.ts';

/** What a link does: how long it takes to open, and there and back (ms); undefined: never. */
let link: { openMs: number | undefined; answerMs: number | undefined };
let attempts = 0;
const inners: PaperWebSocket[] = [];

class PaperWebSocket extends EventTarget {
  binaryType = 'blob';
  bufferedAmount = 0;

  constructor() {
    super();
    attempts += 1;
    inners.push(this);
    if (link.openMs !== undefined) setTimeout(() => this.dispatchEvent(new Event('open')), link.openMs);
  }

  send(data: string): void {
    if (data === 'PING' && link.answerMs !== undefined)
      setTimeout(() => this.dispatchEvent(new MessageEvent('message', { data: 'PONG' })), link.answerMs);
  }

  close(): void {
    // The link is what these tests are about, not its end.
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  attempts = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

/** Connects again at once whenever it is cut, as the library does. */
function connect(options: LinkSocketOptions = {}): { ends: string[]; newest: () => WebSocket } {
  const Link = makeLinkSocketClass({ ...options, WebSocket: PaperWebSocket as unknown as typeof WebSocket });
  const ends: string[] = [];
  let socket: WebSocket;
  const open = (): void => {
    socket = new Link('ws://x');
    socket.addEventListener('close', ({ reason }) => {
      ends.push(`${Math.round(performance.now() / 100) / 10} s: ${reason}`);
      if (ends.length < 10) open();
    });
  };
  vi.setSystemTime(0);
  open();
  return { ends, newest: () => socket };
}

test('a quick link that goes silent is given up after five seconds', async () => {
  link = { openMs: 50, answerMs: 50 };
  const { ends } = connect();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(ends).toEqual([]);
  const since = performance.now();
  link = { openMs: undefined, answerMs: undefined };
  await vi.advanceTimersByTimeAsync(6000);
  expect(ends).toEqual([expect.stringContaining('no sign of life')]);
  expect(Number.parseFloat(ends[0] ?? '') * 1000 - since).toBeLessThanOrEqual(5100);
});

test('a link on which an answer takes three seconds stays, and when it goes silent that is noticed within ten', async () => {
  link = { openMs: 6000, answerMs: 3000 };
  const { ends } = connect();
  await vi.advanceTimersByTimeAsync(120_000);
  // The first attempt was too short.
  expect(ends.length).toBe(1);
  const since = performance.now();
  link = { openMs: undefined, answerMs: undefined };
  await vi.advanceTimersByTimeAsync(14_000);
  expect(ends[1]).toContain('no sign of life');
  // From the last answer that came, and that is when the silence begins: 3 + 6 s.
  expect(Number.parseFloat(ends[1] ?? '') * 1000 - since).toBeLessThanOrEqual(10_000);
});

test('attempts that hang get more time each, up to a limit, and the usual one again once a link was open', async () => {
  link = { openMs: undefined, answerMs: 10 };
  const { ends } = connect();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(ends.slice(0, 5).map((end) => Number.parseFloat(end))).toEqual([5, 12.5, 20.5, 28.5, 36.5]);
  link.openMs = 10;
  await vi.advanceTimersByTimeAsync(20_000);
  link = { openMs: undefined, answerMs: undefined };
  const { length } = ends;
  await vi.advanceTimersByTimeAsync(5000 + 5000 + 3000);
  expect(ends.length).toBe(length + 2);
});

test('where nobody looks nothing is tried, and at the first look it is', async () => {
  link = { openMs: 10, answerMs: 10 };
  const waiting = new Set<() => void>();
  const { ends, newest } = connect({
    whenSeen: (open) => {
      waiting.add(open);
      return () => waiting.delete(open);
    },
  });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(attempts).toBe(0);
  for (const open of waiting) open();
  await vi.advanceTimersByTimeAsync(10);
  expect([attempts, newest().readyState, ends.length]).toEqual([1, 1, 0]);
  // One that is given up before it was opened never is.
  newest().close();
  expect(waiting.size).toBe(1);
  newest().close();
  for (const open of waiting) open();
  expect(attempts).toBe(2);
});

test('a link that was slow and is quick again is measured, though it is never silent', async () => {
  link = { openMs: 10, answerMs: 1500 };
  const roundTrips: number[] = [];
  const { newest } = connect({ onRoundTrip: (ms) => roundTrips.push(Math.round(ms)) });
  await vi.advanceTimersByTimeAsync(6000);
  expect(roundTrips).toEqual([1500]);
  link.answerMs = 20;
  const [inner] = inners.slice(-1);
  for (let second = 0; second < 10; second += 1) {
    await vi.advanceTimersByTimeAsync(1000);
    inner?.dispatchEvent(new MessageEvent('message', { data: '{}' }));
  }
  expect(newest().readyState).toBe(1);
  expect(roundTrips.at(-1)).toBe(20);
  // Not with each message.
  expect(roundTrips.length).toBeLessThan(6);
});

test('whoever only receives says each three seconds that it is there, though nothing is answered', async () => {
  link = { openMs: 10, answerMs: undefined };
  const { ends } = connect();
  await vi.advanceTimersByTimeAsync(10);
  const inner = inners.at(-1);
  const send = vi.spyOn(inner as PaperWebSocket, 'send');
  for (let second = 0; second < 30; second += 1) {
    await vi.advanceTimersByTimeAsync(1000);
    inner?.dispatchEvent(new MessageEvent('message', { data: '{}' }));
  }
  expect(ends).toEqual([]);
  expect(send.mock.calls.length).toBeGreaterThanOrEqual(9);
  expect(send.mock.calls.length).toBeLessThanOrEqual(11);
});
