import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { afterEach, expect, it, vi } from 'vitest';
import { openJournal } from '../src/journal.ts';
import type { JournalNotice, SqliteJournal } from '../src/journal.ts';
import { temporaryDirectory } from '../src/testing.ts';
import { pattern } from './support/pattern.ts';
import { afterPowerCut, contentOf, LEAVES, putFile } from './support/power-loss.ts';
import { makeRandom } from './support/random.ts';
import type { Random } from './support/random.ts';
import { outputOf, readHistory } from './support/read-history.ts';
import { newSession } from './support/sessions.ts';

const IMAGES = process.env['COTG_FAULTS'] === 'full' ? 100 : 12;
const SEED = Number(process.env['COTG_TEST_SEED'] ?? Date.now() % 1_000_000_000);
const SESSIONS = 3;
const LOG_HEADER_BYTES = 32;
/** Small, so that trims are among what is cut off (bytes). */
const HISTORY_BYTES = 3 * 1024 * 1024;
/** Output between some images, so that the log gets to its checkpoints (bytes). */
const BULK_BYTES = 6 * 1024 * 1024;

/** The journal's files at one moment, and how far each session was committed then. */
interface Moment {
  readonly db: Buffer;
  readonly log: Buffer;
  readonly mark: Buffer;
  readonly ends: readonly number[];
}

afterEach(() => {
  vi.restoreAllMocks();
});

/** Calls `synced` with what `before` gave when a sync began, once it is complete. */
async function watchSyncs<T>(before: () => T, synced: (then: T) => void): Promise<void> {
  const handle = await open('/dev/null');
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const original = Object.getOwnPropertyDescriptor(prototype, 'datasync')?.value as (this: FileHandle) => Promise<void>;
  vi.spyOn(prototype, 'datasync').mockImplementation(async function datasyncAndTell(this: FileHandle) {
    const then = before();
    await original.call(this);
    synced(then);
  });
}

/** Its header changes when the log begins again from its start; a log cut to nothing has none. */
function isSameLog(before: Buffer, after: Buffer): boolean {
  return after.length > 0 && before.subarray(0, LOG_HEADER_BYTES).equals(after.subarray(0, LOG_HEADER_BYTES));
}

interface Counts {
  images: number;
  lostBytes: number;
  checkpoints: number;
}

/** Opens what a power cut between `synced` and `written` may have left. */
async function tryImage(synced: Moment, written: Moment, random: Random, counts: Counts, round: string): Promise<void> {
  using directory = temporaryDirectory();
  const path = directory.file('journal.db');
  const mark = afterPowerCut(synced.mark, written.mark, random.pick(LEAVES), random);
  putFile(path, afterPowerCut(synced.db, written.db, random.pick(LEAVES), random));
  putFile(`${path}-wal`, afterPowerCut(synced.log, written.log, random.pick(LEAVES), random));
  putFile(directory.file('journal.hwm'), mark);
  const notices: JournalNotice[] = [];
  await using journal = await openJournal({ path, synchronous: 'normal', onNotice: (notice) => notices.push(notice) });
  expect(
    notices.filter(({ kind }) => kind === 'recovered'),
    round,
  ).toEqual([]);
  expect(await journal.verify(), round).toEqual([]);
  const sessions = journal.sessions();
  expect(sessions.length, round).toBe(SESSIONS);
  for (const [index, { id, firstOffset, endOffset }] of sessions.entries()) {
    expect(endOffset, round).toBeGreaterThanOrEqual(synced.ends[index] ?? 0);
    expect(endOffset, round).toBeLessThanOrEqual(written.ends[index] ?? 0);
    const { stream } = await readHistory(journal, id, { fromOffset: firstOffset, maxBytes: 1_000_000 });
    expect(outputOf(stream).equals(pattern(index, firstOffset, endOffset)), round).toBe(true);
    counts.lostBytes += (written.ends[index] ?? 0) - endOffset;
    // A mark that is there tells what the log does not have.
    const isMissing = mark.equals(written.mark) && endOffset < (written.ends[index] ?? 0);
    if (isMissing)
      expect(journal.lostTails(), round).toContainEqual(
        expect.objectContaining({ sessionId: id, from: endOffset, to: written.ends[index] }),
      );
  }
  counts.images += 1;
}

it.each(['normal', 'full'] as const)(
  `F37: ${IMAGES} images of a power cut, synchronous %s: each opens whole, what was synced is there, and what is not is reported (seed ${SEED})`,
  async (synchronous) => {
    using directory = temporaryDirectory();
    const path = directory.file('journal.db');
    const random = makeRandom(SEED);
    const counts: Counts = { images: 0, lostBytes: 0, checkpoints: 0 };
    const ends = Array.from({ length: SESSIONS }, () => 0);
    const moment = (): Moment => ({
      db: contentOf(path),
      log: contentOf(`${path}-wal`),
      mark: contentOf(directory.file('journal.hwm')),
      ends: [...ends],
    });
    let synced: Moment | undefined;
    // The log alone is synced between checkpoints; nothing is written to the database file then.
    await watchSyncs(moment, (then) => (synced = then));

    let checkpointFrom: Moment | undefined;
    let checkpointDone: (() => void) | undefined;
    const between: { from: Moment; to: Moment }[] = [];
    const step = (name: string): void => {
      if (!name.startsWith('checkpoint:')) return;
      if (!name.endsWith('-done')) {
        checkpointFrom = moment();
        return;
      }
      // SQLite syncs the log before it copies anything of it, and the database when all is copied.
      const now = moment();
      // Which of what was committed meanwhile is among it is not known: all of that counts as synced.
      // And a log that began again meanwhile did so behind the sync of the database.
      if (checkpointFrom && isSameLog(checkpointFrom.log, now.log)) between.push({ from: { ...now, db: checkpointFrom.db }, to: now });
      synced = now;
      checkpointFrom = undefined;
      counts.checkpoints += 1;
      checkpointDone?.();
    };
    const journal: SqliteJournal = await openJournal({ path, synchronous, testing: { step } });
    const ids = ends.map(() => journal.createSession(newSession({ maxHistoryBytes: HISTORY_BYTES })).id);
    // Where the log begins, the files are those of a clean end.
    await vi.waitFor(() => expect(synced ?? synchronous).toBeTruthy());
    synced = moment();

    const print = async (bytes: () => number): Promise<void> => {
      for (let index = 0; index < SESSIONS; index += 1) {
        const end = (ends[index] ?? 0) + bytes();
        journal.append(ids[index] ?? '', pattern(index, ends[index] ?? 0, end));
        ends[index] = end;
      }
      const checkpointed = new Promise<void>((resolve) => (checkpointDone = resolve));
      journal.flush();
      if (checkpointFrom) await checkpointed;
    };
    for (let write = 0; counts.images < IMAGES || counts.checkpoints === 0; write += 1) {
      if (random.next() < 0.2) for (let bytes = 0; bytes < BULK_BYTES; bytes += SESSIONS * 100_000) await print(() => 100_000);
      const before = moment();
      await print(() => (random.next() < 0.1 ? random.int(1, 400_000) : random.int(1, 5000)));
      // With FULL each commit is synced before it is reported: only the one under way can be lost.
      if (synchronous === 'full') synced = before;
      if (random.next() < 0.3) await new Promise((resolve) => setTimeout(resolve, random.int(1, 30)));
      if (random.next() < 0.5 && synced && !checkpointFrom)
        await tryImage(synced, moment(), random, counts, `seed ${SEED}, write ${write}`);
      for (const { from, to } of between.splice(0)) {
        for (let n = 0; n < 3; n += 1) await tryImage(from, to, random, counts, `seed ${SEED}, the checkpoint before write ${write}`);
      }
    }
    await journal.close();
    console.log(
      `${counts.images} power cuts, ${synchronous}, seed ${SEED}: all opened whole, ${counts.checkpoints} checkpoints, ${(counts.lostBytes / counts.images / 1024).toFixed(1)} KiB lost in the mean`,
    );
    expect(counts.checkpoints).toBeGreaterThan(0);
  },
  3_600_000,
);
