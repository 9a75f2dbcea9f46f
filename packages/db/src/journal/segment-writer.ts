// Owns the transactions of compaction, on the main thread's connection: pieces take the place of rows of the tail, a sealed segment takes
// the place of pieces. Synchronous. Must not know when.
// Invariant: output is in the tail, in pieces, or sealed; a transaction moves it, so that whoever looks finds it once.
import type Database from 'better-sqlite3';
import { sql } from 'kysely';
import type { CompiledQuery } from 'kysely';
import { compile, makeQueryBuilder } from '../compile.ts';
import { InvariantError } from '../errors.ts';
import { prepare } from '../statement.ts';
import type { Parameters, Statement } from '../statement.ts';
import type { Piece, RolledTail, SealedBlock } from './compaction-messages.ts';
import type { JournalSchema } from './schema.ts';

/** What a row of the tail takes beside its output (bytes): its own header, and its share of the page's. */
export const TAIL_ROW_BYTES = 24;

const PIECE_LEVEL = 1;
const SEALED_LEVEL = 2;

export class SegmentWriter {
  readonly #db: Database.Database;
  readonly #statements: ReturnType<typeof prepareStatements>;
  readonly #begin: Database.Statement;
  readonly #commit: Database.Statement;
  readonly #rollback: Database.Statement;
  readonly #freePages: Database.Statement<[], number>;

  constructor(db: Database.Database) {
    this.#db = db;
    this.#statements = prepareStatements(db);
    this.#begin = db.prepare('begin immediate');
    this.#commit = db.prepare('commit');
    this.#rollback = db.prepare('rollback');
    this.#freePages = db.prepare<[], number>('pragma freelist_count').pluck();
  }

  /** `pieces`: of the rolled tail, those that are still wanted. */
  roll({ lastRow, rows }: RolledTail, pieces: readonly Piece[]): void {
    this.#transaction(() => {
      for (const piece of pieces) this.#insert(piece, PIECE_LEVEL);
      // Rows are only added behind those that were read; fewer may be left when a session was removed or trimmed meanwhile.
      const deleted = this.#statements.deleteTail.run({ last: lastRow });
      if (deleted > rows) throw new InvariantError(`${deleted} rows of the tail would go, ${rows} were rolled`);
    });
  }

  /** False when one of the pieces is gone meanwhile: nothing has changed then. */
  seal({ ids, sealed }: SealedBlock): boolean {
    return this.#transaction((): boolean => {
      const here = ids.filter((id) => this.#statements.hasPiece.get({ id }) !== undefined);
      if (here.length < ids.length) return false;
      for (const id of ids) this.#statements.deleteSegment.run({ id });
      this.#insert(sealed, SEALED_LEVEL);
      return true;
    });
  }

  /** What the tail takes: its output and its rows (bytes). Reads the whole tail's row headers. */
  tailWeight(): number {
    const row = this.#statements.tailWeight.get({});
    return row === undefined ? 0 : row.bytes + TAIL_ROW_BYTES * row.rows;
  }

  hasPieces(): boolean {
    return this.#statements.anyPiece.get({}) !== undefined;
  }

  freePages(): number {
    return this.#freePages.get() ?? 0;
  }

  /** Gives up to so many free pages back to the file system. */
  vacuum(pages: number): void {
    this.#db.exec(`pragma incremental_vacuum(${pages})`);
  }

  #insert({ session, off, len, codec, crc, data }: Piece, level: number): void {
    this.#statements.insertSegment.run({ session, off, len, codec, level, crc, data });
  }

  #transaction<T>(change: () => T): T {
    this.#begin.run();
    try {
      const result = change();
      this.#commit.run();
      return result;
    } catch (error) {
      // After some errors (a full disk, for one) SQLite has rolled back by itself.
      if (this.#db.inTransaction) this.#rollback.run();
      throw error;
    }
  }
}

function prepareStatements(db: Database.Database) {
  const q = makeQueryBuilder<JournalSchema>();
  const statement = <P extends Parameters, Row = unknown>(
    names: readonly (keyof P & string)[],
    build: (parameters: P) => { compile(): CompiledQuery<Row> },
  ): Statement<P, Row> => prepare(db, compile(names, build));
  type None = Record<string, never>;
  type SegmentRow = { session: number; off: number; len: number; codec: number; level: number; crc: number; data: Uint8Array };
  return {
    // Its id is SQLite's; the index on (session, off, len, level) refuses the same piece twice.
    insertSegment: statement<SegmentRow>(['session', 'off', 'len', 'codec', 'level', 'crc', 'data'], (p) =>
      q.insertInto('segment').values({ ...p, id: sql<number>`null` }),
    ),
    deleteTail: statement<{ last: number }>(['last'], (p) => q.deleteFrom('tail').where('id', '<=', p.last)),
    hasPiece: statement<{ id: number }, { id: number }>(['id'], (p) =>
      q.selectFrom('segment').select('id').where('id', '=', p.id).where('level', '=', PIECE_LEVEL),
    ),
    deleteSegment: statement<{ id: number }>(['id'], (p) => q.deleteFrom('segment').where('id', '=', p.id)),
    tailWeight: statement<None, { rows: number; bytes: number }>([], () =>
      q.selectFrom('tail').select([sql<number>`count(*)`.as('rows'), sql<number>`coalesce(sum(length(data)), 0)`.as('bytes')]),
    ),
    anyPiece: statement<None, { session: number }>([], () =>
      q.selectFrom('segment').select('session').where('level', '=', PIECE_LEVEL).limit(1),
    ),
  };
}
