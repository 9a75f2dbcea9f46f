import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, it, vi } from 'vitest';
import { openDatabase } from '../src/database.ts';
import { journalSchema } from '../src/journal/migrations/index.ts';
import { openJournal, SqliteJournal, verifyJournal } from '../src/journal.ts';
import { openTestJournal, temporaryDirectory } from '../src/testing.ts';
import { pattern } from './support/pattern.ts';
import { outputOf, readHistory } from './support/read-history.ts';
import { EXITED, newSession } from './support/sessions.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

type Segment = [id: number, off: number, len: number, level: number];

function segments(path: string): Segment[] {
  const db = new Database(path, { readonly: true });
  const rows = db.prepare<[], Segment>('select id, off, len, level from segment order by session, off').raw().all();
  db.close();
  return rows;
}

function print(journal: SqliteJournal, id: string, from: number, to: number): void {
  for (let at = from; at < to; at += 50 * KIB) {
    journal.append(id, pattern(0, at, Math.min(to, at + 50 * KIB)));
    journal.flush();
  }
}

describe('compaction', () => {
  it('rolls by itself at a megabyte of tail, and seals complete blocks by itself when the host is quiet', async () => {
    await using test = await openTestJournal();
    const { journal, path } = test;
    const { id } = journal.createSession(newSession());
    print(journal, id, 0, 1300 * KIB);
    await vi.waitFor(() => expect(journal.metrics().counters['rolls']).toBeGreaterThan(0), { timeout: 10_000 });
    expect(segments(path).every(([, , , level]) => level === 1)).toBe(true);
    await vi.waitFor(() => expect(journal.metrics().counters['seals']).toBe(1), { timeout: 60_000, interval: 100 });
    expect(segments(path)[0]).toMatchObject([expect.any(Number), 0, MIB, 2]);
    expect(outputOf((await readHistory(journal, id)).stream).equals(pattern(0, 0, 1300 * KIB))).toBe(true);
  });

  it('an ended session is compacted to its end when the host is quiet', async () => {
    await using test = await openTestJournal();
    const { journal, path } = test;
    const { id } = journal.createSession(newSession());
    print(journal, id, 0, 3 * KIB);
    journal.runEnded(id, EXITED);
    await vi.waitFor(() => expect(segments(path)).toMatchObject([[expect.any(Number), 0, 3 * KIB, 2]]), { timeout: 60_000, interval: 100 });
    expect(journal.session(id)?.storedBytes).toBeLessThan(3 * KIB);
    expect(journal.metrics().gauges['tail_bytes']).toBe(0);
  });

  it('ends pieces and blocks on their grid, and never touches again what is sealed', async () => {
    await using test = await openTestJournal();
    const { journal, path } = test;
    const { id } = journal.createSession(newSession());
    print(journal, id, 0, 1400 * KIB);
    await journal.compact();
    const before = segments(path);
    expect(before.map(([, ...rest]) => rest)).toEqual([
      [0, MIB, 2],
      [MIB, 256 * KIB, 1],
      [1280 * KIB, 120 * KIB, 1],
    ]);
    print(journal, id, 1400 * KIB, 2100 * KIB);
    await journal.compact();
    const after = segments(path);
    expect(after[0]).toEqual(before[0]);
    expect(after.map(([, ...rest]) => rest)).toEqual([
      [0, MIB, 2],
      [MIB, MIB, 2],
      [2 * MIB, 52 * KIB, 1],
    ]);
    journal.runEnded(id, EXITED);
    await journal.compact();
    expect(segments(path).slice(0, 2)).toEqual(after.slice(0, 2));
    expect(segments(path)[2]).toMatchObject([expect.any(Number), 2 * MIB, 52 * KIB, 2]);
  });

  it('joins nothing across a gap', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('journal.db');
    const first = await openJournal({ path, synchronous: 'normal' });
    const { id } = first.createSession(newSession());
    for (let at = 0; at < 3000; at += 1000) {
      first.append(id, pattern(0, at, at + 1000));
      first.resized(id, 100 + at, 24);
      first.flush();
    }
    await first.close();
    // Output [1000, 2000) was never stored, as after a pause of storing.
    const db = new Database(path);
    db.exec(
      'delete from tail where off = 1000; update mark set kind = 4, lost_bytes = 1000, cols = null, rows = null where off = 1000 and kind = 2',
    );
    db.close();
    const journal = await openJournal({ path, synchronous: 'normal' });
    const before = await readHistory(journal, id);
    await journal.compact();
    expect(segments(path).map(([, ...rest]) => rest)).toEqual([
      [0, 1000, 2],
      [2000, 1000, 1],
    ]);
    journal.runEnded(id, EXITED);
    await journal.compact();
    expect(segments(path).map(([, ...rest]) => rest)).toEqual([
      [0, 1000, 2],
      [2000, 1000, 2],
    ]);
    expect(outputOf((await readHistory(journal, id)).stream)).toEqual(outputOf(before.stream));
    await journal.close();
    const check = new Database(path);
    expect([...verifyJournal(check)]).toEqual([]);
    check.close();
  });

  it('gives space back to the file system in quiet moments, and keeps a little for what comes', async () => {
    await using test = await openTestJournal();
    const { journal, path } = test;
    const { id } = journal.createSession(newSession());
    print(journal, id, 0, 12 * MIB);
    journal.removeSession(id);
    await vi.waitFor(() => expect(journal.metrics().counters['vacuumed_pages']).toBeGreaterThan(0), { timeout: 60_000, interval: 100 });
    await vi.waitFor(() => expect(statSync(path).size).toBeLessThan(3 * MIB), { timeout: 60_000, interval: 100 });
  });

  it('a disk that is full keeps compaction from nothing but its work', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('journal.db');
    const db = await openDatabase({ path, synchronous: 'normal', identity: journalSchema });
    await using journal = new SqliteJournal(db, { path, synchronous: 'normal' });
    const { id } = journal.createSession(newSession());
    print(journal, id, 0, 900 * KIB);
    db.pragma(`max_page_count = ${Number(db.pragma('page_count', { simple: true }))}`);
    journal.runEnded(id, EXITED);
    await journal.compact();
    expect(journal.metrics().counters['compaction_failures']).toBeGreaterThan(0);
    expect(outputOf((await readHistory(journal, id)).stream).equals(pattern(0, 0, 900 * KIB))).toBe(true);
    db.pragma('max_page_count = 1000000');
    await vi.waitFor(() => expect(segments(path)).toMatchObject([[expect.any(Number), 0, 900 * KIB, 2]]), {
      timeout: 60_000,
      interval: 100,
    });
    expect(outputOf((await readHistory(journal, id)).stream).equals(pattern(0, 0, 900 * KIB))).toBe(true);
  });
});
