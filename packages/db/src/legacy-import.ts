// Owns reading the database of the older Python tool (`sessions.db`): one row a session, its history whole, possibly gzipped. Only reads, and gives
// what it finds row by row; a row that makes no sense is named and passed over. Must not know where sessions go.
import { gunzip } from 'node:zlib';
import Database from 'better-sqlite3';
import { sqliteCode, StorageError } from './errors.ts';

/** Of one history, unpacked (bytes): far above the older tool's limit of 50 MB; a bomb is refused here. */
const MAX_HISTORY_BYTES = 256 * 1024 * 1024;
const MAX_SIDE = 1000;
const GZIP_MAGIC = [0x1f, 0x8b];

export interface LegacySession {
  /** As the older tool named it: any text. */
  readonly legacyId: string;
  readonly history: Uint8Array;
  readonly createdAt: number;
  readonly lastActivityAt: number;
  readonly cols: number;
  readonly rows: number;
  readonly maxHistoryBytes: number | null;
}

export type LegacyRow =
  | { readonly kind: 'session'; readonly session: LegacySession }
  | { readonly kind: 'refused'; readonly legacyId: string; readonly reason: string };

/** Throws STORAGE_CORRUPT for a file that is not such a database. The file is not changed. */
export async function* readLegacySessions(path: string): AsyncGenerator<LegacyRow, void> {
  const db = open(path);
  try {
    const columns = new Set((db.prepare("select name from pragma_table_info('sessions')").pluck().all() as string[]).map(String));
    for (const needed of ['id', 'history', 'created_at', 'last_activity', 'rows', 'cols']) {
      if (!columns.has(needed)) throw new StorageError('STORAGE_CORRUPT', `${path} has no table of sessions with a column ${needed}`);
    }
    const limit = columns.has('max_history_bytes') ? 'max_history_bytes' : 'null as max_history_bytes';
    const ids = db.prepare('select rowid from sessions order by created_at, rowid').pluck().all() as number[];
    const row = db.prepare(`select id, history, created_at, last_activity, rows, cols, ${limit} from sessions where rowid = ?`);
    for (const id of ids) yield await readRow(row, id);
  } catch (error) {
    if (sqliteCode(error) === undefined) throw error;
    throw new StorageError('STORAGE_CORRUPT', `${path} cannot be read`, { cause: error });
  } finally {
    db.close();
  }
}

/** For reading only. The older tool used no write-ahead log, so nothing is made beside the file. */
function open(path: string): Database.Database {
  try {
    const db = new Database(path, { readonly: true, fileMustExist: true });
    db.pragma('query_only = on');
    return db;
  } catch (cause) {
    throw new StorageError('STORAGE_CORRUPT', `${path} is no database that can be read`, { cause });
  }
}

async function readRow(statement: Database.Statement, id: number): Promise<LegacyRow> {
  try {
    const row = statement.get(id) as Record<string, unknown> | undefined;
    if (!row) return { kind: 'refused', legacyId: `row ${id}`, reason: 'it cannot be read' };
    const legacyId = String(row['id']);
    const reason = nonsense(row);
    if (reason !== null) return { kind: 'refused', legacyId, reason };
    return {
      kind: 'session',
      session: {
        legacyId,
        history: await unpack(row['history']),
        createdAt: timeOf(row['created_at']) ?? 0,
        lastActivityAt: timeOf(row['last_activity']) ?? timeOf(row['created_at']) ?? 0,
        cols: Number(row['cols']),
        rows: Number(row['rows']),
        maxHistoryBytes: typeof row['max_history_bytes'] === 'number' && row['max_history_bytes'] > 0 ? row['max_history_bytes'] : null,
      },
    };
  } catch (error) {
    return { kind: 'refused', legacyId: `row ${id}`, reason: error instanceof Error ? error.message : 'it cannot be read' };
  }
}

function nonsense(row: Readonly<Record<string, unknown>>): string | null {
  if (typeof row['id'] !== 'string' && typeof row['id'] !== 'number') return 'it has no id';
  if (timeOf(row['created_at']) === null) return 'its time of creation is none';
  for (const side of ['cols', 'rows']) {
    const value = row[side];
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > MAX_SIDE) return `its ${side} are ${String(value)}`;
  }
  const history = row['history'];
  return history === null || history instanceof Uint8Array || typeof history === 'string' ? null : 'its history is neither bytes nor text';
}

/** Not on the caller's loop: a quarter of a gigabyte takes a second. */
function inflate(bytes: Uint8Array, options: { readonly maxOutputLength: number }): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    gunzip(bytes, options, (error, unpacked) => {
      if (error) reject(error);
      else resolve(unpacked);
    });
  });
}

async function unpack(history: unknown): Promise<Uint8Array> {
  if (history === null) return new Uint8Array(0);
  if (typeof history === 'string') return new TextEncoder().encode(history);
  const bytes = history as Uint8Array;
  const isPacked = bytes[0] === GZIP_MAGIC[0] && bytes[1] === GZIP_MAGIC[1];
  const unpacked = isPacked ? await inflate(bytes, { maxOutputLength: MAX_HISTORY_BYTES }) : bytes;
  if (unpacked.length > MAX_HISTORY_BYTES) throw new RangeError(`its history has ${unpacked.length} bytes`);
  return unpacked;
}

/** Seconds since 1970 as Python's time.time() gives them, or ISO 8601; milliseconds. */
function timeOf(value: unknown): number | null {
  const ms = typeof value === 'number' ? value * 1000 : typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isFinite(ms) && ms > 0 ? Math.round(ms) : null;
}
