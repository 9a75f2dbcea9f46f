import { expect, test } from 'vitest';
import { DeadGrace, UNSEEN_MS } from './dead-grace.ts';

const HOUR = 3_600_000;
const seen = { id: 'a', endedAt: 1000, seenAt: 2000, pinned: false };

test('an ended session stays for its grace from the first time it was seen', () => {
  const grace = new DeadGrace(HOUR);
  expect(grace.leftMs(seen, 2000, 0)).toBe(HOUR);
  expect(grace.leftMs(seen, 2000 + HOUR / 2, HOUR / 2)).toBe(HOUR / 2);
  expect(grace.leftMs(seen, 2000 + HOUR, HOUR)).toBe(0);
});

test('unseen it stays for seven days, pinned and without a grace for ever', () => {
  const grace = new DeadGrace(HOUR);
  expect(grace.leftMs({ ...seen, seenAt: null }, 1000, 0)).toBe(UNSEEN_MS);
  expect(grace.leftMs({ ...seen, pinned: true }, 1e12, 1e12)).toBeNull();
  expect(new DeadGrace(0).leftMs(seen, 1e12, 1e12)).toBeNull();
});

test('F43: no jump of the wall clock, forwards or back, removes anything early', () => {
  const grace = new DeadGrace(HOUR);
  grace.leftMs(seen, 2000, 0);
  // Ten years ahead: the hour must really pass.
  expect(grace.leftMs(seen, 2000 + 10 * 365 * 24 * HOUR, 1000)).toBe(HOUR - 1000);
  // A day back: both clocks must agree.
  expect(grace.leftMs(seen, 2000 - 24 * HOUR, HOUR)).toBe(25 * HOUR);
});

test('a new end, or the first look at it, begins anew', () => {
  const grace = new DeadGrace(HOUR);
  grace.leftMs({ ...seen, seenAt: null }, 1000, 0);
  expect(grace.leftMs(seen, 2000, 5 * HOUR)).toBe(HOUR);
  expect(grace.leftMs({ ...seen, endedAt: 9000, seenAt: 9000 }, 9000, 9 * HOUR)).toBe(HOUR);
});
