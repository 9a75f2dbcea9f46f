import { expect, test } from 'vitest';
import { retryDelayMs } from './retry.ts';

test('attempts come after 0.25, 0.5, then 1 s, within 20 %, for ever', () => {
  expect([0, 1, 2, 3, 50].map((attempt) => retryDelayMs(attempt, () => 0.5))).toEqual([250, 500, 1000, 1000, 1000]);
  expect(retryDelayMs(9, () => 0)).toBe(800);
  expect(retryDelayMs(9, () => 1)).toBe(1200);
});
