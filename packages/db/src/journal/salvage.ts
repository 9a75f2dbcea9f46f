// Owns taking what is whole out of a damaged journal and putting it, in the form that schema.ts asks for, into a fresh one. Reads row by row, and
// goes on behind whatever cannot be read. Must not know files (recovery.ts).
//
// Invariant: what is taken over is exactly what was stored: a segment only with the right checksum, everything at its own offset. What is
// missing between becomes a gap, never a silent join.
import type Database from 'better-sqlite3';
import { sqliteCode } from '../errors.ts';
import { MARK_KIND } from './schema.ts';
import { decodeSegment } from './segment-codec.ts';

export interface Salvaged {
  readonly sessions: number;
  /** Output taken over, and output that is now in gaps (bytes as printed). */
  readonly bytes: number;
  readonly lostBytes: number;
  /** Rows that could not be read or were not what they claimed to be. */
  readonly badRows: number;
}

/** Rows asked for at once; one by one where that fails. */
const CHUNK_ROWS = 256;

type Row = Readonly<Record<string, unknown>>;

interface Piece {
  readonly off: number;
  readonly len: number;
  readonly table: 'segment' | 'tail';
  readonly row: Row;
}

interface Hole {
  readonly from: number;
  readonly to: number;
}

interface Mark {
  readonly row: Row;
  readonly off: number;
}

/** `damaged` is only read. `fresh` is empty and of the newest schema. */
export function salvageJournal(damaged: Database.Database, fresh: Database.Database, now: number): Salvaged {
  const reader = new BrokenReader(damaged);
  const pieces = new Map<number, Piece[]>();
  const addPiece = (session: unknown, piece: Piece): void => {
    const key = Number(session);
    const list = pieces.get(key) ?? [];
    if (list.length === 0) pieces.set(key, list);
    list.push(piece);
  };
  for (const row of reader.rows('segment')) {
    const segment = { off: Number(row['off']), len: Number(row['len']), codec: Number(row['codec']), crc: Number(row['crc']) };
    if (!reader.check(() => decodeSegment({ ...segment, data: row['data'] as Uint8Array }))) continue;
    addPiece(row['session'], { off: segment.off, len: segment.len, table: 'segment', row });
  }
  for (const row of reader.rows('tail')) {
    addPiece(row['session'], { off: Number(row['off']), len: (row['data'] as Uint8Array).length, table: 'tail', row });
  }
  const marks = new Map<number, Mark[]>();
  for (const row of reader.rows('mark')) {
    const key = Number(row['session']);
    const list = marks.get(key) ?? [];
    if (list.length === 0) marks.set(key, list);
    list.push({ row, off: Number(row['off']) });
  }

  const writer = new FreshWriter(fresh);
  let [sessions, bytes, lostBytes] = [0, 0, 0];
  fresh.transaction(() => {
    for (const session of reader.rows('session')) {
      const key = Number(session['id']);
      const firstOffset = Number(session['first_offset']);
      const kept = join(pieces.get(key) ?? [], firstOffset, oldGaps(marks.get(key) ?? []));
      writer.session(session, reader.runs(key), reader.base(key, firstOffset), now);
      for (const piece of kept.pieces) writer.piece(piece);
      writer.marks(key, Number(session['mark_floor']), order(marks.get(key) ?? [], kept, now));
      sessions += 1;
      bytes += kept.pieces.reduce((sum, { len }) => sum + len, 0);
      lostBytes += kept.holes.reduce((sum, { from, to }) => sum + to - from, 0);
    }
  })();
  return { sessions, bytes, lostBytes, badRows: reader.badRows };
}

interface Kept {
  readonly pieces: readonly Piece[];
  readonly holes: readonly Hole[];
  readonly end: number;
}

function oldGaps(marks: readonly Mark[]): readonly Hole[] {
  return marks
    .filter(({ row }) => row['kind'] === MARK_KIND.gap)
    .map(({ row, off }) => ({ from: off, to: off + Number(row['lost_bytes'] ?? 0) }));
}

/** The pieces that follow each other from `first` on, and what is missing between them. */
function join(all: readonly Piece[], first: number, gaps: readonly Hole[]): Kept {
  const pieces: Piece[] = [];
  const holes: Hole[] = [];
  let end = first;
  // A sealed block and the pieces it was made of never stand together; were they to, the longer one has it all.
  for (const piece of all.toSorted((a, b) => a.off - b.off || b.len - a.len)) {
    const pieceEnd = piece.off + piece.len;
    if (pieceEnd <= end || piece.len === 0) continue;
    if (piece.off < end && pieces.length > 0) continue;
    if (piece.off > end) holes.push({ from: end, to: piece.off });
    pieces.push(piece);
    end = pieceEnd;
  }
  const last = gaps.find(({ from, to }) => from === end && to > end);
  if (last) {
    holes.push(last);
    end = last.to;
  }
  return { pieces, holes, end };
}

/** Marks in their order, each where it may stand, and a gap for each hole. */
function order(marks: readonly Mark[], { holes, end }: Kept, now: number): readonly Mark[] {
  const placed: Mark[] = [];
  const waiting = [...holes];
  let at = 0;
  const gapsUpTo = (off: number): void => {
    for (let hole = waiting[0]; hole && hole.to <= off; hole = waiting[0]) {
      placed.push({ off: hole.from, row: { at: now, kind: MARK_KIND.gap, lost_bytes: hole.to - hole.from } });
      at = hole.to;
      waiting.shift();
    }
  };
  const others = marks.filter(({ row }) => row['kind'] !== MARK_KIND.gap || Number(row['lost_bytes']) === 0);
  for (const { row, off } of others.toSorted((a, b) => Number(a.row['mark']) - Number(b.row['mark']))) {
    const hole = holes.find(({ from, to }) => off > from && off < to);
    const wanted = Math.min(Math.max(hole?.to ?? off, at), end);
    gapsUpTo(wanted);
    placed.push({ row, off: Math.max(wanted, at) });
    at = Math.max(wanted, at);
  }
  gapsUpTo(Number.POSITIVE_INFINITY);
  return placed;
}

class BrokenReader {
  readonly #db: Database.Database;
  badRows = 0;

  constructor(db: Database.Database) {
    this.#db = db;
  }

  /** By their id, ascending; passes over what cannot be read. */
  *rows(table: 'session' | 'segment' | 'tail' | 'mark'): Generator<Row> {
    const last = this.#try(() => this.#db.prepare(`select max(id) as id from ${table}`).get() as { id: number | null });
    if (typeof last?.id !== 'number') return;
    for (let from = 1; from <= last.id;) {
      const at = from;
      const chunk = this.#try(
        () => this.#db.prepare(`select * from ${table} where id >= ? order by id limit ?`).all(at, CHUNK_ROWS) as Row[],
        false,
      );
      if (chunk) {
        yield* chunk;
        const end = chunk.at(-1)?.['id'];
        if (typeof end !== 'number' || end < from) return;
        from = end + 1;
        continue;
      }
      for (const to = Math.min(from + CHUNK_ROWS - 1, last.id); from <= to; from += 1) {
        const id = from;
        const row = this.#try(() => this.#db.prepare(`select * from ${table} where id = ?`).get(id) as Row | undefined);
        if (row) yield row;
      }
    }
  }

  runs(session: number): readonly Row[] {
    return this.#try(() => this.#db.prepare('select * from run where session = ? order by run').all(session) as Row[]) ?? [];
  }

  base(session: number, off: number): Row | undefined {
    return this.#try(
      () => this.#db.prepare('select * from base_checkpoint where session = ? and off = ?').get(session, off) as Row | undefined,
    );
  }

  check(use: () => unknown): boolean {
    try {
      use();
      return true;
    } catch {
      this.badRows += 1;
      return false;
    }
  }

  #try<T>(read: () => T, counts = true): T | undefined {
    try {
      return read();
    } catch (error) {
      if (sqliteCode(error) === undefined) throw error;
      if (counts) this.badRows += 1;
      return undefined;
    }
  }
}

class FreshWriter {
  readonly #db: Database.Database;
  #tailRow = 0;
  #markRow = 0;

  constructor(db: Database.Database) {
    this.#db = db;
  }

  session(session: Row, runs: readonly Row[], base: Row | undefined, now: number): void {
    this.#insert('session', session);
    const id = session['id'];
    // What became of it cannot be told any more.
    const unknown = { session: id, run: 1, state: 'lost', ended_at: now, reason: 'host-lost', from_offset: session['first_offset'] };
    for (const run of runs.length > 0 ? runs : [unknown]) this.#insert('run', run);
    if (Number(session['first_offset']) === 0) return;
    const blank = {
      ...{ session: id, off: session['first_offset'], mark: session['mark_floor'], run: 1 },
      ...{ cols: session['cols'], rows: session['rows'], version: '', crc: 0, data: Buffer.alloc(0) },
    };
    this.#insert('base_checkpoint', base ?? blank);
  }

  piece({ table, row }: Piece): void {
    const { id: _id, ...columns } = row;
    this.#insert(table, table === 'tail' ? { id: (this.#tailRow += 1), ...columns } : columns);
  }

  marks(session: number, floor: number, marks: readonly Mark[]): void {
    marks.forEach(({ row, off }, at) => {
      this.#insert('mark', { ...row, id: (this.#markRow += 1), session, mark: floor + 1 + at, off });
    });
  }

  #insert(table: string, row: Row): void {
    const names = Object.keys(row);
    this.#db.prepare(`insert into ${table} (${names.join(', ')}) values (${names.map((name) => `@${name}`).join(', ')})`).run(row);
  }
}
