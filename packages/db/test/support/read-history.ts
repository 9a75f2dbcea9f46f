// What a reader does with history: asks page after page, decodes the pieces, puts marks and output in order.
import { brotliDecompressSync, crc32, zstdDecompressSync } from 'node:zlib';
import type { HistoryPage, HistoryPiece, MarkEntry, SqliteJournal } from '../../src/journal.ts';

/** Output and marks in order, neighbouring output joined. */
export type Stream = ({ readonly output: Uint8Array } | { readonly mark: MarkEntry })[];

export interface Reading {
  readonly fromOffset?: number;
  readonly afterMark?: number;
  readonly toOffset?: number;
  readonly maxBytes?: number | (() => number);
  /** What to give as cursor instead of the page's own. */
  readonly cursor?: (given: string) => string | null;
}

export interface ReadStream {
  readonly stream: Stream;
  readonly pages: number;
}

const NEVER = new AbortController().signal;

/** Reads to the end; throws when a page breaks a rule. */
export async function readHistory(journal: SqliteJournal, id: string, reading: Reading = {}): Promise<ReadStream> {
  const { toOffset = Number.MAX_SAFE_INTEGER, maxBytes = 64 * 1024, cursor = (given: string) => given } = reading;
  let position = { offset: reading.fromOffset ?? 0, mark: reading.afterMark ?? 0, cursor: null as string | null };
  const stream: Stream = [];
  for (let pages = 1; ; pages++) {
    const page = await journal.history(
      {
        id,
        fromOffset: position.offset,
        afterMark: position.mark,
        toOffset,
        maxBytes: typeof maxBytes === 'number' ? maxBytes : maxBytes(),
        cursor: position.cursor,
      },
      NEVER,
    );
    if (page.kind !== 'page') throw new Error(`a page was expected, not ${page.kind}`);
    const end = addPage(stream, page, position, Math.min(toOffset, page.endOffset));
    if (page.next === null) {
      if (end !== Math.max(position.offset, Math.min(toOffset, page.endOffset))) throw new Error(`the last page ends at ${end}`);
      return { stream: joinStream(stream), pages };
    }
    if (page.next.offset !== end) throw new Error(`next says ${page.next.offset}, the page ends at ${end}`);
    if (page.next.offset === position.offset && page.next.mark === position.mark) throw new Error('no progress');
    position = { ...page.next, cursor: cursor(page.next.cursor) };
  }
}

type Page = Extract<HistoryPage, { kind: 'page' }>;

/** Returns where the page ends. */
function addPage(stream: Stream, page: Page, from: { offset: number; mark: number }, limit: number): number {
  const decoded = decodePieces(page);
  // What was asked for lies in a gap: the page begins behind it.
  from = { offset: Math.max(from.offset, page.fromOffset), mark: from.mark };
  const first = decoded[0];
  const last = decoded.at(-1);
  const reach = last === undefined ? from.offset : last.offset + last.bytes.length;
  const gap = page.marks.at(-1);
  const lost = gap?.kind === 'gap' ? gap.lostBytes : 0;
  const end =
    page.next === null ? Math.min(Math.max(reach + lost, from.offset), Math.max(limit, from.offset)) - lost : page.next.offset - lost;
  if (first !== undefined && first.offset > from.offset) throw new Error(`output begins at ${first.offset}, asked for ${from.offset}`);
  if (end > Math.max(reach, from.offset)) throw new Error(`the page claims to end at ${end}, its output at ${reach}`);

  let at = from.offset;
  let lastMark = from.mark;
  const take = (to: number): void => {
    for (const { offset, bytes } of decoded) {
      const cut = bytes.subarray(Math.max(0, at - offset), Math.max(0, to - offset));
      if (offset + bytes.length <= at || cut.length === 0) continue;
      pushOutput(stream, cut);
      at += cut.length;
    }
    if (at !== to) throw new Error(`output up to ${to} is missing from ${at} on`);
  };
  for (const entry of page.marks) {
    if (entry.mark <= lastMark) throw new Error(`mark ${entry.mark} comes after mark ${lastMark}`);
    if (entry.offset < from.offset || entry.offset > end) throw new Error(`mark ${entry.mark} at ${entry.offset} lies outside its page`);
    take(entry.offset);
    stream.push({ mark: entry });
    lastMark = entry.mark;
  }
  take(end);
  // Behind the gap that ends the page.
  at += lost;
  if (page.next !== null && page.next.mark !== lastMark)
    throw new Error(`next says mark ${page.next.mark}, the page's last is ${lastMark}`);
  return at;
}

function decodePieces(page: Page): { offset: number; bytes: Uint8Array }[] {
  let stored = 0;
  let end: number | undefined;
  const decoded = page.pieces.map((piece) => {
    const bytes = decode(piece, page.bytes.subarray(stored, stored + piece.storedLength));
    stored += piece.storedLength;
    if (bytes.length !== piece.length) throw new Error(`piece at ${piece.offset} decodes to ${bytes.length} bytes`);
    if (piece.crc !== null && crc32(bytes) !== piece.crc) throw new Error(`piece at ${piece.offset} fails its checksum`);
    if (end !== undefined && piece.offset !== end) throw new Error(`a hole or overlap at ${piece.offset}`);
    end = piece.offset + piece.length;
    return { offset: piece.offset, bytes };
  });
  if (stored !== page.bytes.length) throw new Error(`the pieces name ${stored} bytes, the page holds ${page.bytes.length}`);
  return decoded;
}

function decode(piece: HistoryPiece, stored: Uint8Array): Uint8Array {
  switch (piece.codec) {
    case 'none':
      return stored;
    case 'zstd':
      return zstdDecompressSync(stored);
    case 'brotli':
      return brotliDecompressSync(stored);
    default:
      throw new Error('unknown codec');
  }
}

function pushOutput(stream: Stream, bytes: Uint8Array): void {
  if (bytes.length > 0) stream.push({ output: bytes });
}

/** Joins neighbouring output, so that streams compare whatever pieces they came in. */
export function joinStream(stream: Stream): Stream {
  const joined: Stream = [];
  let pieces: Uint8Array[] = [];
  const flush = (): void => {
    if (pieces.length > 0) joined.push({ output: new Uint8Array(Buffer.concat(pieces)) });
    pieces = [];
  };
  for (const entry of stream) {
    if ('output' in entry) pieces.push(entry.output);
    else {
      flush();
      joined.push(entry);
    }
  }
  flush();
  return joined;
}

export function outputOf(stream: Stream): Buffer {
  return Buffer.concat(stream.flatMap((entry) => ('output' in entry ? [entry.output] : [])));
}

export function marksOf(stream: Stream): MarkEntry[] {
  return stream.flatMap((entry) => ('mark' in entry ? [entry.mark] : []));
}

/** A stream in a form that compares quickly and fails readably. */
export function describeStream(stream: Stream): string[] {
  return stream.map((entry) => ('mark' in entry ? JSON.stringify(entry.mark) : `${entry.output.length} bytes, crc ${crc32(entry.output)}`));
}
