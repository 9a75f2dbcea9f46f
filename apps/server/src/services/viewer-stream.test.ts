import type { HostSession } from '@cotg/pty/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ViewerStream } from './viewer-stream.ts';
import type { ViewerStreamOptions } from './viewer-stream.ts';
import { Viewer } from './viewer.ts';

const session = {
  id: 's',
  run: 1,
  state: 'running',
  endOffset: 0,
  firstOffset: 0,
  lastMark: 1,
  cols: 80,
  rows: 24,
  endedAt: null,
} as HostSession;

const ENDED = { ...session, state: 'exited', reason: 'exit', exitCode: 0, signal: null, endedAt: 1, lastMark: 2 } as HostSession;
/** As it comes on the stream, a moment after the host has said so. */
const EXIT = { kind: 'exit', offset: 0, mark: 2, at: 1, run: 1, state: 'exited', reason: 'exit', exitCode: 0, signal: null };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A viewer far behind a flood, whose screens take almost all of its window. */
function setUp(
  screenBytes: number,
  { ends = false, failingLooks = 0, isTold = true } = {},
): { viewer: Viewer; stream: ViewerStream; screens: () => number } {
  const viewer = new Viewer('viewer-0001', { maySize: false });
  let [screens, end, entries] = [0, 0, 0];
  let now = session;
  let looks = 0;
  const options = {
    request: { sessionId: 's', viewerId: viewer.id },
    session,
    viewer,
    viewers: {
      controller: null,
      feed: {
        get end() {
          if (!ends) end += 10_000_000;
          return { offset: end, mark: 1 };
        },
        ahead: () => {
          entries += 1;
          return ends && isTold && entries === 1 ? { kind: 'entries', entries: [{ kind: 'mark', entry: EXIT }] } : { kind: 'end' };
        },
      },
    },
    backlog: { bufferedBytes: () => 0, isOpen: () => true },
    host: { request: async () => ({ reply: { lastInput: 0 } }) },
    screens: {
      snapshot: async () => {
        screens += 1;
        now = ends ? ENDED : session;
        return { offset: end, cols: 80, rows: 24, state: new Uint8Array(screenBytes), run: 1, mark: 1 };
      },
    },
    log: { debug: () => undefined, warn: () => undefined },
    look: async () => {
      looks += 1;
      if (now === ENDED && looks <= failingLooks) throw new Error('the host does not answer');
      return now;
    },
    hello: () => ({ type: 'hello' }),
    notice: () => undefined,
  };
  return { viewer, stream: new ViewerStream(options as unknown as ViewerStreamOptions), screens: () => screens };
}

test('a viewer that reads nothing costs nothing: its stream sleeps until it is acknowledged, also when the time for that is over', async () => {
  const { viewer, stream, screens } = setUp(7000);
  const woken = vi.spyOn(viewer, 'woken');
  const reading = (async () => {
    for await (const _ of stream.events());
  })();
  await vi.advanceTimersByTimeAsync(1);
  // The first screen has been parsed; the one that follows it is not.
  viewer.acknowledge(Number.MAX_SAFE_INTEGER);
  await vi.advanceTimersByTimeAsync(1);
  expect(screens()).toBe(2);
  woken.mockClear();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(woken.mock.calls.length).toBeLessThan(10);
  // One more fitted the window.
  expect(screens()).toBe(3);
  viewer.acknowledge(Number.MAX_SAFE_INTEGER);
  await vi.advanceTimersByTimeAsync(1);
  expect(screens()).toBe(4);
  viewer.end();
  await reading;
});

test('a session that ends while its screen is made: the viewer is told once, behind the screen that stands for it', async () => {
  const { viewer, stream } = setUp(1000, { ends: true });
  const types: string[] = [];
  const reading = (async () => {
    for await (const { event } of stream.events()) types.push(event.type);
  })();
  await vi.advanceTimersByTimeAsync(1000);
  expect(types).toEqual(['hello', 'snapshot', 'exit']);
  viewer.end();
  await reading;
});

test('a session that ended behind a screen while the host did not answer: the viewer is told when it does', async () => {
  const { viewer, stream } = setUp(1000, { ends: true, failingLooks: 3, isTold: false });
  const types: string[] = [];
  const reading = (async () => {
    for await (const { event } of stream.events()) types.push(event.type);
  })();
  await vi.advanceTimersByTimeAsync(500);
  expect(types).toEqual(['hello', 'snapshot']);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(types).toEqual(['hello', 'snapshot', 'exit']);
  viewer.end();
  await reading;
});
