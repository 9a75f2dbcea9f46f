import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openJournal } from '../src/journal.ts';
import type { JournalNotice, SqliteJournal } from '../src/journal.ts';
import { temporaryDirectory } from '../src/testing.ts';
import type { TemporaryDirectory } from '../src/testing.ts';
import { pattern } from './support/pattern.ts';
import { makeRandom } from './support/random.ts';
import { marksOf, outputOf, readHistory } from './support/read-history.ts';
import { newSession } from './support/sessions.ts';

const KIB = 1024;
const FLIPS = Number(process.env['COTG_TEST_FLIPS'] ?? 100);
const FILES = ['journal.db', 'journal.db-wal', 'journal.db-shm', 'journal.hwm'] as const;

/** The files as they lie on the disk while the journal is open: what a crash of the host leaves. */
function copyFiles(from: TemporaryDirectory, to: TemporaryDirectory, names: readonly string[] = FILES): void {
  for (const name of names) if (existsSync(from.file(name))) copyFileSync(from.file(name), to.file(name));
}

/** Two sessions, [0, 100 KiB) of each in the database file, as much again in the log only. */
async function makeJournal(directory: TemporaryDirectory): Promise<{ journal: SqliteJournal; ids: string[]; stored: number; end: number }> {
  const path = directory.file('journal.db');
  const first = await openJournal({ path, synchronous: 'normal' });
  const ids = [newSession(), newSession()].map((made) => first.createSession(made).id);
  const print = (journal: SqliteJournal, from: number, to: number): void => {
    for (let at = from; at < to; at += KIB) {
      for (const [index, id] of ids.entries()) journal.append(id, pattern(index, at, at + KIB));
      journal.flush();
    }
  };
  print(first, 0, 100 * KIB);
  await first.close();
  const journal = await openJournal({ path, synchronous: 'normal' });
  print(journal, 100 * KIB, 200 * KIB);
  return { journal, ids, stored: 100 * KIB, end: 200 * KIB };
}

async function reopen(directory: TemporaryDirectory): Promise<{ journal: SqliteJournal; notices: JournalNotice[] }> {
  const notices: JournalNotice[] = [];
  const journal = await openJournal({
    path: directory.file('journal.db'),
    synchronous: 'normal',
    onNotice: (notice) => notices.push(notice),
  });
  return { journal, notices };
}

describe('the high-water mark', () => {
  it('raises no alarm after a clean end, after a crash, and with a deleted -shm (F31)', async () => {
    using directory = temporaryDirectory();
    const { journal, ids, end } = await makeJournal(directory);
    for (const names of [FILES, FILES.filter((name) => name !== 'journal.db-shm')]) {
      using crashed = temporaryDirectory();
      copyFiles(directory, crashed, names);
      const after = await reopen(crashed);
      expect(after.journal.session(ids[0] ?? '')?.endOffset).toBe(end);
      expect([after.journal.lostTails(), after.journal.knownLosses(), after.notices]).toEqual([[], [], []]);
      await after.journal.close();
    }
    await journal.close();
    const clean = await reopen(directory);
    expect([clean.journal.lostTails(), clean.notices]).toEqual([[], []]);
    await clean.journal.close();
  });

  it('F31: a lost tail becomes a gap in its session: its offsets are never given to other output', async () => {
    using directory = temporaryDirectory();
    using crashed = temporaryDirectory();
    const { journal, ids, stored, end } = await makeJournal(directory);
    copyFiles(directory, crashed, ['journal.db', 'journal.hwm']);
    await journal.close();
    const { journal: after } = await reopen(crashed);
    after.markLostTails();
    const [id = ''] = ids;
    expect(after.session(id)?.endOffset).toBe(end);
    after.append(id, pattern(0, end, end + KIB));
    after.flush();
    const expected = Buffer.concat([pattern(0, 0, stored), pattern(0, end, end + KIB)]);
    const read = await readHistory(after, id);
    expect(outputOf(read.stream).equals(expected)).toBe(true);
    expect(marksOf(read.stream).filter(({ kind }) => kind === 'gap')).toMatchObject([{ offset: stored, lostBytes: end - stored }]);
    await after.close();
    const { journal: again } = await reopen(crashed);
    expect(again.lostTails()).toEqual([]);
    expect(again.knownLosses()).toHaveLength(2);
    expect((await readHistory(again, id)).stream).toEqual(read.stream);
    await again.close();
  });

  it('F31: a deleted write-ahead log is reported with session and range, and is still known after the next start', async () => {
    using directory = temporaryDirectory();
    using crashed = temporaryDirectory();
    const { journal, ids, stored, end } = await makeJournal(directory);
    copyFiles(directory, crashed, ['journal.db', 'journal.hwm']);
    await journal.close();
    const after = await reopen(crashed);
    const losses = ids.map((sessionId) => ({ sessionId, from: stored, to: end, at: expect.any(Number) as number, sameBoot: true }));
    expect(after.journal.lostTails()).toEqual(losses);
    expect(after.notices).toEqual([{ kind: 'tail-lost', losses }]);
    const { stream } = await readHistory(after.journal, ids[1] ?? '');
    expect(outputOf(stream).equals(pattern(1, 0, stored))).toBe(true);
    await after.journal.close();

    const again = await reopen(crashed);
    expect([again.journal.lostTails(), again.journal.knownLosses(), again.notices]).toEqual([losses, losses, []]);
    // Once output goes on behind it, it is history.
    again.journal.append(ids[0] ?? '', Buffer.from('x'));
    await again.journal.close();
    const third = await reopen(crashed);
    expect([third.journal.lostTails(), third.journal.knownLosses()]).toEqual([losses.slice(1), losses]);
    await third.journal.close();
  });

  it('F40: a copy of the database file alone, and an older copy put back, are reported', async () => {
    using directory = temporaryDirectory();
    using older = temporaryDirectory();
    const { journal, ids, end } = await makeJournal(directory);
    copyFiles(directory, older, ['journal.db', 'journal.db-wal']);
    const later = journal.append(ids[0] ?? '', pattern(0, end, end + 5));
    await journal.close();
    rmSync(directory.file('journal.db'));
    copyFiles(older, directory);
    const after = await reopen(directory);
    expect(after.journal.lostTails()).toMatchObject([{ sessionId: ids[0], from: end, to: later }]);
    await after.journal.close();
  });

  it('a session whose creation is lost is reported without a name, a removed one not at all', async () => {
    using directory = temporaryDirectory();
    using crashed = temporaryDirectory();
    const { journal, ids, stored, end } = await makeJournal(directory);
    journal.append(journal.createSession(newSession()).id, pattern(2, 0, 77));
    journal.flush();
    journal.removeSession(ids[0] ?? '');
    copyFiles(directory, crashed, ['journal.db', 'journal.hwm']);
    await journal.close();
    const after = await reopen(crashed);
    expect(after.journal.lostTails()).toMatchObject([
      { sessionId: ids[1], from: stored, to: end },
      { sessionId: null, from: 0, to: 77 },
    ]);
    await after.journal.close();
  });

  it(`F33: one flipped bit in the write-ahead log: whatever is lost is reported, ${FLIPS} times out of ${FLIPS}`, async () => {
    using directory = temporaryDirectory();
    const { journal, ids, stored, end } = await makeJournal(directory);
    const random = makeRandom(Number(process.env['COTG_TEST_SEED'] ?? Date.now() % 1_000_000_000));
    const size = statSync(directory.file('journal.db-wal')).size;
    let lossy = 0;
    for (let flip = 0; flip < FLIPS; flip++) {
      using crashed = temporaryDirectory();
      copyFiles(directory, crashed, ['journal.db', 'journal.db-wal', 'journal.hwm']);
      const wal = readFileSync(crashed.file('journal.db-wal'));
      const bit = random.int(0, size * 8 - 1);
      wal[bit >> 3] = (wal[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      writeFileSync(crashed.file('journal.db-wal'), wal);
      const after = await reopen(crashed);
      const at = `seed ${random.seed}, bit ${bit}`;
      const expected = ids.flatMap((sessionId) => {
        const from = after.journal.session(sessionId)?.endOffset ?? 0;
        return from < end ? [{ sessionId, from, to: end }] : [];
      });
      expect(after.journal.lostTails(), at).toMatchObject(expected);
      expect(after.journal.lostTails().length, at).toBe(expected.length);
      lossy += expected.length > 0 ? 1 : 0;
      for (const [index, id] of ids.entries()) {
        const { endOffset = 0 } = after.journal.session(id) ?? {};
        expect(endOffset, at).toBeGreaterThanOrEqual(stored);
        const { stream } = await readHistory(after.journal, id, { maxBytes: 1_000_000 });
        expect(outputOf(stream).equals(pattern(index, 0, endOffset)), at).toBe(true);
      }
      await after.journal.close();
    }
    await journal.close();
    // Nearly every flip costs something; otherwise this test would prove nothing.
    expect(lossy).toBeGreaterThan(FLIPS / 2);
  }, 1_200_000);

  it.each([
    ['missing', (file: string): void => rmSync(file)],
    ['torn', (file: string): void => writeFileSync(file, 'no mark')],
    ['torn', (file: string): void => flip(file, 50)],
    ['torn', (file: string): void => flip(file, 64 + 8)],
  ] as const)('a mark that is %s raises no false alarm, is said, and begins anew', async (problem, spoil) => {
    using directory = temporaryDirectory();
    const { journal, ids } = await makeJournal(directory);
    await journal.close();
    spoil(directory.file('journal.hwm'));
    const after = await reopen(directory);
    expect(after.journal.lostTails()).toEqual([]);
    expect(after.notices).toEqual([expect.objectContaining({ kind: 'mark-unusable', problem })]);
    after.journal.append(ids[0] ?? '', Buffer.from('x'));
    await after.journal.close();
    const again = await reopen(directory);
    expect([again.journal.lostTails(), again.notices]).toEqual([[], []]);
    await again.journal.close();
  });

  it('the mark of another journal raises no false alarm, and is said', async () => {
    using directory = temporaryDirectory();
    using other = temporaryDirectory();
    await (await makeJournal(directory)).journal.close();
    await (await makeJournal(other)).journal.close();
    copyFiles(other, directory, ['journal.hwm']);
    const after = await reopen(directory);
    expect(after.journal.lostTails()).toEqual([]);
    expect(after.notices).toEqual([{ kind: 'mark-unusable', problem: 'foreign', detail: 'it names 2 sessions' }]);
    await after.journal.close();
  });

  it('a mark that cannot be written stops nothing, and is said once', async () => {
    using directory = temporaryDirectory();
    const notices: JournalNotice[] = [];
    // A folder in its place: as a file system that refuses it.
    const path = directory.file('journal.db');
    mkdirSync(directory.file('journal.hwm'));
    const journal = await openJournal({ path, synchronous: 'normal', onNotice: (notice) => notices.push(notice) });
    const { id } = journal.createSession(newSession());
    journal.append(id, Buffer.from('stored all the same'));
    journal.flush();
    expect(journal.session(id)?.endOffset).toBe(19);
    expect(notices.map(({ kind }) => kind)).toEqual(['mark-unusable', 'mark-failed']);
    await journal.close();
  });
});

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(file, bytes);
}
