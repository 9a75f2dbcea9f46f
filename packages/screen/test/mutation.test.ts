// Proof that the comparison behind test/fidelity is not blind: with any one field of a state broken, it must find a difference.
import { expect, test } from 'vitest';
import { decodeState } from '../src/decode.ts';
import { dumpScreen } from '../src/dump.ts';
import { encodeState } from '../src/encode.ts';
import { ScreenError } from '../src/errors.ts';
import type { ScreenState } from '../src/state.ts';
import { compareTerminals } from './compare.ts';
import { breakState, fieldsOf } from './support/mutations.ts';
import { makeRandom } from './support/random.ts';
import { restore } from './support/round-trip.ts';
import { SYNTHETIC } from './support/synthetic.ts';
import { feedRange, makeEmulator } from './support/terminal.ts';
import type { Emulator } from './support/terminal.ts';

const SEED = 3;
const CUTS = 60;
/** A short history: the fields are the same, and each broken state is restored in a moment. */
const SCROLLBACK = 40;

/** Not compared but refused: a state of another emulator or of other character widths cannot be restored at all. */
const REFUSED = ['emulator', 'unicode'];

function* statesOf(): Generator<{ readonly state: ScreenState; readonly uncut: Emulator }> {
  const random = makeRandom(SEED);
  const cuts = Array.from({ length: CUTS }, () => random.below(SYNTHETIC.bytes.length)).sort((a, b) => a - b);
  const uncut = makeEmulator(SYNTHETIC.cols, SYNTHETIC.rows, SCROLLBACK);
  let at = 0;
  for (const cut of cuts) {
    feedRange(uncut, SYNTHETIC, { from: at, to: cut, chunking: () => 4095 });
    at = cut;
    yield { state: dumpScreen(uncut.terminal, { tail: uncut.scanner.tail(), palette: uncut.palette.entries() }), uncut };
  }
}

function differences(state: ScreenState, uncut: Emulator): readonly string[] {
  const restored = makeEmulator(SYNTHETIC.cols, SYNTHETIC.rows, SCROLLBACK);
  try {
    restore(restored, state);
  } catch (error) {
    // Not by the comparison: does not count.
    if (error instanceof ScreenError || error instanceof RangeError) return [];
    throw error;
  }
  const found = compareTerminals(restored.terminal, uncut.terminal);
  if (restored.colors() !== uncut.colors()) found.push('colors');
  if (Buffer.compare(restored.feeder.held, uncut.feeder.held) !== 0) found.push('the beginning of a character');
  return found;
}

test(`the comparison notices each field of a state that is broken (seed ${SEED})`, { timeout: 60_000 }, () => {
  const fields = new Set<string>();
  const noticed = new Set<string>();
  const refused = new Set<string>();
  for (const { state, uncut } of statesOf()) {
    expect(differences(state, uncut)).toEqual([]);
    for (const field of fieldsOf(state)) fields.add(field);
    for (const { field, broken } of breakState(state)) {
      if (noticed.has(field) || refused.has(field)) continue;
      if (REFUSED.includes(field)) {
        expect(() => restore(makeEmulator(80, 24), decodeState(encodeState(broken)))).toThrow(ScreenError);
        refused.add(field);
      } else if (differences(broken, uncut).length > 0) noticed.add(field);
    }
  }
  expect([...fields].filter((field) => !noticed.has(field) && !refused.has(field))).toEqual([]);
  // A walk that finds few fields, or a list that is never filled, would prove nothing.
  expect(fields.size).toBeGreaterThan(85);
  for (const field of [
    'links.*.lines.*.*',
    'palette.*.rgb.*',
    'tail.sequence',
    'tail.character',
    'normal.lines.*.extended',
    'normal.lines.*.combined.*.*',
  ]) {
    expect(noticed).toContain(field);
  }
});
