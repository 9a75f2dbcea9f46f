// Owns what compaction reads and makes of it: pieces of the tail's beginning, and the next block to seal. Runs in a worker, on a connection
// that cannot write; every statement is a read of its own, so none keeps the write-ahead log for long.
//
// Pieces end on a grid of 256 KiB of their session's offsets and sealed segments on one of 1 MiB, so what is sealed once is never touched
// again, and a block is the same however its output came. A piece joins rows without a hole only: a gap begins a new one.
import { crc32 } from 'node:zlib';
import type Database from 'better-sqlite3';
import type { CompactionReply, Piece, RolledTail } from './compaction-messages.ts';
import { StorageError } from '../errors.ts';
import { BLOCK_BYTES, decodeSegment, encodePiece, encodeSealed, PIECE_BYTES } from './segment-codec.ts';
import type { Segment } from './segment-codec.ts';

/** Most output in a roll (bytes), and most rows: deleting 8192 takes the main loop 2-4 ms. */
const ROLL_BYTES = 2 * 1024 * 1024;
const ROLL_ROWS = 8192;

interface TailRow {
  readonly id: number;
  readonly session: number;
  readonly off: number;
  readonly data: Uint8Array;
  readonly crc: number | null;
}

interface PlacedPiece {
  readonly id: number;
  readonly session: number;
  readonly off: number;
  readonly len: number;
}

/** Output of a session that joins, not longer than a piece. */
interface OpenPiece {
  readonly off: number;
  readonly chunks: Uint8Array[];
  end: number;
}

export class CompactionReader {
  readonly #tail: Database.Statement<[], TailRow>;
  readonly #pieces: Database.Statement<[], PlacedPiece>;
  readonly #ended: Database.Statement<[], number>;
  readonly #inTail: Database.Statement<[], number>;
  readonly #segment: Database.Statement<[id: number], Segment>;

  constructor(db: Database.Database) {
    this.#tail = db.prepare('select id, session, off, data, crc from tail order by id');
    this.#pieces = db.prepare('select id, session, off, len from segment where level = 1 order by session, off');
    this.#ended = db
      .prepare<[], number>(
        'select session from run where ended_at is not null and run = (select max(run) from run other where other.session = run.session)',
      )
      .pluck();
    this.#inTail = db.prepare<[], number>('select distinct session from tail').pluck();
    this.#segment = db.prepare('select off, len, codec, crc, data from segment where id = ?');
  }

  /** The beginning of the tail. Throws JOURNAL_DAMAGED when what was compressed does not come back. */
  roll(): RolledTail | { readonly kind: 'nothing' } {
    const open = new Map<number, OpenPiece>();
    const pieces: Piece[] = [];
    const close = (session: number, piece: OpenPiece): void => {
      pieces.push(checked({ session, ...encodePiece(piece.off, Buffer.concat(piece.chunks)) }));
      open.delete(session);
    };
    const rows = this.#beginningOfTail();
    for (const { session, off, data, crc } of rows) {
      if (crc !== null && crc32(data) !== crc) {
        const before = open.get(session);
        if (before !== undefined) close(session, before);
        pieces.push(...damagedPieces(session, off, data));
        continue;
      }
      for (let at = 0; at < data.length;) {
        let piece = open.get(session);
        if (piece !== undefined && piece.end !== off + at) {
          close(session, piece);
          piece = undefined;
        }
        if (piece === undefined) {
          piece = { off: off + at, chunks: [], end: off + at };
          open.set(session, piece);
        }
        const room = PIECE_BYTES - (piece.end % PIECE_BYTES);
        const chunk = data.subarray(at, at + room);
        piece.chunks.push(chunk);
        piece.end += chunk.length;
        at += chunk.length;
        if (piece.end % PIECE_BYTES === 0) close(session, piece);
      }
    }
    for (const [session, piece] of open) close(session, piece);
    const lastRow = rows.at(-1)?.id;
    return lastRow === undefined ? { kind: 'nothing' } : { kind: 'rolled', lastRow, rows: rows.length, pieces };
  }

  /** The next block whose output is complete: nothing can be added to it any more. */
  seal(without: readonly number[]): CompactionReply {
    const block = this.#nextBlock(new Set(without));
    const [first] = block ?? [];
    const last = block?.at(-1);
    if (block === undefined || first === undefined || last === undefined) return { kind: 'nothing' };
    const { session, off } = first;
    try {
      const segments = block.map(({ id }) => this.#segment.get(id));
      // Deleted this moment: its session was removed or trimmed.
      if (segments.includes(undefined)) return this.seal([...without, first.id]);
      const whole = segments.filter((segment) => segment !== undefined);
      const output = Buffer.concat(whole.map((segment) => decodeSegment(segment)));
      const sealed = checked({ session, ...encodeSealed(off, output) });
      const storedBytes = whole.reduce((sum, { data }) => sum + data.length, 0);
      return { kind: 'sealed', ids: block.map(({ id }) => id), storedBytes, sealed };
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      return { kind: 'damaged', firstId: first.id, session, from: off, to: last.off + last.len, message: error.message };
    }
  }

  /** Read first and compressed afterwards: the statement, which keeps the write-ahead log from its beginning, takes 2 ms. */
  #beginningOfTail(): TailRow[] {
    const rows: TailRow[] = [];
    let bytes = 0;
    // Row by row: the rows of a flood hold up to 512 KiB each, and nobody knows how many there are.
    for (const row of this.#tail.iterate()) {
      rows.push(row);
      bytes += row.data.length;
      if (bytes >= ROLL_BYTES || rows.length >= ROLL_ROWS) break;
    }
    return rows;
  }

  #nextBlock(without: ReadonlySet<number>): PlacedPiece[] | undefined {
    const inTail = new Set(this.#inTail.all());
    const final = new Set(this.#ended.all().filter((session) => !inTail.has(session)));
    let block: PlacedPiece[] = [];
    for (const piece of this.#pieces.all()) {
      const last = block.at(-1);
      if (last !== undefined && !continues(last, piece)) {
        // Output of the same session that does not join it lies behind it.
        if (last.session === piece.session || isComplete(last, final)) if (isWanted(block, without)) return block;
        block = [];
      }
      block.push(piece);
    }
    const last = block.at(-1);
    return last !== undefined && isComplete(last, final) && isWanted(block, without) ? block : undefined;
  }
}

function continues(last: PlacedPiece, next: PlacedPiece): boolean {
  return last.session === next.session && last.off + last.len === next.off && next.off % BLOCK_BYTES !== 0;
}

function isComplete(last: PlacedPiece, final: ReadonlySet<number>): boolean {
  return (last.off + last.len) % BLOCK_BYTES === 0 || final.has(last.session);
}

function isWanted([first]: readonly PlacedPiece[], without: ReadonlySet<number>): boolean {
  return first !== undefined && !without.has(first.id);
}

/** Output that is not what was written stays named as that, for ever: pieces of its own, whose checksum no output has. */
function damagedPieces(session: number, off: number, data: Uint8Array): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0; at < data.length;) {
    const length = Math.min(data.length - at, PIECE_BYTES - ((off + at) % PIECE_BYTES));
    const piece = encodePiece(off + at, data.subarray(at, at + length));
    pieces.push({ session, ...piece, crc: ~piece.crc >>> 0 });
    at += length;
  }
  return pieces;
}

/** What is about to replace the only copy of output must give it back. */
function checked(piece: Piece): Piece {
  decodeSegment(piece);
  return piece;
}
