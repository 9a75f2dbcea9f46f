// Owns which page of history a request gets: what is stored, read by the worker; what is in memory alone while storing is paused; where gaps lie.
// Must not know SQL (reader.ts).
import { InvariantError } from '../errors.ts';
import type { Committer } from './committer.ts';
import type { HistoryReader } from './history-reader.ts';
import type { Gap, SessionBook, SessionRecord } from './session-book.ts';
import type { HistoryPage, HistoryRequest } from './types.ts';
import { firstUnstoredMark, unstoredPage } from './unstored-page.ts';

/** Most output in one page of history (bytes): one short read transaction, one frame. */
const MAX_PAGE_BYTES = 1024 * 1024;
/** A page may end behind its size by a compressed segment, which is given whole (bytes). */
const MAX_SEGMENT_BYTES = 1024 * 1024;

export interface HistoryPagesOptions {
  readonly book: SessionBook;
  readonly committer: Committer;
  readonly reader: HistoryReader;
}

export class HistoryPages {
  readonly #options: HistoryPagesOptions;

  constructor(options: HistoryPagesOptions) {
    this.#options = options;
  }

  /** Rejects with the signal's reason, or with StorageError. */
  async read(request: HistoryRequest, signal: AbortSignal): Promise<HistoryPage> {
    const { book, committer } = this.#options;
    const record = book.find(request.id);
    if (record === undefined) return { kind: 'unknown-session' };
    const { fromOffset, afterMark } = request;
    requireCounts({ fromOffset, afterMark, toOffset: request.toOffset, maxBytes: request.maxBytes });
    const { firstOffset, endOffset, lastMark } = record.committed;
    if (fromOffset < firstOffset) return { kind: 'trimmed', firstOffset, endOffset };
    // Nothing is newer: no need to wake the worker for that.
    if (fromOffset >= endOffset && afterMark >= lastMark) {
      return { kind: 'page', fromOffset, firstOffset, endOffset, pieces: [], marks: [], bytes: new Uint8Array(0), next: null };
    }
    const maxBytes = Math.min(Math.max(request.maxBytes, 1), MAX_PAGE_BYTES);
    const unstored = committer.unstored(record.key);
    const storedMarks = unstored ? (firstUnstoredMark(unstored) ?? Infinity) - 1 : Infinity;
    if (unstored && (fromOffset > unstored.offset || (fromOffset === unstored.offset && afterMark >= storedMarks))) {
      const toOffset = Math.max(fromOffset, request.toOffset);
      return unstoredPage(unstored, { fromOffset, afterMark, toOffset, maxBytes, firstOffset, endOffset });
    }
    const page = await this.#storedPage(
      record,
      { ...request, maxBytes, toOffset: Math.min(request.toOffset, unstored?.offset ?? endOffset) },
      signal,
    );
    if (!unstored || page.kind !== 'page' || page.next !== null || request.toOffset < unstored.offset) return page;
    // What follows is not in the file yet.
    return { ...page, endOffset, next: { offset: unstored.offset, mark: Math.max(afterMark, page.marks.at(-1)?.mark ?? 0), cursor: '0' } };
  }

  #storedPage(record: SessionRecord, request: HistoryRequest, signal: AbortSignal): Promise<HistoryPage> {
    const { fromOffset, afterMark, maxBytes } = request;
    const { tailIndex, markIndex } = record;
    const { endOffset } = record.committed;
    const unstoredFrom = this.#options.committer.unstored(record.key)?.offset ?? Infinity;
    const place = placeAmongGaps(
      record.gaps.filter(({ offset }) => offset < unstoredFrom),
      fromOffset,
      afterMark,
    );
    const toOffset = Math.max(place.fromOffset, Math.min(request.toOffset, endOffset));
    const pageLimit = Math.min(toOffset, place.fromOffset + maxBytes + MAX_SEGMENT_BYTES, place.gap?.offset ?? toOffset);
    const tailRow = tailIndex.rowBefore(place.fromOffset);
    return this.#options.reader.read(
      {
        session: record.key,
        fromOffset: place.fromOffset,
        afterMark,
        toOffset,
        pageLimit,
        endOffset,
        maxBytes,
        gap: place.gap,
        tailRow: Math.max(tailRow, parseCursor(request.cursor, tailIndex.lastRow)),
        lastTailRow: tailIndex.lastRow,
        markRow: markIndex.rowBefore(place.fromOffset),
        lastMarkRow: markIndex.rowAfter(Math.max(place.fromOffset, pageLimit)),
      },
      signal,
    );
  }
}

/** Where a page may begin, and the gap at which it must end. A place inside a gap is the one behind it: nothing lies between. */
function placeAmongGaps(
  gaps: readonly Gap[],
  fromOffset: number,
  afterMark: number,
): { readonly fromOffset: number; readonly gap: Gap | null } {
  let from = fromOffset;
  for (const gap of gaps) {
    const end = gap.offset + gap.lostBytes;
    if (end <= from) continue;
    const isPast = gap.offset < from || (gap.offset === from && afterMark >= gap.mark);
    if (!isPast) return { fromOffset: from, gap };
    from = end;
  }
  return { fromOffset: from, gap: null };
}

/** A cursor comes from outside: what is not a row of ours is no hint. */
function parseCursor(cursor: string | null, lastRow: number): number {
  if (cursor === null || !/^\d{1,15}$/.test(cursor)) return 0;
  const row = Number(cursor);
  return row <= lastRow ? row : 0;
}

/** SQLite would take anything else for NULL, and answer with a page of nothing. */
function requireCounts(values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (!Number.isSafeInteger(value) || value < 0) throw new InvariantError(`${name} of a history request is ${value}`);
  }
}
