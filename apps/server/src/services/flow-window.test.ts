import { expect, test } from 'vitest';
import { FlowWindow, MAX_WINDOW_BYTES, MIN_WINDOW_BYTES } from './flow-window.ts';

interface Link {
  readonly bytesPerSecond: number;
  /** There and back, without what is queued. */
  readonly roundTripMs: number;
}

class Way {
  readonly onTheWay: { end: number; atMs: number }[] = [];
  ms = 0;
  offset = 0;
  readonly flow = new FlowWindow({ now: () => this.ms });
}

/** A flood over a link, in steps of a millisecond: what waits on the way, as a time, at each step of the last half. */
function flood(way: Way, link: Link, seconds: number): { queuedMs: number[]; bytesPerSecond: number } {
  const { flow, onTheWay } = way;
  let [freeAtMs, carried] = [0, 0];
  const queuedMs: number[] = [];
  for (let step = 0; step < seconds * 1000; step += 1) {
    while (onTheWay[0] !== undefined && onTheWay[0].atMs <= way.ms) flow.acknowledge(onTheWay.shift()?.end ?? 0);
    for (let room = flow.room(); room > 0; room = flow.room()) {
      // Bytes are whole, whatever was computed.
      expect([room, flow.eventBytes, flow.farBytes].every(Number.isInteger)).toBe(true);
      const bytes = Math.min(room, flow.eventBytes);
      way.offset += bytes;
      freeAtMs = Math.max(freeAtMs, way.ms) + (bytes * 1000) / link.bytesPerSecond;
      onTheWay.push({ end: way.offset, atMs: freeAtMs + link.roundTripMs });
      flow.sent(way.offset, bytes);
      if (step >= seconds * 500) carried += bytes;
    }
    if (step >= seconds * 500) queuedMs.push(Math.max(0, freeAtMs - way.ms));
    way.ms += 1;
  }
  return { queuedMs, bytesPerSecond: carried / (seconds / 2) };
}

test.each([
  { bytesPerSecond: 32_000, roundTripMs: 150 },
  { bytesPerSecond: 200_000, roundTripMs: 60 },
  { bytesPerSecond: 2_000_000, roundTripMs: 30 },
  { bytesPerSecond: 2_000_000, roundTripMs: 300 },
])('a link of $bytesPerSecond bytes/s and $roundTripMs ms is kept busy, and no echo waits long on it', (link) => {
  const way = new Way();
  const { queuedMs, bytesPerSecond } = flood(way, link, 20);
  const floorMs = (MIN_WINDOW_BYTES * 1000) / link.bytesPerSecond;
  // The aim, and one acknowledgement's worth of overshoot; on the slowest links the floor is more than that.
  expect(Math.max(...queuedMs)).toBeLessThan(Math.max(floorMs, 250));
  expect(bytesPerSecond).toBeGreaterThan(0.8 * Math.min(link.bytesPerSecond, (MAX_WINDOW_BYTES * 1000) / link.roundTripMs));
});

test('a link that becomes slow has a small window soon', () => {
  const way = new Way();
  flood(way, { bytesPerSecond: 5_000_000, roundTripMs: 20 }, 5);
  expect(way.flow.windowBytes).toBeGreaterThan(200_000);
  const { queuedMs } = flood(way, { bytesPerSecond: 50_000, roundTripMs: 20 }, 40);
  expect(Math.max(...queuedMs)).toBeLessThan(250);
});

test('keys and their echoes say nothing of how wide a link is', () => {
  const way = new Way();
  const { flow } = way;
  flood(way, { bytesPerSecond: 5_000_000, roundTripMs: 20 }, 5);
  flow.acknowledge(way.offset);
  const before = flow.farBytes;
  for (let key = 1; key <= 100; key += 1) {
    flow.sent(1e9 + key, 1);
    way.ms += 120;
    flow.acknowledge(1e9 + key);
  }
  expect(flow.farBytes).toBe(before);
});

test('a viewer that acknowledges nothing is sent no more than its window, and an acknowledgement of anything makes room', () => {
  const { flow } = new Way();
  let sent = 0;
  for (let room = flow.room(); room > 0; room = flow.room()) {
    sent += Math.min(room, flow.eventBytes);
    flow.sent(sent, Math.min(room, flow.eventBytes));
  }
  expect(sent).toBeLessThanOrEqual(MIN_WINDOW_BYTES);
  expect(flow.acknowledge(0)).toBe(false);
  expect(flow.acknowledge(sent)).toBe(true);
  expect(flow.inFlightBytes).toBe(0);
  expect(flow.room()).toBeGreaterThan(0);
});

test('tiny events fill the window, too: what is remembered of them has a bound', () => {
  const { flow } = new Way();
  let events = 0;
  while (flow.room() > 0) {
    events += 1;
    flow.sent(events, 1);
  }
  expect(events).toBeLessThan(MIN_WINDOW_BYTES / 64);
});

test('what is skipped and how many lines come with a screen follow the link; the next attachment of a viewer knows it', () => {
  const way = new Way();
  const { flow } = way;
  expect([flow.farBytes, flow.linesThatFit(1000)]).toEqual([64 * 1024, 1000]);
  flood(way, { bytesPerSecond: 32_000, roundTripMs: 150 }, 10);
  for (const each of [flow, new FlowWindow({ earlier: flow, now: () => way.ms })]) {
    expect(each.farBytes).toBeLessThan(12_000);
    expect(each.linesThatFit(1000)).toBeGreaterThan(100);
    expect(each.linesThatFit(1000)).toBeLessThan(500);
  }
  flood(way, { bytesPerSecond: 50_000_000, roundTripMs: 1 }, 5);
  expect(flow.farBytes).toBeGreaterThan(1_000_000);
  expect(flow.linesThatFit(1000)).toBe(1000);
});
