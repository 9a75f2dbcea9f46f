// Owns how a page of committed history is read: one read transaction, bounded in bytes and marks. Runs in the reader worker, on a
// connection that cannot write. Stateless: a page says where the next one begins.
//
// Order. A mark at offset x comes after the byte before x and before the byte at x; marks are numbered in that order. So (offset, mark)
// is a position: everything up to it has been given. A page from position (a, m) holds the output [a, b) and every mark numbered
// above m whose offset lies in [a, b]: those at b follow output of this very page, and the next page begins behind them at
// (b, newest mark given). Thus each mark is given once, in order, never before the output it follows.
//
// A gap is a hole that its mark explains: a page ends at it, gives its mark, and says that the next one begins behind it.
//
// Where to look (rows) is a hint. Output must join without a hole; if it does not from the hinted row on, the log is read from its start.
import { crc32 } from 'node:zlib';
import type Database from 'better-sqlite3';
import { sqliteCode, StorageError } from '../errors.ts';
import { prepare } from '../statement.ts';
import { rowToMark } from './marks.ts';
import type { ReaderQueries, SegmentPlace, SegmentRow, TailSize } from './reader-queries.ts';
import { SEGMENT_CODEC } from './schema.ts';
import type { HistoryPage, HistoryPiece, MarkEntry } from './types.ts';

/** Most marks in one page: about 200 KB of header. More marks than that end the page earlier. */
const MAX_PAGE_MARKS = 2000;
/** Tail rows sized in the first query and in the following ones: a page of a flood is a few rows, of an interactive session thousands. */
const FIRST_QUERY_ROWS = 64;
const QUERY_ROWS = 2048;

/** A request as the worker gets it: the main thread has resolved the session and bounded the range by what is committed. */
export interface PageRequest {
  readonly session: number;
  readonly fromOffset: number;
  readonly afterMark: number;
  /** At most endOffset. */
  readonly toOffset: number;
  /** This page ends here at the latest: the rows below reach no further. At most toOffset. */
  readonly pageLimit: number;
  readonly endOffset: number;
  /** At least 1. */
  readonly maxBytes: number;
  /** The first gap behind fromOffset: pageLimit does not pass it, and what follows the page's end at it begins behind it. */
  readonly gap: { readonly offset: number; readonly lostBytes: number } | null;
  /** The row of the tail from which to look for fromOffset, and the session's newest. */
  readonly tailRow: number;
  readonly lastTailRow: number;
  /** The rows of the mark log between which all marks from fromOffset to pageLimit lie. */
  readonly markRow: number;
  readonly lastMarkRow: number;
}

interface StoredPiece {
  readonly piece: HistoryPiece;
  readonly bytes: Uint8Array;
}

/** Output found from an offset on. */
interface Found {
  readonly pieces: StoredPiece[];
  /** One past the last byte found. */
  readonly endOffset: number;
  /** Row of the tail at which to go on. */
  readonly nextRow: number;
}

export class JournalReader {
  readonly #begin: Database.Statement;
  readonly #commit: Database.Statement;
  readonly #statements: ReturnType<typeof prepareStatements>;

  /** The queries are those of reader-queries.ts. */
  constructor(db: Database.Database, queries: ReaderQueries) {
    this.#begin = db.prepare('begin');
    this.#commit = db.prepare('commit');
    this.#statements = prepareStatements(db, queries);
  }

  /** Throws JOURNAL_DAMAGED when stored output has a hole. */
  read(request: PageRequest): HistoryPage {
    this.#begin.run();
    try {
      return this.#readPage(request);
    } finally {
      this.#commit.run();
    }
  }

  #readPage(request: PageRequest): HistoryPage {
    const { session, fromOffset, endOffset } = request;
    const firstOffset = this.#statements.session.get({ session })?.first_offset;
    if (firstOffset === undefined) return { kind: 'unknown-session' };
    if (fromOffset < firstOffset) return { kind: 'trimmed', firstOffset, endOffset };

    const found = this.#output(request);
    const marks = this.#marks(request, Math.max(fromOffset, found.endOffset));
    const cutMark = marks.length > MAX_PAGE_MARKS ? marks[MAX_PAGE_MARKS - 1] : undefined;
    if (cutMark !== undefined) marks.length = MAX_PAGE_MARKS;
    const pageEnd = cutMark?.offset ?? found.endOffset;
    const pieces = cutMark === undefined ? found.pieces : cutPieces(found.pieces, fromOffset, pageEnd);

    const { gap } = request;
    const nextOffset = cutMark === undefined && gap?.offset === pageEnd ? pageEnd + gap.lostBytes : pageEnd;
    const more = cutMark !== undefined || nextOffset < request.toOffset;
    return {
      kind: 'page',
      fromOffset,
      firstOffset,
      endOffset,
      pieces: pieces.map(({ piece }) => piece),
      marks,
      bytes: join(pieces),
      next: more
        ? {
            offset: nextOffset,
            mark: marks.at(-1)?.mark ?? request.afterMark,
            cursor: String(cutMark === undefined ? found.nextRow : request.tailRow),
          }
        : null,
    };
  }

  #output(request: PageRequest): Found {
    const segments = this.#segments(request);
    const left = request.maxBytes - (segments.endOffset - request.fromOffset);
    if (segments.endOffset >= request.pageLimit || left <= 0) {
      return { ...segments, endOffset: Math.min(segments.endOffset, request.pageLimit) };
    }
    const tail = this.#tail(request, segments.endOffset, left);
    return { ...tail, pieces: [...segments.pieces, ...tail.pieces] };
  }

  /** Compressed segments are given whole: the first may begin before the range, the last may end behind it. */
  #segments({ session, fromOffset, pageLimit, maxBytes, tailRow }: PageRequest): Found {
    const pieces: StoredPiece[] = [];
    let at = fromOffset;
    while (at < pageLimit && at - fromOffset < maxBytes) {
      const row = this.#segmentAt(session, at);
      if (row === undefined || row.off + row.len <= at) break;
      if (row.data === null) {
        pieces.push(unreadable(row.off, row.len));
        at = row.off + row.len;
        continue;
      }
      const codec = row.codec === SEGMENT_CODEC.zstd ? 'zstd' : 'brotli';
      pieces.push({ piece: { offset: row.off, length: row.len, codec, storedLength: row.data.length, crc: row.crc }, bytes: row.data });
      at = row.off + row.len;
    }
    return { pieces, endOffset: at, nextRow: tailRow };
  }

  /** `data` is null when the disk does not give it: where it lies is in the index. */
  #segmentAt(session: number, at: number): SegmentRow | (SegmentPlace & { readonly data: null }) | undefined {
    try {
      return this.#statements.segmentAt.get({ session, at });
    } catch (error) {
      if (!isReadError(error)) throw error;
      const place = this.#statements.segmentPlace.get({ session, at });
      return place && { ...place, data: null };
    }
  }

  /** Rows of the tail join into one piece, unless some of them cannot be read. */
  #tail(request: PageRequest, fromOffset: number, maxBytes: number): Found {
    const { session, pageLimit, lastTailRow } = request;
    const end = Math.min(pageLimit, fromOffset + maxBytes);
    const sizes = this.#tailSizes(request, fromOffset, end) ?? this.#tailSizes({ ...request, tailRow: 0 }, fromOffset, end);
    const first = sizes?.[0];
    const last = sizes?.at(-1);
    if (sizes === undefined || first === undefined || last === undefined) {
      throw new StorageError('JOURNAL_DAMAGED', `output from ${fromOffset} to ${end} of session key ${session} is not whole`);
    }
    const pieceEnd = Math.min(end, last.off + last.len);
    const found = { endOffset: pieceEnd, nextRow: last.id };
    try {
      const bytes = new Uint8Array(pieceEnd - fromOffset);
      for (const row of this.#statements.tailData.all({ session, row: first.id, last: Math.min(last.id, lastTailRow) })) {
        requireWhole(row);
        const cut = row.data.subarray(Math.max(0, fromOffset - row.off), pieceEnd - row.off);
        bytes.set(cut, Math.max(0, row.off - fromOffset));
      }
      return { ...found, pieces: [plain(fromOffset, bytes)] };
    } catch (error) {
      if (!isReadError(error)) throw error;
      return { ...found, pieces: sizes.map((size) => this.#tailRow(session, size, fromOffset, pieceEnd)) };
    }
  }

  /** What lies in [from, to) of one row. */
  #tailRow(session: number, { id, off, len }: TailSize, from: number, to: number): StoredPiece {
    const [begin, end] = [Math.max(from, off), Math.min(to, off + len)];
    try {
      const row = this.#statements.tailData.get({ session, row: id, last: id });
      if (row === undefined) return unreadable(begin, end - begin);
      requireWhole(row);
      return plain(begin, row.data.slice(begin - off, end - off));
    } catch (error) {
      if (!isReadError(error)) throw error;
      return unreadable(begin, end - begin);
    }
  }

  /** The rows that hold [from, to), which is not empty; undefined when they are not all there from the hinted row on. */
  #tailSizes({ session, tailRow, lastTailRow }: PageRequest, from: number, to: number): TailSize[] | undefined {
    const sizes: TailSize[] = [];
    let at = from;
    let row = tailRow;
    for (let limit = FIRST_QUERY_ROWS; at < to; limit = QUERY_ROWS) {
      const found = this.#statements.tailSizes.all({ session, row, last: lastTailRow, from, limit });
      for (const size of found) {
        if (at >= to) break;
        // Only the first row may begin before what is expected.
        if (sizes.length === 0 ? size.off > at : size.off !== at) return undefined;
        sizes.push(size);
        at = size.off + size.len;
      }
      if (at < to && found.length < limit) return undefined;
      row = (sizes.at(-1)?.id ?? row) + 1;
    }
    return sizes;
  }

  #marks({ session, fromOffset, afterMark, markRow, lastMarkRow }: PageRequest, toOffset: number): MarkEntry[] {
    const rows = this.#statements.marks.all({
      session,
      afterMark,
      from: fromOffset,
      to: toOffset,
      row: markRow,
      last: lastMarkRow,
      limit: MAX_PAGE_MARKS + 1,
    });
    return rows.map(rowToMark);
  }
}

/** Keeps what holds bytes of [from, end); a compressed piece that spans the end stays whole. */
function cutPieces(pieces: readonly StoredPiece[], from: number, end: number): StoredPiece[] {
  if (end <= from) return [];
  return pieces
    .filter(({ piece }) => piece.offset < end)
    .map((stored) => {
      const { piece } = stored;
      if (piece.codec !== 'none' || piece.storedLength === 0 || piece.offset + piece.length <= end) return stored;
      const bytes = stored.bytes.subarray(0, end - piece.offset);
      return { piece: { ...piece, length: bytes.length, storedLength: bytes.length }, bytes };
    });
}

function plain(offset: number, bytes: Uint8Array): StoredPiece {
  return { piece: { offset, length: bytes.length, codec: 'none', storedLength: bytes.length, crc: null }, bytes };
}

/** Of its length, and without a byte: whoever decodes it finds it damaged and goes on behind it. */
function unreadable(offset: number, length: number): StoredPiece {
  return { piece: { offset, length, codec: 'none', storedLength: 0, crc: null }, bytes: new Uint8Array(0) };
}

function requireWhole({ off, data, crc }: { readonly off: number; readonly data: Uint8Array; readonly crc: number | null }): void {
  if (crc !== null && crc32(data) !== crc) throw new StorageError('JOURNAL_DAMAGED', `the row at ${off} has changed since it was written`);
}

/** The disk does not give a page, or gives one that cannot be, or not what was written. Others may be whole. */
function isReadError(error: unknown): boolean {
  if (error instanceof StorageError) return error.code === 'JOURNAL_DAMAGED';
  const code = sqliteCode(error);
  return code?.startsWith('SQLITE_IOERR') === true || code?.startsWith('SQLITE_CORRUPT') === true;
}

function join(pieces: readonly StoredPiece[]): Uint8Array {
  const only = pieces[0];
  if (pieces.length === 1 && only !== undefined) return only.bytes;
  const joined = new Uint8Array(pieces.reduce((sum, { bytes }) => sum + bytes.length, 0));
  let at = 0;
  for (const { bytes } of pieces) {
    joined.set(bytes, at);
    at += bytes.length;
  }
  return joined;
}

function prepareStatements(db: Database.Database, queries: ReaderQueries) {
  return {
    session: prepare(db, queries.session),
    segmentAt: prepare(db, queries.segmentAt),
    segmentPlace: prepare(db, queries.segmentPlace),
    tailSizes: prepare(db, queries.tailSizes),
    tailData: prepare(db, queries.tailData),
    marks: prepare(db, queries.marks),
  };
}
