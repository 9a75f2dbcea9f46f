import { zstdDecompressSync, brotliDecompressSync } from 'node:zlib';
import { afterEach, expect, it } from 'vitest';
import { openJournal } from '../src/journal.ts';
import type { HistoryPage } from '../src/journal.ts';
import { temporaryDirectory } from '../src/testing.ts';
import { pattern } from './support/pattern.ts';
import { outputOf, readHistory } from './support/read-history.ts';
import { newSession } from './support/sessions.ts';

const WORKER = new URL('support/unreadable-reader-worker.ts', import.meta.url);
const KIB = 1024;
const END = 1500 * KIB;

type Page = Extract<HistoryPage, { kind: 'page' }>;

afterEach(() => {
  delete process.env['COTG_TEST_UNREADABLE'];
  delete process.env['COTG_TEST_UNREADABLE_KEY'];
});

/** What each piece of a page gives: its bytes, or null when it has none. */
function decoded({ pieces, bytes }: Page): { from: number; to: number; bytes: Uint8Array | null }[] {
  let at = 0;
  return pieces.map(({ offset, length, codec, storedLength }) => {
    const stored = bytes.subarray(at, (at += storedLength));
    const whole = codec === 'none' ? stored : codec === 'zstd' ? zstdDecompressSync(stored) : brotliDecompressSync(stored);
    return { from: offset, to: offset + length, bytes: storedLength === 0 ? null : whole };
  });
}

it('F27: pages that the disk does not give are missing from the ranges they belong to, of that session alone; all around them reads exactly', async () => {
  using directory = temporaryDirectory();
  const path = directory.file('journal.db');
  const first = await openJournal({ path, synchronous: 'normal' });
  const [ill = '', well = ''] = [newSession(), newSession()].map((session) => first.createSession(session).id);
  for (let at = 0; at < END; at += KIB) {
    for (const [index, id] of [ill, well].entries()) first.append(id, pattern(index, at, at + KIB));
    first.flush();
  }
  await first.compact();
  for (let at = END; at < END + 100 * KIB; at += KIB) {
    for (const [index, id] of [ill, well].entries()) first.append(id, pattern(index, at, at + KIB));
    first.flush();
  }
  await first.close();

  // One in a compressed piece, two in rows of the tail.
  const unreadable = [300 * KIB, END + 10 * KIB, END + 50 * KIB];
  process.env['COTG_TEST_UNREADABLE'] = unreadable.join(',');
  process.env['COTG_TEST_UNREADABLE_KEY'] = '1';
  await using journal = await openJournal({ path, synchronous: 'normal', testing: { readerWorker: WORKER } });
  const end = END + 100 * KIB;
  let position = { offset: 0, mark: 0, cursor: null as string | null };
  const lost: [number, number][] = [];
  let read = 0;
  for (;;) {
    const page = await journal.history(
      { id: ill, fromOffset: position.offset, afterMark: position.mark, toOffset: end, maxBytes: 200_000, cursor: position.cursor },
      new AbortController().signal,
    );
    if (page.kind !== 'page') throw new Error(page.kind);
    for (const { from, to, bytes } of decoded(page)) {
      if (bytes === null) lost.push([from, to]);
      else expect(Buffer.from(pattern(0, from, to)).equals(bytes)).toBe(true);
      // Pieces join: nothing is passed over in silence.
      expect(from).toBeLessThanOrEqual(read);
      read = Math.max(read, to);
    }
    if (page.next === null) break;
    position = page.next;
  }
  expect(read).toBe(end);
  for (const offset of unreadable) expect(lost.some(([from, to]) => from <= offset && offset < to)).toBe(true);
  expect(lost).toHaveLength(unreadable.length);
  // Rows of the tail are small.
  expect(lost.slice(1).every(([from, to]) => to - from <= KIB)).toBe(true);
  const { stream } = await readHistory(journal, well, { maxBytes: 1_000_000 });
  expect(outputOf(stream).equals(pattern(1, 0, end))).toBe(true);
});
