import { expect, test } from 'vitest';
import { runCuts } from '../../../testing/cuts.ts';

const isFull = process.env['COTG_FAULTS'] === 'full';
const N = isFull ? 1000 : 50;
const SEED = Number(process.env['COTG_SEED'] ?? Date.now() % 1_000_000_000);

test(`F52: ${N} cuts of the connection while somebody types, one in ten a kill -9 of the server: every counter arrives once, in order (seed ${SEED})`, async () => {
  const result = await runCuts({ n: N, seed: SEED });
  expect(result).toMatchObject({ lost: 0, doubled: 0, isExact: true, refusals: 0, isSameScreen: true, holes: 0 });
  expect(result.kills).toBeGreaterThan(0);
  expect(result.typed).toBeGreaterThan(N);
}, 3_600_000);
