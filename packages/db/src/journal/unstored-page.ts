// Owns a page of what was shown and is not stored yet, by the same rules as a page from the database (reader.ts). Pure.
import type { HistoryPage, HistoryPiece, MarkEntry } from './types.ts';
import type { UnstoredPart } from './write-queue.ts';

type Page = Extract<HistoryPage, { kind: 'page' }>;

export interface UnstoredRequest {
  readonly fromOffset: number;
  readonly afterMark: number;
  /** At least fromOffset. */
  readonly toOffset: number;
  readonly maxBytes: number;
  readonly firstOffset: number;
  readonly endOffset: number;
}

/** The number of the first mark that is not stored; undefined when only output waits. */
export function firstUnstoredMark({ items }: UnstoredPart): number | undefined {
  for (const item of items) if (item.kind === 'mark') return item.entry.mark;
  return undefined;
}

export function unstoredPage(part: UnstoredPart, request: UnstoredRequest): Page {
  const { afterMark, toOffset, maxBytes, firstOffset, endOffset } = request;
  const pieces: HistoryPiece[] = [];
  const chunks: Uint8Array[] = [];
  const marks: MarkEntry[] = [];
  let from = request.fromOffset;
  /** Of the item looked at. */
  let at = part.offset;
  /** Of the page so far. */
  let end = from;
  let room = maxBytes;
  for (const item of part.items) {
    if (item.kind === 'mark') {
      if (at > toOffset) break;
      const lost = item.entry.kind === 'gap' ? item.entry.lostBytes : 0;
      const isNew = item.entry.mark > afterMark && at >= from;
      if (isNew) marks.push(item.entry);
      at += lost;
      if (lost === 0 || at <= end) continue;
      // A page ends at a gap; a place inside one is the one behind it.
      end = at;
      if (isNew) break;
      from = at;
      continue;
    }
    const cut = Math.max(0, from - at);
    const bytes = item.bytes.subarray(cut, Math.max(cut, Math.min(item.bytes.length, toOffset - at, cut + room)));
    if (bytes.length > 0) {
      pieces.push({ offset: at + cut, length: bytes.length, codec: 'none', storedLength: bytes.length, crc: null });
      chunks.push(bytes);
      room -= bytes.length;
      end = at + cut + bytes.length;
    }
    at += item.bytes.length;
    if (end < at && at > from) break;
  }
  const isAll = end >= Math.min(toOffset, endOffset);
  return {
    kind: 'page',
    fromOffset: from,
    firstOffset,
    endOffset,
    pieces,
    marks,
    bytes: Buffer.concat(chunks),
    next: isAll ? null : { offset: end, mark: marks.at(-1)?.mark ?? afterMark, cursor: '0' },
  };
}
