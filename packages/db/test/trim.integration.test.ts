import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { openJournal } from '../src/journal.ts';
import type { BaseCheckpoint, JournalNotice, SqliteJournal } from '../src/journal.ts';
import { openTestJournal } from '../src/testing.ts';
import { pattern } from './support/pattern.ts';
import { marksOf, outputOf, readHistory } from './support/read-history.ts';
import { newSession } from './support/sessions.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** As an emulator would leave it: recognised by its text. */
function baseAt(journal: SqliteJournal, id: string): BaseCheckpoint {
  const session = journal.session(id);
  if (!session) throw new Error('no session');
  const { endOffset: offset, lastMark: mark, run, cols, rows } = session;
  return { offset, mark, run, cols, rows, version: '6.0.0', state: Buffer.from(`state at ${offset}`) };
}

/** Prints up to `to`, offering a state after each piece. */
function printTo(journal: SqliteJournal, id: string, to: number, offers: boolean, piece = 16 * KIB): void {
  for (let at = journal.session(id)?.endOffset ?? 0; at < to; at += piece) {
    journal.append(id, pattern(0, at, Math.min(to, at + piece)));
    journal.flush();
    if (offers) journal.offerBase(id, baseAt(journal, id));
  }
}

const settled = (journal: SqliteJournal): Promise<void> => expect.poll(() => journal.trimming, { timeout: 20_000 }).toBe(false) as never;

describe('a session that passes its limit', () => {
  it('keeps the newest output within it, from a state on that was offered', async () => {
    await using test = await openTestJournal();
    const { journal } = test;
    const { id } = journal.createSession(newSession({ maxHistoryBytes: MIB }));
    printTo(journal, id, 3 * MIB, true);
    await settled(journal);
    const session = journal.session(id);
    const firstOffset = session?.firstOffset ?? 0;
    expect(firstOffset).toBeGreaterThanOrEqual(2 * MIB);
    expect(firstOffset).toBeLessThan(2 * MIB + 2 * 64 * KIB);
    expect(journal.base(id)).toMatchObject({ offset: firstOffset, version: '6.0.0', cols: 80, rows: 24 });
    expect(Buffer.from(journal.base(id)?.state ?? []).toString()).toBe(`state at ${firstOffset}`);

    const below = await journal.history(
      { id, fromOffset: firstOffset - 1, afterMark: 0, toOffset: 3 * MIB, maxBytes: MIB, cursor: null },
      new AbortController().signal,
    );
    expect(below).toEqual({ kind: 'trimmed', firstOffset, endOffset: 3 * MIB });
    const { stream } = await readHistory(journal, id, { fromOffset: firstOffset });
    expect(outputOf(stream).equals(pattern(0, firstOffset, 3 * MIB))).toBe(true);
    expect(session?.storedBytes).toBeLessThan(MIB + 32 * KIB);
  });

  it('is the same after it was closed and opened again, and marks of what was trimmed are gone', async () => {
    await using test = await openTestJournal();
    const { journal } = test;
    const { id } = journal.createSession(newSession({ maxHistoryBytes: MIB }));
    for (let at = 0; at < 3 * MIB; at += 64 * KIB) {
      journal.resized(id, 80 + at / (64 * KIB), 24);
      printTo(journal, id, at + 64 * KIB, true);
    }
    await settled(journal);
    const before = journal.session(id);
    const firstOffset = before?.firstOffset ?? 0;
    const { mark = 0 } = journal.base(id) ?? {};
    const read = await readHistory(journal, id, { fromOffset: firstOffset, afterMark: mark });
    expect(marksOf(read.stream)[0]?.mark).toBe(mark + 1);
    await journal.close();

    const again = await openJournal({ path: test.path, synchronous: 'normal' });
    // What compaction takes from the tail changes what it takes on disk, at any moment.
    expect(again.session(id)).toEqual({ ...before, storedBytes: again.session(id)?.storedBytes });
    expect((await readHistory(again, id, { fromOffset: firstOffset, afterMark: mark })).stream).toEqual(read.stream);
    printTo(again, id, 4 * MIB, true);
    await settled(again);
    expect(again.session(id)?.firstOffset).toBeGreaterThanOrEqual(3 * MIB);
    await again.close();
    using db = openRaw(test.path);
    const left = db.prepare('select (select min(mark) from mark) as mark, (select mark_floor from session) as floor').get();
    expect(left).toMatchObject({ mark: (left as { floor: number }).floor + 1 });
    expect(db.prepare('select count(*) as n from tail where off + length(data) <= (select first_offset from session)').get()).toEqual({
      n: 0,
    });
  });

  it('without any state keeps up to twice the limit, then the limit, and says that restoring begins blank, with the size of that place', async () => {
    const notices: JournalNotice[] = [];
    await using test = await openTestJournal({ onNotice: (notice) => notices.push(notice) });
    const { journal } = test;
    const { id } = journal.createSession(newSession({ maxHistoryBytes: 16 * MIB, cols: 46, rows: 60 }));
    printTo(journal, id, 32 * MIB, false, MIB);
    await settled(journal);
    expect(journal.session(id)?.firstOffset).toBe(0);
    expect(journal.base(id)).toBeNull();
    journal.resized(id, 100, 30);
    printTo(journal, id, 32 * MIB + 16 * KIB, false);
    await settled(journal);
    const firstOffset = 16 * MIB + 16 * KIB;
    expect(journal.session(id)?.firstOffset).toBe(firstOffset);
    expect(journal.base(id)).toMatchObject({ offset: firstOffset, version: '', cols: 46, rows: 60, run: 1 });
    expect(notices).toContainEqual({ kind: 'trimmed-blank', sessionId: id, bytes: firstOffset });
    const { stream } = await readHistory(journal, id, { fromOffset: firstOffset, afterMark: journal.base(id)?.mark ?? 0, maxBytes: MIB });
    expect(outputOf(stream).equals(pattern(0, firstOffset, 32 * MIB + 16 * KIB))).toBe(true);
    expect(marksOf(stream).filter(({ kind }) => kind === 'resize')).toMatchObject([{ cols: 100, rows: 30, offset: 32 * MIB }]);
  });

  it('is trimmed when its limit is lowered, in steps', async () => {
    await using test = await openTestJournal();
    const { journal } = test;
    const { id } = journal.createSession(newSession({ maxHistoryBytes: 16 * MIB }));
    printTo(journal, id, 8 * MIB, true, 256 * KIB);
    journal.updateSession(id, { maxHistoryBytes: MIB });
    await settled(journal);
    const firstOffset = journal.session(id)?.firstOffset ?? 0;
    expect(firstOffset).toBeGreaterThanOrEqual(7 * MIB);
    expect(journal.session(id)?.storedBytes).toBeLessThanOrEqual(MIB);
    const { stream } = await readHistory(journal, id, { fromOffset: firstOffset });
    expect(outputOf(stream).equals(pattern(0, firstOffset, 8 * MIB))).toBe(true);
  });

  it('takes no state that is not of what is stored, too near to the last one, or below what is kept', async () => {
    await using test = await openTestJournal();
    const { journal } = test;
    const { id } = journal.createSession(newSession({ maxHistoryBytes: MIB }));
    printTo(journal, id, 256 * KIB, false);
    const base = baseAt(journal, id);
    expect(journal.offerBase(id, { ...base, offset: base.offset + 1 })).toBe(false);
    expect(journal.offerBase(id, { ...base, mark: base.mark + 1 })).toBe(false);
    expect(journal.offerBase(id, { ...base, offset: 0 })).toBe(false);
    expect(journal.offerBase(id, base)).toBe(true);
    expect(journal.offerBase(id, base)).toBe(false);
    printTo(journal, id, 257 * KIB, false);
    expect(journal.offerBase(id, baseAt(journal, id))).toBe(false);
  });
});

function openRaw(path: string): Database.Database & Disposable {
  const db = new Database(path, { readonly: true });
  return Object.assign(db, { [Symbol.dispose]: () => void db.close() });
}
