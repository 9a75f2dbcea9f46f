import type { HostSession } from '@cotg/pty/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Resizes } from './resizes.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function setUp(): { resizes: Resizes; applied: string[] } {
  const applied: string[] = [];
  const resizes = new Resizes(async (id, { cols, rows }) => {
    applied.push(`${id} ${cols}x${rows}`);
    return { cols, rows } as HostSession;
  });
  return { resizes, applied };
}

test('a single size takes effect at once', async () => {
  const { resizes, applied } = setUp();
  expect(await resizes.resize('a', { cols: 80, rows: 24 })).toMatchObject({ cols: 80 });
  expect(applied).toEqual(['a 80x24']);
});

test('of a storm the first and the newest take effect, and everybody is told the newest', async () => {
  const { resizes, applied } = setUp();
  const answers = Array.from({ length: 100 }, (_, n) => resizes.resize('a', { cols: 80 + n, rows: 24 }));
  void resizes.resize('b', { cols: 10, rows: 10 });
  await vi.advanceTimersByTimeAsync(100);
  expect(applied).toEqual(['a 80x24', 'b 10x10', 'a 179x24']);
  const sizes = await Promise.all(answers);
  expect(new Set(sizes.slice(1).map(({ cols }) => cols))).toEqual(new Set([179]));
  await vi.advanceTimersByTimeAsync(100);
  void resizes.resize('a', { cols: 70, rows: 24 });
  expect(applied.at(-1)).toBe('a 70x24');
});
