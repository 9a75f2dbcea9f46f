import { expect, test } from 'vitest';
import { FakeClock } from '../testing/fake-clock.ts';
import { makeMemoryTrim, openTrim } from './memory-trim.ts';

const MIB = 1024 * 1024;

test('memory is given back when it has been quiet for ten seconds after a flood, and twice more for what background work took', () => {
  const clock = new FakeClock();
  let trims = 0;
  const trim = makeMemoryTrim({ clock, trim: () => (trims += 1) });
  for (let n = 0; n < 8; n += 1) {
    trim.printed(MIB);
    clock.advance(6000);
  }
  expect(trims).toBe(0);
  clock.advance(4000);
  expect(trims).toBe(1);
  clock.advance(59_000);
  expect(trims).toBe(1);
  clock.advance(1000);
  clock.advance(60_000);
  expect(trims).toBe(3);
  clock.advance(1_000_000);
  expect(trims).toBe(3);
  expect(clock.waiting).toBe(0);
});

test('little output is not worth a look, and a closed one does nothing', () => {
  const clock = new FakeClock();
  let trims = 0;
  const trim = makeMemoryTrim({ clock, trim: () => (trims += 1) });
  trim.printed(MIB);
  clock.advance(100_000);
  expect(trims).toBe(0);
  trim.printed(4 * MIB);
  trim.close();
  clock.advance(100_000);
  expect(trims).toBe(0);
});

test('it can be done here', () => {
  openTrim()();
});
