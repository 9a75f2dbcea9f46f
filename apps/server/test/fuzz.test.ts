import { expect, test } from 'vitest';
import { runFuzz } from '../../../testing/fuzz.ts';

const SECONDS = Number(process.env['COTG_FUZZ_SECONDS'] ?? 45);
const SEED = Number(process.env['COTG_SEED'] ?? Date.now() % 1_000_000_000);

test(`S44, S48, S50: fuzz of frames, requests, host messages, output and stored bytes for ${SECONDS} s finds nothing, and a good client is served (seed ${SEED})`, async () => {
  const { findings, cases, good } = await runFuzz({ seconds: SECONDS, seed: SEED });
  expect(findings).toEqual([]);
  for (const name of ['decoders', 'http', 'frames', 'host socket', 'output']) expect(cases[name]?.cases, name).toBeGreaterThan(0);
  expect(good.answers).toBeGreaterThan(10);
}, 600_000);
