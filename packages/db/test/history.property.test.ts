// Any chunking of appends, resizes and flushes reads back exactly, page by page, whatever the size of the pages and the start.
import { crc32, zstdCompressSync } from 'node:zlib';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { openJournal } from '../src/journal.ts';
import type { MarkEntry, SqliteJournal } from '../src/journal.ts';
import { temporaryDirectory } from '../src/testing.ts';
import { makeRandom } from './support/random.ts';
import type { Random } from './support/random.ts';
import { describeStream, joinStream, readHistory } from './support/read-history.ts';
import type { Stream } from './support/read-history.ts';
import { collectCommitted, EXITED, newSession } from './support/sessions.ts';

const ROUNDS = 10;
const STEPS = 250;
const READS = 20;

/** Print it, set it, run again. */
const firstSeed = Number(process.env['COTG_TEST_SEED'] ?? Date.now() % 1_000_000_000);
const seeds = Array.from({ length: ROUNDS }, (_, round) => firstSeed + round);

const turnOfTheLoop = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** What the test itself says must be in a session. */
interface Expected {
  readonly id: string;
  readonly output: Uint8Array[];
  length: number;
  readonly resizes: { readonly offset: number; readonly cols: number }[];
}

async function writeAtRandom(journal: SqliteJournal, random: Random, clock: { ms: number }): Promise<Expected[]> {
  const sessions = Array.from({ length: random.int(1, 3) }, (): Expected => {
    const { id } = journal.createSession(newSession({ cols: 1000 }));
    return { id, output: [], length: 0, resizes: [{ offset: 0, cols: 1000 }] };
  });
  const largest = random.pick([8, 300, 5000, 100_000]);
  for (let step = 0; step < STEPS; step++) {
    const session = random.pick(sessions);
    const action = random.next();
    if (action < 0.7) {
      const bytes = random.bytes(random.int(0, random.next() < 0.1 ? largest : Math.min(largest, 200)));
      session.output.push(bytes);
      session.length += bytes.length;
      expect(journal.append(session.id, bytes)).toBe(session.length);
    } else if (action < 0.85) {
      // Several at one offset, too.
      for (let i = random.int(1, 3); i > 0; i--) {
        const cols = (session.resizes.at(-1)?.cols ?? 0) + 1;
        journal.resized(session.id, cols, 24);
        session.resizes.push({ offset: session.length, cols });
      }
    } else if (action < 0.9) journal.flush();
    else if (action < 0.95) journal.typed(session.id);
    else journal.followed(random.next() < 0.5);
    clock.ms += random.int(0, 60);
    if (random.next() < 0.3) await turnOfTheLoop();
  }
  for (const session of sessions) if (random.next() < 0.5) journal.runEnded(session.id, EXITED);
  journal.flush();
  return sessions;
}

/** The rest of a stream from a position on. */
function streamFrom(stream: Stream, fromOffset: number, afterMark: number, toOffset: number): Stream {
  const rest: Stream = [];
  let offset = 0;
  for (const entry of stream) {
    if ('mark' in entry) {
      const { mark } = entry;
      if (mark.offset >= fromOffset && mark.mark > afterMark && mark.offset <= toOffset) rest.push(entry);
    } else {
      const from = Math.max(fromOffset, offset);
      const to = Math.min(toOffset, offset + entry.output.length);
      if (from < to) rest.push({ output: entry.output.subarray(from - offset, to - offset) });
      offset += entry.output.length;
    }
  }
  return joinStream(rest);
}

async function readAtRandom(journal: SqliteJournal, random: Random, id: string, whole: Stream): Promise<void> {
  const end = journal.session(id)?.endOffset ?? 0;
  const marks = whole.flatMap((entry): MarkEntry[] => ('mark' in entry ? [entry.mark] : []));
  for (let read = 0; read < READS; read++) {
    const sizes = random.pick([1, 7, 100, 5000, 1_000_000].filter((size) => end / size < 150));
    const atMark = random.next() < 0.5 && marks.length > 0 ? random.pick(marks) : undefined;
    const fromOffset = atMark?.offset ?? random.int(0, end);
    // Either the position behind a mark, or an offset without knowing the marks there.
    const afterMark = atMark !== undefined && random.next() < 0.7 ? atMark.mark : 0;
    const toOffset = random.next() < 0.5 ? random.int(fromOffset, end) : Number.MAX_SAFE_INTEGER;
    const { stream } = await readHistory(journal, id, {
      fromOffset,
      afterMark,
      toOffset,
      maxBytes: () => random.int(1, sizes),
      cursor: (given) => random.pick([given, given, null, '0', '999999999', 'x', String(random.int(0, 500))]),
    });
    expect(describeStream(stream)).toEqual(describeStream(streamFrom(whole, fromOffset, afterMark, toOffset)));
  }
}

describe('history', () => {
  it.each(seeds)('any chunking reads back exactly, from any position, at any page size (COTG_TEST_SEED=%i)', async (seed) => {
    using directory = temporaryDirectory();
    const path = directory.file('journal.db');
    const random = makeRandom(seed);
    const clock = { ms: 0 };
    const options = { path, synchronous: 'normal' as const, monotonicNow: () => clock.ms };
    let journal = await openJournal(options);
    const shown = collectCommitted(journal);
    const sessions = await writeAtRandom(journal, random, clock);

    const wholes = new Map<string, Stream>();
    for (const { id, output, resizes } of sessions) {
      const { stream } = await readHistory(journal, id, { maxBytes: 1_000_000 });
      wholes.set(id, stream);
      expect(Buffer.concat(stream.flatMap((entry) => ('output' in entry ? [entry.output] : []))).equals(Buffer.concat(output))).toBe(true);
      const read = stream.flatMap((entry) =>
        'mark' in entry && entry.mark.kind === 'resize' ? [{ offset: entry.mark.offset, cols: entry.mark.cols }] : [],
      );
      expect(read).toEqual(resizes);
      const numbers = stream.flatMap((entry) => ('mark' in entry ? [entry.mark.mark] : []));
      expect(numbers).toEqual(numbers.map((_, at) => at + 1));
      // The listener heard the same, but for the first mark, which nobody could follow.
      expect(describeStream(joinStream(shown.get(id) ?? []))).toEqual(describeStream(stream.slice(1)));
      await readAtRandom(journal, random, id, stream);
    }
    await journal.close();

    // The same once more with older output in compressed segments, after another start.
    compress(path, random);
    journal = await openJournal(options);
    for (const { id } of sessions) await readAtRandom(journal, random, id, wholes.get(id) ?? []);
    await journal.close();
  });

  it.each([
    ['at one offset before all output', 1, 4000],
    ['at one offset at the end of the journal', 4999, 5000],
    ['each at an offset of its own', 1, 0],
  ])('more marks than fit in a page are given over several, each once: %s', async (_where, outputFrom, outputBehind) => {
    using directory = temporaryDirectory();
    await using journal = await openJournal({ path: directory.file('journal.db'), synchronous: 'normal' });
    const { id } = journal.createSession(newSession({ cols: 1 }));
    journal.append(id, Buffer.alloc(outputFrom));
    for (let cols = 2; cols <= 5000; cols++) {
      journal.resized(id, cols, 24);
      if (cols > outputBehind) journal.append(id, Buffer.from([cols % 256]));
    }
    journal.flush();
    const { stream, pages } = await readHistory(journal, id, { maxBytes: 1_000_000 });
    const cols = stream.flatMap((entry) => ('mark' in entry && entry.mark.kind === 'resize' ? [entry.mark.cols] : []));
    expect(cols).toEqual(Array.from({ length: 5000 }, (_, at) => at + 1));
    expect(pages).toBe(3);
  });
});

/** Moves older rows of the tail into compressed segments, as background compaction will. */
function compress(path: string, random: Random): void {
  const db = new Database(path);
  const keys = db.prepare<[], number>('select id from session').pluck().all();
  for (const key of keys) {
    const rows = db
      .prepare<[number], { id: number; off: number; data: Buffer }>('select id, off, data from tail where session = ? order by id')
      .all(key);
    let at = 0;
    const keep = random.int(0, 3);
    while (at < rows.length - keep) {
      const group = rows.slice(at, Math.min(at + random.int(1, 20), rows.length - keep));
      const [first] = group;
      if (first === undefined) break;
      const data = Buffer.concat(group.map((row) => row.data));
      db.prepare('insert into segment (session, off, len, codec, level, crc, data) values (?, ?, ?, 1, 1, ?, ?)').run(
        key,
        first.off,
        data.length,
        crc32(data),
        zstdCompressSync(data),
      );
      for (const { id } of group) db.prepare('delete from tail where id = ?').run(id);
      at += group.length;
    }
  }
  db.close();
}
