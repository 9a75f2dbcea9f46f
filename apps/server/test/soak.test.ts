import { expect, test } from 'vitest';
import { runSoak } from '../../../testing/soak.ts';

const SECONDS = Number(process.env['COTG_SOAK_SECONDS'] ?? 180);
const SEED = Number(process.env['COTG_SEED'] ?? Date.now() % 1_000_000_000);
/** In a minute and a half the runtime still settles; `pnpm test:soak --minutes 60` tells more (MiB). */
const SETTLING_MIB = 60;

test(`soak: real programs, twelve viewers, cuts and kills for ${SECONDS} s: all show the same in the end, and nothing has grown (seed ${SEED})`, async () => {
  const result = await runSoak({ seconds: SECONDS, seed: SEED });
  expect(result).toMatchObject({ differences: [], mismatches: 0, holes: 0 });
  expect(result.comparisons).toBeGreaterThan(0);
  expect(result.kills.server + result.kills.screens).toBeGreaterThan(0);
  expect(result.printedBytes).toBeGreaterThan(100_000);
  for (const [name, { before, after }] of Object.entries(result.memory)) expect(after - before, name).toBeLessThan(SETTLING_MIB);
}, 3_600_000);
