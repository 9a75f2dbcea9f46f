import { expect, test } from 'vitest';
import { returnNotice } from './return-notice.ts';

const short = { awayMs: 2000, missedOutput: false, isNewPage: false };

test('a short absence in which nothing happened is not mentioned', () => {
  expect(returnNotice(short)).toBeUndefined();
  expect(returnNotice({ ...short, awayMs: 30_000 })).toBeUndefined();
  expect(returnNotice({ ...short, awayMs: 1000, missedOutput: true })).toBeUndefined();
});

test('a long absence, missed output or a new page is', () => {
  expect(returnNotice({ ...short, awayMs: 2 * 3_600_000 })).toBe('Reconnected to session (2h old)');
  expect(returnNotice({ ...short, awayMs: 6000, missedOutput: true })).toBe('Reconnected to session (6 s old)');
  expect(returnNotice({ ...short, isNewPage: true })).toMatch(/^Reconnected to session \(.+ old\)$/);
});
