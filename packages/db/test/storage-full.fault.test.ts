import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it, vi } from 'vitest';
import { openDatabase } from '../src/database.ts';
import { SqliteJournal, openJournal } from '../src/journal.ts';
import type { CommittedEntry, JournalNotice } from '../src/journal.ts';
import { journalSchema } from '../src/journal/migrations/index.ts';
import { temporaryDirectory } from '../src/testing.ts';
import { pattern } from './support/pattern.ts';
import { makeRandom } from './support/random.ts';
import { joinStream, marksOf, outputOf, readHistory } from './support/read-history.ts';
import type { Stream } from './support/read-history.ts';
import { EXITED, newSession } from './support/sessions.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const FULL_SET = process.env['COTG_FAULTS'] === 'full';
/** Pages that are left when the disk is full: each another place of a transaction to fail in. */
const FULL_POINTS = FULL_SET ? 200 : 50;

interface FullDisk extends AsyncDisposable {
  readonly journal: SqliteJournal;
  readonly path: string;
  readonly notices: JournalNotice[];
  readonly shown: CommittedEntry[];
  /** SQLite's own limit of the file's size fails as a full disk does: in the middle of a transaction, with SQLITE_FULL. */
  fill(pagesLeft: number): void;
  free(): void;
}

async function openFullDisk(): Promise<FullDisk> {
  const directory = temporaryDirectory();
  const path = directory.file('journal.db');
  const notices: JournalNotice[] = [];
  const shown: CommittedEntry[] = [];
  const db = await openDatabase({ path, synchronous: 'normal', identity: journalSchema });
  const journal = new SqliteJournal(db, { path, synchronous: 'normal', onNotice: (notice) => notices.push(notice) });
  journal.onCommitted((entries) => shown.push(...entries));
  return {
    journal,
    path,
    notices,
    shown,
    fill: (pagesLeft) => void db.pragma(`max_page_count = ${Number(db.pragma('page_count', { simple: true })) + pagesLeft}`),
    free: () => void db.pragma('max_page_count = 1000000'),
    async [Symbol.asyncDispose]() {
      await journal.close();
      directory[Symbol.dispose]();
    },
  };
}

/** As the host does: reads on only while little waits. */
async function print(journal: SqliteJournal, id: string, session: number, to: number): Promise<void> {
  for (let at = endOf(journal, id); at < to; at += 8 * KIB) {
    await vi.waitFor(() => expect(journal.pendingBytes(id)).toBeLessThan(256 * KIB), { timeout: 10_000, interval: 5 });
    journal.append(id, pattern(session, at, Math.min(to, at + 8 * KIB)));
  }
}

const appended = new WeakMap<SqliteJournal, Map<string, number>>();
function endOf(journal: SqliteJournal, id: string): number {
  return appended.get(journal)?.get(id) ?? journal.session(id)?.endOffset ?? 0;
}

/** The stream of a session as a follower saw it; throws when a byte came twice or out of order. */
function followed(shown: readonly CommittedEntry[], id: string): Stream {
  let at = 0;
  const stream: Stream = [];
  for (const entry of shown) {
    if (entry.sessionId !== id) continue;
    if (entry.kind === 'mark') stream.push({ mark: entry.entry });
    else {
      expect(entry.offset).toBe(at);
      at += entry.bytes.length;
      stream.push({ output: entry.bytes });
    }
  }
  return joinStream(stream);
}

it('F23: on a full disk the terminal goes on from memory, what does not fit becomes one gap with its bounds, and storing resumes', async () => {
  await using disk = await openFullDisk();
  const { journal } = disk;
  const { id } = journal.createSession(newSession());
  const other = journal.createSession(newSession()).id;
  journal.append(other, pattern(1, 0, 1000));
  await print(journal, id, 0, 100 * KIB);
  journal.flush();
  disk.fill(20);
  // More than the disk and the memory hold together.
  await print(journal, id, 0, 4 * MIB);
  await vi.waitFor(() => expect(journal.session(id)?.endOffset).toBe(4 * MIB), { timeout: 10_000 });
  expect(journal.stats().storage).toBe('paused');
  expect(disk.notices.filter(({ kind }) => kind === 'storage-paused')).toHaveLength(1);
  // Everything was shown, in order, once.
  expect(outputOf(followed(disk.shown, id)).equals(pattern(0, 0, 4 * MIB))).toBe(true);
  // And can be read: what is stored, the gap, what is in memory.
  const during = await readHistory(journal, id, { maxBytes: 100_000 });
  const gap = marksOf(during.stream).find(({ kind }) => kind === 'gap');
  if (gap?.kind !== 'gap') throw new Error('no gap');
  expect(gap.lostBytes).toBeGreaterThan(2 * MIB);
  const gapEnd = gap.offset + gap.lostBytes;
  const whole = Buffer.concat([pattern(0, 0, gap.offset), pattern(0, gapEnd, 4 * MIB)]);
  expect(outputOf(during.stream).equals(whole)).toBe(true);

  disk.free();
  await vi.waitFor(() => expect(journal.stats().storage).toBe('ok'), { timeout: 10_000 });
  await print(journal, id, 0, 4 * MIB + 100 * KIB);
  journal.flush();
  const after = await readHistory(journal, id, { maxBytes: 1_000_000 });
  const stored = marksOf(after.stream).filter(({ kind }) => kind === 'gap');
  expect(stored).toEqual([gap]);
  expect(outputOf(after.stream).equals(Buffer.concat([whole, pattern(0, 4 * MIB, 4 * MIB + 100 * KIB)]))).toBe(true);
  expect(outputOf(followed(disk.shown, id)).equals(pattern(0, 0, 4 * MIB + 100 * KIB))).toBe(true);
  expect(outputOf((await readHistory(journal, other)).stream).equals(pattern(1, 0, 1000))).toBe(true);
  // Inside the gap, at its ends, and before it.
  for (const fromOffset of [gap.offset - 1, gap.offset, gap.offset + 1, gapEnd - 1, gapEnd, gapEnd + 1]) {
    const page = await journal.history(
      { id, fromOffset, afterMark: gap.mark, toOffset: gapEnd + 10, maxBytes: 100, cursor: null },
      new AbortController().signal,
    );
    if (page.kind !== 'page') throw new Error(page.kind);
    expect(page.fromOffset).toBe(fromOffset >= gap.offset ? Math.max(fromOffset, gapEnd) : fromOffset);
  }

  const before = journal.sessions();
  await journal.close();
  await using again = await openJournal({ path: disk.path, synchronous: 'normal' });
  expect(again.sessions()).toEqual(before);
  expect((await readHistory(again, id, { maxBytes: 1_000_000 })).stream).toEqual(after.stream);
}, 60_000);

it('F23: a short pause loses nothing: what was shown from memory is stored behind a gap of no bytes', async () => {
  await using disk = await openFullDisk();
  const { journal } = disk;
  const { id } = journal.createSession(newSession());
  disk.fill(0);
  await print(journal, id, 0, 300 * KIB);
  journal.resized(id, 100, 30);
  await vi.waitFor(() => expect(journal.session(id)).toMatchObject({ endOffset: 300 * KIB, cols: 100 }), { timeout: 10_000 });
  expect(() => journal.runEnded(id, EXITED)).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED' }));
  await vi.waitFor(() => expect(journal.session(id)?.state).toBe('exited'));
  const { stream: memory } = await readHistory(journal, id);
  disk.free();
  await vi.waitFor(() => expect(journal.stats().storage).toBe('ok'), { timeout: 10_000 });
  journal.flush();
  const { stream } = await readHistory(journal, id);
  expect(stream).toEqual(memory);
  expect(outputOf(stream).equals(pattern(0, 0, 300 * KIB))).toBe(true);
  expect(marksOf(stream).filter(({ kind }) => kind === 'gap')).toMatchObject([{ lostBytes: 0 }]);
  expect(marksOf(stream).map(({ mark }) => mark)).toEqual(marksOf(stream).map((_, at) => at + 1));
  expect(followed(disk.shown, id)).toEqual(joinStream(stream.filter((entry) => !('mark' in entry) || entry.mark.mark > 1)));
}, 30_000);

it(`F24: a disk that is full at each of ${FULL_POINTS} places of writing: nothing shown is lost, nothing doubled, storing goes on`, async () => {
  await using disk = await openFullDisk();
  const { journal } = disk;
  const ids = [0, 1].map(() => journal.createSession(newSession({ maxHistoryBytes: 1024 * MIB })).id);
  const ends = [0, 0];
  for (let pages = 0; pages < FULL_POINTS; pages += 1) {
    disk.fill(pages);
    for (const [session, id] of ids.entries()) {
      const from = ends[session] ?? 0;
      // More than the pages that are left, in pieces of different sizes.
      const to = from + 8 * KIB * (1 + pages) + session * 777;
      journal.append(id, pattern(session, from, to));
      journal.resized(id, 80 + ((pages + session) % 100), 24);
      ends[session] = to;
    }
    journal.flush();
    expect(journal.stats().storage, `${pages} pages left`).toBe('paused');
    disk.free();
    journal.flush();
    expect(journal.stats().storage).toBe('ok');
  }
  for (const [session, id] of ids.entries()) {
    const { stream } = await readHistory(journal, id, { maxBytes: 1_000_000 });
    expect(outputOf(stream).equals(pattern(session, 0, ends[session] ?? 0))).toBe(true);
    expect(outputOf(followed(disk.shown, id)).equals(pattern(session, 0, ends[session] ?? 0))).toBe(true);
    expect(marksOf(stream).map(({ mark }) => mark)).toEqual(marksOf(stream).map((_, at) => at + 1));
  }
}, 600_000);

it('F25: a disk that is full while older output is compressed and while a history is trimmed: nothing changes, and both are done when there is room', async () => {
  await using disk = await openFullDisk();
  const { journal } = disk;
  const { id } = journal.createSession(newSession());
  const other = journal.createSession(newSession({ maxHistoryBytes: 2 * MIB })).id;
  const noise = makeRandom(7).bytes(MIB);
  await print(journal, other, 1, 2 * MIB);
  // All in one turn: what is compressed now would leave free pages.
  for (let at = 0; at < 3 * MIB; at += 64 * KIB) journal.append(id, noise.subarray(at % MIB, (at % MIB) + 64 * KIB));
  journal.flush();
  disk.fill(0);
  const whole = outputOf((await readHistory(journal, id, { maxBytes: 1_000_000 })).stream);
  // Full it is: more output does not fit.
  expect(() => {
    for (let n = 0; n < 500; n += 1) journal.createSession(newSession());
  }).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED' }) as Error);
  // Pieces of noise are as large as what they stand for; rows are deleted and pieces written in one transaction, which needs no more room.
  await journal.compact();
  expect(outputOf((await readHistory(journal, id, { maxBytes: 1_000_000 })).stream).equals(whole)).toBe(true);
  expect(await journal.verify()).toEqual([]);
  disk.free();
  await print(journal, other, 1, 5 * MIB);
  journal.flush();
  await journal.compact();
  expect(outputOf((await readHistory(journal, id, { maxBytes: 1_000_000 })).stream).equals(whole)).toBe(true);
  const { firstOffset = 0, endOffset = 0 } = journal.session(other) ?? {};
  expect(outputOf((await readHistory(journal, other, { fromOffset: firstOffset, maxBytes: 1_000_000 })).stream)).toEqual(
    Buffer.from(pattern(1, firstOffset, endOffset)),
  );
  expect(await journal.verify()).toEqual([]);
});

/** A mount in a namespace of one's own needs no root (util-linux), where the kernel allows it. */
const canMount = spawnSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs none /mnt']).status === 0;
const SMALL_DISK_WRITER = fileURLToPath(new URL('support/small-disk-writer.ts', import.meta.url));

it.runIf(canMount)(
  'F25: on a small disk a flood leaves no more in the log than the reserve can hold, whoever takes the rest of the disk',
  () => {
    using directory = temporaryDirectory();
    const folder = directory.file('.');
    const script = `mount -t tmpfs -o size=96m none '${folder}' && exec "$@"`;
    const child = spawnSync('unshare', ['-rm', 'sh', '-c', script, 'sh', process.execPath, SMALL_DISK_WRITER, `${folder}/journal.db`], {
      encoding: 'utf8',
      timeout: 120_000,
    });
    expect(child.status, child.stderr).toBe(0);
    const { growth, pauses } = JSON.parse(child.stdout) as { growth: number; pauses: number };
    // Half of the reserve, and one whole commit more.
    expect(growth).toBeLessThanOrEqual(3 * MIB);
    expect(pauses).toBe(0);
  },
);
