// Whatever is appended, rolled, sealed, trimmed, removed and reopened in whatever order: every kept byte reads back as it was written.
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { openJournal, verifyJournal } from '../src/journal.ts';
import type { SqliteJournal } from '../src/journal.ts';
import { temporaryDirectory } from '../src/testing.ts';
import { pattern } from './support/pattern.ts';
import { makeRandom } from './support/random.ts';
import type { Random } from './support/random.ts';
import { outputOf, readHistory } from './support/read-history.ts';
import { EXITED, newSession } from './support/sessions.ts';

const ROUNDS = Number(process.env['COTG_TEST_ROUNDS'] ?? 2);
const STEPS = 60;
const READS = 10;
const KIB = 1024;

/** Print it, set it, run again. */
const firstSeed = Number(process.env['COTG_TEST_SEED'] ?? Date.now() % 1_000_000_000);
const seeds = Array.from({ length: ROUNDS }, (_, round) => firstSeed + round);

interface Written {
  readonly id: string;
  readonly index: number;
  end: number;
}

const turnOfTheLoop = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

async function readAtRandom(journal: SqliteJournal, random: Random, { id, index }: Written): Promise<void> {
  const session = journal.session(id);
  if (session === undefined) throw new Error('the session is gone');
  const { firstOffset, endOffset } = session;
  const fromOffset = random.int(firstOffset, endOffset);
  const toOffset = random.int(fromOffset, endOffset);
  const maxBytes = random.pick([3000, 70_000, 1_000_000]);
  const read = await readHistory(journal, id, { fromOffset, toOffset, maxBytes }).catch((error: unknown) => error);
  if (read instanceof Error) {
    // A trim between two pages is told as such, and only for what is gone by now.
    expect(read.message).toBe('a page was expected, not trimmed');
    expect(journal.session(id)?.firstOffset).toBeGreaterThan(firstOffset);
    return;
  }
  const { stream } = read as Awaited<ReturnType<typeof readHistory>>;
  expect(outputOf(stream).equals(pattern(index, fromOffset, toOffset))).toBe(true);
}

function levels(path: string): Record<string, number> {
  const db = new Database(path, { readonly: true });
  const rows = db.prepare<[], [number, number]>('select level, count(*) from segment group by level').raw().all();
  db.close();
  return Object.fromEntries(rows.map(([level, count]) => [level, count]));
}

function findings(path: string): unknown[] {
  const db = new Database(path, { readonly: true });
  const found = [...verifyJournal(db)];
  db.close();
  return found;
}

describe('compaction', () => {
  it.each(seeds)('changes no byte of what is kept (COTG_TEST_SEED=%i)', async (seed) => {
    using directory = temporaryDirectory();
    const path = directory.file('journal.db');
    const random = makeRandom(seed);
    let journal = await openJournal({ path, synchronous: 'normal' });
    const sessions: Written[] = [];
    let made = 0;
    const create = (): void => {
      const index = made++;
      const maxHistoryBytes = random.pick([1024 * 1024 * KIB, 3 * 1024 * KIB]);
      sessions.push({ id: journal.createSession(newSession({ maxHistoryBytes })).id, index, end: 0 });
    };
    create();
    create();
    for (let step = 0; step < STEPS; step++) {
      const session = random.pick(sessions);
      const action = random.next();
      if (action < 0.75) {
        const largest = random.pick([100, 5000, 300 * KIB]);
        for (let i = random.int(1, 6); i > 0 && journal.session(session.id)?.endedAt === null; i--) {
          const to = session.end + random.int(1, largest);
          journal.append(session.id, pattern(session.index, session.end, to));
          session.end = to;
          if (random.next() < 0.5) journal.flush();
        }
      } else if (action < 0.8) await journal.compact();
      else if (action < 0.85) {
        if (journal.session(session.id)?.endedAt === null) journal.runEnded(session.id, EXITED);
        if (sessions.length < 6) create();
      } else if (action < 0.88 && sessions.length > 2) {
        journal.removeSession(session.id);
        sessions.splice(sessions.indexOf(session), 1);
      } else if (action < 0.92) {
        await journal.close();
        journal = await openJournal({ path, synchronous: 'normal' });
      } else if (action < 0.96) {
        const { endOffset: offset, lastMark: mark, run, cols, rows } = journal.session(session.id) ?? { endOffset: 0, lastMark: 0 };
        journal.offerBase(session.id, {
          offset,
          mark,
          run: run ?? 1,
          cols: cols ?? 80,
          rows: rows ?? 24,
          version: '1',
          state: Buffer.from('s'),
        });
      } else journal.flush();
      if (random.next() < 0.5) await turnOfTheLoop();
      journal.flush();
      await readAtRandom(journal, random, random.pick(sessions));
    }
    for (const { id } of sessions) if (journal.session(id)?.endedAt === null) journal.runEnded(id, EXITED);
    await journal.compact();
    await expect.poll(() => journal.trimming).toBe(false);
    // All is sealed: nothing can be added any more.
    expect(levels(path)['1'] ?? 0).toBe(0);
    const stored = journal.sessions().map(({ storedBytes }) => storedBytes);
    await journal.close();
    expect(findings(path)).toEqual([]);

    journal = await openJournal({ path, synchronous: 'normal' });
    expect(journal.sessions().map(({ storedBytes }) => storedBytes)).toEqual(stored);
    for (const session of sessions) {
      const { firstOffset = 0, endOffset = 0 } = journal.session(session.id) ?? {};
      expect(endOffset).toBe(session.end);
      const { stream } = await readHistory(journal, session.id, { fromOffset: firstOffset, maxBytes: 1_000_000 });
      expect(outputOf(stream).equals(pattern(session.index, firstOffset, endOffset))).toBe(true);
      for (let read = 0; read < READS; read++) await readAtRandom(journal, random, session);
    }
    await journal.close();
  });
});
