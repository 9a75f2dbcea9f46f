// Owns reading a table whose pages may be broken: every row that SQLite can still give, past those it cannot. Must not know what rows mean.
import type Database from 'better-sqlite3';
import { sqliteCode } from '../errors.ts';

/** Rows asked for at once while all goes well (count). */
const BATCH_ROWS = 256;
/** Keys never reach it: behind the largest whole number that a double holds there is nothing of ours. */
const MAX_KEY = 2 ** 53 - 1;
/** Broken places of one table after which the rest is given up (count): each costs about a hundred small queries. */
const MAX_BROKEN_PLACES = 2000;

export type RawRow = Record<string, unknown>;

export interface CopiedTable {
  readonly kept: number;
  /** Places at which rows could not be read; how many rows each held is not known. */
  readonly brokenPlaces: number;
  /** Rows that were readable and broke a rule of the new file. */
  readonly refused: number;
}

/** Copies into the table of the same name; columns that the newer schema does not know are left out. */
export function copyTable(from: Database.Database, to: Database.Database, table: string): CopiedTable {
  const columns = commonColumns(from, to, table);
  const counts = { kept: 0, brokenPlaces: 0, refused: 0 };
  if (columns.length === 0) return { ...counts, brokenPlaces: 1 };
  const insert = to.prepare(
    `insert or ignore into "${table}" (${columns.map((name) => `"${name}"`).join(', ')}) values (${columns.map(() => '?').join(', ')})`,
  );
  const store = (row: RawRow): void => {
    try {
      if (insert.run(...columns.map((name) => row[name])).changes > 0) counts.kept += 1;
      else counts.refused += 1;
    } catch (error) {
      if (sqliteCode(error)?.startsWith('SQLITE_CONSTRAINT') !== true) throw error;
      counts.refused += 1;
    }
  };
  to.transaction(() => {
    if (isClusteredByKey(from, table)) counts.brokenPlaces = readByRowid(from, table, columns, store);
    else counts.brokenPlaces = readInOrder(from, table, columns, store);
  })();
  return counts;
}

function commonColumns(from: Database.Database, to: Database.Database, table: string): string[] {
  const names = (db: Database.Database): string[] =>
    db.prepare<[string], string>('select name from pragma_table_info(?)').pluck().all(table);
  try {
    const known = new Set(names(to));
    return names(from).filter((name) => known.has(name));
  } catch (error) {
    if (sqliteCode(error) === undefined) throw error;
    return [];
  }
}

function isClusteredByKey(db: Database.Database, table: string): boolean {
  return db.prepare<[string], number>('select wr from pragma_table_list where name = ?').pluck().get(table) === 0;
}

/** A table without rowid is small here: rows up to the first broken place from either end. */
function readInOrder(db: Database.Database, table: string, columns: readonly string[], store: (row: RawRow) => void): number {
  const list = columns.map((name) => `"${name}"`).join(', ');
  let broken = 0;
  const keys = db.prepare<[string], string>('select name from pragma_table_info(?) where pk > 0 order by pk').pluck().all(table);
  for (const direction of ['asc', 'desc']) {
    const order = keys.map((key) => `"${key}" ${direction}`).join(', ');
    try {
      for (const row of db.prepare<[], RawRow>(`select ${list} from "${table}" order by ${order}`).iterate()) store(row);
      return broken;
    } catch (error) {
      if (sqliteCode(error) === undefined) throw error;
      broken = 1;
    }
  }
  return broken;
}

function readByRowid(db: Database.Database, table: string, columns: readonly string[], store: (row: RawRow) => void): number {
  const list = columns.map((name) => `"${name}"`).join(', ');
  const sql = `select rowid as salvage_key, ${list} from "${table}" not indexed where rowid > ? order by rowid limit ?`;
  let statement: Database.Statement<[number, number], RawRow>;
  try {
    statement = db.prepare<[number, number], RawRow>(sql);
  } catch (error) {
    if (sqliteCode(error) === undefined) throw error;
    return 1;
  }
  /** Undefined: that place cannot be read. */
  const read = (after: number, limit: number): RawRow[] | undefined => {
    try {
      return statement.all(after, limit);
    } catch (error) {
      if (sqliteCode(error) === undefined) throw error;
      return undefined;
    }
  };
  let broken = 0;
  let limit = BATCH_ROWS;
  for (let after = -1; broken < MAX_BROKEN_PLACES;) {
    const rows = read(after, limit);
    if (rows === undefined && limit > 1) {
      limit = limit >> 3 || 1;
      continue;
    }
    if (rows === undefined) {
      broken += 1;
      const next = behindBrokenPlace(after, (key) => read(key, 1) !== undefined);
      if (next === undefined) return broken;
      after = next;
      continue;
    }
    const last = rows.at(-1)?.['salvage_key'];
    if (typeof last !== 'number' || last <= after) return broken;
    for (const row of rows) store(row);
    after = last;
    limit = Math.min(BATCH_ROWS, limit * 2);
  }
  return broken;
}

/** The first key from which reading goes on: strides that double, then halves. */
function behindBrokenPlace(after: number, readable: (key: number) => boolean): number | undefined {
  let bad = after;
  let stride = 1;
  while (!readable(Math.min(after + stride, MAX_KEY))) {
    bad = after + stride;
    if (bad >= MAX_KEY) return undefined;
    stride *= 2;
  }
  let good = Math.min(after + stride, MAX_KEY);
  while (good - bad > 1) {
    const middle = bad + Math.floor((good - bad) / 2);
    if (readable(middle)) good = middle;
    else bad = middle;
  }
  return good;
}
