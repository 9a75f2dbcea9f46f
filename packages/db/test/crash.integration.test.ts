import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openJournal } from '../src/journal.ts';
import { temporaryDirectory } from '../src/testing.ts';
import { pattern } from './support/pattern.ts';
import { makeRandom } from './support/random.ts';
import { marksOf, outputOf, readHistory } from './support/read-history.ts';

const KILLS = 20;
/** Deaths at each of the two places of F4. */
const PLACES = process.env['COTG_FAULTS'] === 'full' ? 200 : 15;
const WRITER = fileURLToPath(new URL('support/crash-writer.ts', import.meta.url));

/** The furthest position of each session that the writer was told is committed. */
type Told = Map<number, { offset: number; mark: number }>;

/** Runs a writer and kills it `afterMs` after its first commit, or lets it end itself at a place. */
async function writeUntilKilled(path: string, seed: number, death: number | string): Promise<Told> {
  const place = typeof death === 'string' ? [death] : [];
  const child = spawn(process.execPath, [WRITER, path, String(seed), ...place], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (errors += chunk));
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  const closed = once(child, 'close');
  if (typeof death === 'number') {
    await Promise.race([once(child.stdout, 'data'), closed]);
    await delay(death);
    child.kill('SIGKILL');
  }
  await closed;
  if (child.signalCode !== 'SIGKILL') throw new Error(`the writer ended by itself: ${errors}`);

  const told: Told = new Map();
  // The last line may have been cut by the kill.
  for (const line of output.split('\n').slice(0, -1)) {
    const [index = -1, offset = 0, mark = 0] = line.split(' ').map(Number);
    const before = told.get(index) ?? { offset: 0, mark: 0 };
    told.set(index, { offset: Math.max(before.offset, offset), mark: Math.max(before.mark, mark) });
  }
  return told;
}

/** All is as it was written, without a gap and nothing twice, and nobody was told of more. Returns the ends. */
async function expectWhole(path: string, told: Told, fromOffsets: readonly number[], round: string): Promise<number[]> {
  await using journal = await openJournal({ path, synchronous: 'normal' });
  expect(journal.lostTails(), round).toEqual([]);
  const sessions = journal.sessions();
  expect(sessions.length, round).toBe(3);
  for (const [index, session] of sessions.entries()) {
    const { offset, mark } = told.get(index) ?? { offset: 0, mark: 0 };
    expect(session.endOffset, round).toBeGreaterThanOrEqual(offset);
    expect(session.lastMark, round).toBeGreaterThanOrEqual(mark);
    const fromOffset = fromOffsets[index] ?? 0;
    const { stream } = await readHistory(journal, session.id, { fromOffset, maxBytes: 1_000_000 });
    const output = outputOf(stream);
    expect(fromOffset + output.length, round).toBe(session.endOffset);
    expect(output.equals(pattern(index, fromOffset, session.endOffset)), round).toBe(true);
    const marks = marksOf(stream);
    expect(
      marks.map((entry) => entry.mark),
      round,
    ).toEqual(marks.map((_, at) => session.lastMark - marks.length + 1 + at));
    if (fromOffset === 0) expect(marks[0]?.mark, round).toBe(1);
  }
  return sessions.map(({ endOffset }) => endOffset);
}

describe('a writer killed at a random moment', () => {
  it(`has lost nothing it was told is committed, ${KILLS} times on one journal`, async () => {
    using directory = temporaryDirectory();
    const path = directory.file('journal.db');
    const random = makeRandom(Number(process.env['COTG_TEST_SEED'] ?? Date.now() % 1_000_000_000));
    let toldBytes = 0;
    /** Where the part that earlier rounds have checked ends; the last round checks everything again. */
    let checked = [0, 0, 0];
    for (let kill = 0; kill < KILLS; kill++) {
      const told = await writeUntilKilled(path, random.seed + kill, random.int(0, 250));
      checked = await expectWhole(path, told, kill === KILLS - 1 ? [] : checked, `seed ${random.seed}, kill ${kill}`);
      toldBytes = Math.max(toldBytes, ...[...told.values()].map(({ offset }) => offset));
    }
    // The writers were killed while they wrote, not before.
    expect(toldBytes).toBeGreaterThan(500_000);
  }, 120_000);

  it.each(['read', 'commit'])(
    `F4: killed right behind a %s, ${PLACES} times on one journal: no gap, nothing twice, and the next one goes on at its offset`,
    async (place) => {
      using directory = temporaryDirectory();
      const path = directory.file('journal.db');
      const random = makeRandom(Number(process.env['COTG_TEST_SEED'] ?? Date.now() % 1_000_000_000));
      let checked = [0, 0, 0];
      for (let kill = 0; kill < PLACES; kill++) {
        const told = await writeUntilKilled(path, random.seed + kill, `${place}:${random.int(1, 60)}`);
        const round = `seed ${random.seed}, kill ${kill} behind a ${place}`;
        const ends = await expectWhole(path, told, kill === PLACES - 1 ? [] : checked, round);
        // What was committed and never reported is there: only its report was lost.
        const toldEnds = ends.map((_, index) => told.get(index)?.offset ?? checked[index] ?? 0);
        if (place === 'commit') expect(ends, round).not.toEqual(toldEnds);
        checked = ends;
      }
    },
    1_200_000,
  );
});
