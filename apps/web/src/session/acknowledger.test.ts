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
    acknowledger.parsed(offset);
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
  for (let offset = 0; offset <= 1_000_000; offset += 10_000) acknowledger.parsed(offset);
  expect(sent.length).toBeGreaterThanOrEqual(Math.floor(1_000_000 / 70_000));
  for (let i = 2; i < sent.length; i += 1) expect((sent[i] ?? 0) - (sent[i - 1] ?? 0)).toBeLessThanOrEqual(70_000 + 10_000);
});

test('what was parsed last is acknowledged even if nothing follows, and not twice', () => {
  const sent: number[] = [];
  const acknowledger = new Acknowledger((offset) => sent.push(offset));
  acknowledger.parsed(5);
  acknowledger.parsed(7);
  acknowledger.parsed(7);
  vi.advanceTimersByTime(1000);
  acknowledger.parsed(7);
  vi.advanceTimersByTime(1000);
  expect(sent).toEqual([5, 7]);
});

test('a stopped acknowledger says nothing more by itself', () => {
  const sent: number[] = [];
  const acknowledger = new Acknowledger((offset) => sent.push(offset));
  acknowledger.parsed(5);
  acknowledger.parsed(7);
  acknowledger.stop();
  vi.advanceTimersByTime(1000);
  expect(sent).toEqual([5]);
  acknowledger.repeat();
  expect(sent).toEqual([5, 7]);
});
