// The short form of the property this package is for; test/fidelity.ts asks it of hundreds of cuts, and in a browser.
import { describe, expect, test } from 'vitest';
import { makeRandom } from './support/random.ts';
import { roundTrips } from './support/round-trip.ts';
import { recordings } from './support/streams.ts';
import { SYNTHETIC } from './support/synthetic.ts';

const SEED = 4;
const CUTS = 10;
const SYNTHETIC_CUTS = 60;

describe(`a terminal restored at any byte is the one that was not cut, at once and after more output (seed ${SEED})`, () => {
  test.each(recordings().map((stream) => [stream.name, stream] as const))('%s', (_name, stream) => {
    const { cuts, comparisons, failures } = roundTrips(stream, { cuts: CUTS, random: makeRandom(SEED) });
    expect(failures).toEqual([]);
    expect(comparisons).toBe(cuts * 4);
    expect(cuts).toBe(CUTS);
  });

  test('a stream of everything that no recorded program does', () => {
    const { cuts, comparisons, failures } = roundTrips(SYNTHETIC, { cuts: SYNTHETIC_CUTS, random: makeRandom(SEED) });
    expect(failures).toEqual([]);
    expect(comparisons).toBe(cuts * 4);
  });
});
