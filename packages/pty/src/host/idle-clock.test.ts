import { expect, test } from 'vitest';
import { IdleClock, tickMs } from './idle-clock.ts';

const state = { id: 'a', timeoutMs: 2000, activity: 1, viewers: 0 };
const IDLE_TICK_MS = tickMs([state.timeoutMs]);

/** Ticks until something is due; how often. */
function ticksUntilDue(clock: IdleClock, from: number, most = 100): number {
  for (let n = 1; n <= most; n += 1) if (clock.tick(from + n * IDLE_TICK_MS, [state]).length > 0) return n;
  return Number.POSITIVE_INFINITY;
}

test('a session is idle when nobody looks and nothing is typed or printed for its time', () => {
  const clock = new IdleClock(0);
  // The first tick makes its acquaintance.
  expect(ticksUntilDue(clock, 0)).toBe(1 + 2000 / IDLE_TICK_MS);
});

test('a viewer, a key or a byte of output begins its time anew; 0 is never', () => {
  const clock = new IdleClock(0);
  let now = 0;
  const pass = (change: Partial<typeof state>, ticks: number): readonly string[] => {
    let due: readonly string[] = [];
    for (let n = 0; n < ticks; n += 1) due = clock.tick((now += IDLE_TICK_MS), [{ ...state, ...change }]);
    return due;
  };
  expect(pass({}, 7)).toEqual([]);
  expect(pass({ activity: 2 }, 8)).toEqual([]);
  expect(pass({ activity: 2, viewers: 1 }, 20)).toEqual([]);
  expect(pass({ activity: 2 }, 7)).toEqual([]);
  expect(clock.leftMs({ ...state, activity: 2 })).toBe(2000 - 7 * IDLE_TICK_MS);
  expect(pass({ activity: 2 }, 1)).toEqual(['a']);
  expect(pass({ activity: 2, timeoutMs: 0 }, 100)).toEqual([]);
  expect(clock.leftMs({ ...state, timeoutMs: 0 })).toBeNull();
  expect(clock.leftMs({ ...state, viewers: 2 })).toBeNull();
});

test('F43, F44: a clock that jumps, a computer that sleeps for a night: a late tick counts as four at the most', () => {
  const clock = new IdleClock(0);
  clock.tick(IDLE_TICK_MS, [state]);
  expect(clock.nextMs).toBe(IDLE_TICK_MS);
  const night = 8 * 3_600_000;
  expect(clock.tick(night, [state])).toEqual([]);
  expect(clock.leftMs(state)).toBe(2000 - 4 * IDLE_TICK_MS);
  expect(clock.tick(night - 3_600_000, [state])).toEqual([]);
  expect(clock.leftMs(state)).toBe(2000 - 4 * IDLE_TICK_MS);
});
