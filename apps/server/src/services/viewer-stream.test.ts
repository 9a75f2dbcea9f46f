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

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A viewer far behind a flood, whose screens take almost all of its window. */
function setUp(screenBytes: number): { viewer: Viewer; stream: ViewerStream; screens: () => number } {
  const viewer = new Viewer('viewer-0001', { maySize: false });
  let [screens, end] = [0, 0];
  const options = {
    request: { sessionId: 's', viewerId: viewer.id },
    session,
    viewer,
    viewers: {
      controller: null,
      feed: {
        get end() {
          end += 10_000_000;
          return { offset: end, mark: 1 };
        },
        ahead: () => ({ kind: 'end' }),
      },
    },
    backlog: { bufferedBytes: () => 0 },
    host: { request: async () => ({ reply: { lastInput: 0 } }) },
    screens: {
      snapshot: async () => {
        screens += 1;
        return { offset: end, cols: 80, rows: 24, state: new Uint8Array(screenBytes), run: 1, mark: 1 };
      },
    },
    log: { debug: () => undefined, warn: () => undefined },
    look: async () => session,
    hello: () => ({ type: 'title', title: '' }),
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
