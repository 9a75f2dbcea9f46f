import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Acknowledger } from './acknowledger.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('small progress is acknowledged at once, then at most ten times a second', () => {
  const sent: number[] = [];
  const acknowledger = new Acknowledger((offset) => sent.push(offset));
  for (let offset = 1; offset <= 100; offset += 1) {
    acknowledger.parsed(offset, true);
    vi.advanceTimersByTime(10);
  }
  vi.advanceTimersByTime(200);
  expect(sent[0]).toBe(1);
  expect(sent.at(-1)).toBe(100);
  expect(sent.length).toBeLessThanOrEqual(12);
});

test('a flood is acknowledged each 64 KiB without waiting', () => {
  const sent: number[] = [];
  const acknowledger = new Acknowledger((offset) => sent.push(offset));
  for (let offset = 0; offset <= 1_000_000; offset += 10_000) acknowledger.parsed(offset, false);
  expect(sent.length).toBeGreaterThanOrEqual(Math.floor(1_000_000 / 70_000));
  for (let i = 2; i < sent.length; i += 1) expect((sent[i] ?? 0) - (sent[i - 1] ?? 0)).toBeLessThanOrEqual(70_000 + 10_000);
});

test('what was parsed last is acknowledged even if nothing follows, and not twice', () => {
  const sent: number[] = [];
  const acknowledger = new Acknowledger((offset) => sent.push(offset));
  acknowledger.parsed(5, true);
  acknowledger.parsed(7, true);
  acknowledger.parsed(7, true);
  vi.advanceTimersByTime(1000);
  acknowledger.parsed(7, true);
  vi.advanceTimersByTime(1000);
  expect(sent).toEqual([5, 7]);
});

test('a stopped acknowledger says nothing more by itself', () => {
  const sent: number[] = [];
  const acknowledger = new Acknowledger((offset) => sent.push(offset));
  acknowledger.parsed(5, true);
  acknowledger.parsed(7, true);
  acknowledger.stop();
  vi.advanceTimersByTime(1000);
  expect(sent).toEqual([5]);
  acknowledger.repeat();
  expect(sent).toEqual([5, 7]);
});

test('where nothing more has come half of a small window is acknowledged at once: the server may be waiting', () => {
  const sent: number[] = [];
  const acknowledger = new Acknowledger((offset) => sent.push(offset));
  acknowledger.parsed(1, true);
  acknowledger.parsed(4096, false);
  expect(sent).toEqual([1]);
  acknowledger.parsed(4097, true);
  expect(sent).toEqual([1, 4097]);
});

test('a screen is acknowledged at once, also one at the offset that was acknowledged last', () => {
  const sent: number[] = [];
  const acknowledger = new Acknowledger((offset) => sent.push(offset));
  acknowledger.parsed(100, true);
  acknowledger.startAt(100);
  acknowledger.shown(100);
  expect(sent).toEqual([100, 100]);
});
