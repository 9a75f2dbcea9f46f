// Owns the order of a session's stream: output and marks as one list, positions in it, and pages of stored history turned
// into it. Pure but for decompression.
import { crc32, brotliDecompressSync, zstdDecompressSync } from 'node:zlib';
import type { HistoryPiece, MarkEntry, ReplyBodies } from '@cotg/pty/client';

export type StreamEntry =
  | { readonly kind: 'output'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'mark'; readonly entry: MarkEntry };

/** Everything before `offset` and every mark up to `mark` has been seen. */
export interface StreamPosition {
  readonly offset: number;
  readonly mark: number;
}

export const START: StreamPosition = { offset: 0, mark: 0 };

/** The position behind an entry. */
export function behind(position: StreamPosition, entry: StreamEntry): StreamPosition {
  if (entry.kind === 'output') return { offset: entry.offset + entry.bytes.length, mark: position.mark };
  const { offset, mark } = entry.entry;
  // What a gap has lost does not exist: the stream goes on behind it.
  const end = entry.entry.kind === 'gap' ? offset + entry.entry.lostBytes : offset;
  return { offset: Math.max(position.offset, end), mark };
}

export class DamagedHistoryError extends Error {
  override readonly name = 'DamagedHistoryError';
  readonly code = 'HISTORY_DAMAGED';
  /** What cannot be read is [offset, endOffset); what lies behind it can. */
  readonly offset: number;
  readonly endOffset: number;
  constructor(offset: number, endOffset: number, problem: string) {
    super(`The stored output at offset ${offset} is damaged: ${problem}.`);
    this.offset = offset;
    this.endOffset = endOffset;
  }
}

function decode(piece: HistoryPiece, stored: Uint8Array): Uint8Array {
  const damaged = (problem: string): DamagedHistoryError => new DamagedHistoryError(piece.offset, piece.offset + piece.length, problem);
  let bytes: Uint8Array;
  try {
    // A stored piece never unpacks to more than it says: a bomb is refused at the limit.
    const limit = { maxOutputLength: piece.length };
    bytes =
      piece.codec === 'none' ? stored : piece.codec === 'zstd' ? zstdDecompressSync(stored, limit) : brotliDecompressSync(stored, limit);
  } catch (error) {
    throw damaged(error instanceof Error ? error.message : 'cannot be unpacked');
  }
  if (bytes.length !== piece.length) throw damaged(`${bytes.length} bytes instead of ${piece.length}`);
  if (piece.crc !== null && crc32(bytes) !== piece.crc) throw damaged('wrong checksum');
  return bytes;
}

/**
 * Entries of one page behind `from`, in order: the marks of an offset come after the output before it and before the output
 * that begins there; a page that begins behind `from` says that nothing lies between. Pieces may begin before `from` and end behind `toOffset`; they are cut.
 * Throws DamagedHistoryError; with `onDamage` that is told instead, and what lies behind the damage is given.
 */
export function entriesOf(
  page: ReplyBodies['history'],
  body: Uint8Array,
  from: StreamPosition,
  toOffset: number,
  onDamage?: (damage: DamagedHistoryError) => void,
): StreamEntry[] {
  const entries: StreamEntry[] = [];
  const marks = page.marks.filter((mark) => mark.mark > from.mark);
  let nextMark = 0;
  let at = Math.max(from.offset, page.fromOffset);
  let bodyAt = 0;

  const putMarksUpTo = (offset: number): void => {
    for (let mark = marks[nextMark]; mark && mark.offset <= offset; mark = marks[nextMark]) {
      entries.push({ kind: 'mark', entry: mark });
      nextMark += 1;
    }
  };

  const skip = (damage: unknown): void => {
    if (!onDamage || !(damage instanceof DamagedHistoryError)) throw damage;
    onDamage(damage);
    at = Math.max(at, Math.min(damage.endOffset, toOffset));
    putMarksUpTo(at);
  };

  for (const piece of page.pieces) {
    const stored = body.subarray(bodyAt, bodyAt + piece.storedLength);
    bodyAt += piece.storedLength;
    const end = Math.min(piece.offset + piece.length, toOffset);
    if (end <= at) continue;
    if (piece.offset > at) skip(new DamagedHistoryError(at, piece.offset, `nothing is stored up to ${piece.offset}`));
    let bytes: Uint8Array;
    try {
      bytes = decode(piece, stored);
    } catch (error) {
      skip(error);
      continue;
    }
    while (at < end) {
      putMarksUpTo(at);
      const cut = Math.min(end, marks[nextMark]?.offset ?? end);
      entries.push({ kind: 'output', offset: at, bytes: bytes.subarray(at - piece.offset, cut - piece.offset) });
      at = cut;
    }
  }
  putMarksUpTo(page.next === null ? Number.MAX_SAFE_INTEGER : at);
  return entries;
}
