import { expect, test } from 'vitest';
import { formatAge } from './relative-time.ts';

test.each([
  [0, '1 s'],
  [-5000, '1 s'],
  [45_000, '45 s'],
  [59_999, '59 s'],
  [60_000, '1 min'],
  [5 * 60_000, '5 min'],
  [3_600_000, '1h'],
  [2 * 3_600_000 + 59 * 60_000, '2h'],
  [86_400_000, '1 d'],
  [3 * 86_400_000, '3 d'],
])('%d ms are said as "%s"', (ms, text) => {
  expect(formatAge(ms)).toBe(text);
});
