// The reader worker on a disk that does not give one page: whatever reads output at one of the offsets in COTG_TEST_UNREADABLE (comma-separated, of any
// session whose key is in COTG_TEST_UNREADABLE_KEY) fails as SQLite does then. Below everything of ours, on better-sqlite3's own statements.
import Database from 'better-sqlite3';

const offsets = (process.env['COTG_TEST_UNREADABLE'] ?? '').split(',').map(Number);
const key = Number(process.env['COTG_TEST_UNREADABLE_KEY']);

interface Row {
  readonly off?: number;
  readonly data?: Uint8Array;
  readonly len?: number;
  /** Of segments alone. */
  readonly codec?: number;
}

const db = new Database(':memory:');
const prototype = Object.getPrototypeOf(db.prepare('select 1')) as Record<'all' | 'get', (...args: unknown[]) => unknown>;
db.close();

function failWhereUnreadable(rows: readonly Row[], args: readonly unknown[]): void {
  for (const { off, data, len, codec } of rows) {
    // A segment is asked for by session and offset, rows of the tail by row, row and session.
    const session = codec === undefined ? args.at(-1) : args[0];
    if (off === undefined || data === undefined || session !== key) continue;
    const end = off + (len ?? data.length);
    if (offsets.some((offset) => off <= offset && offset < end)) throw new Database.SqliteError('disk I/O error', 'SQLITE_IOERR_READ');
  }
}

for (const name of ['all', 'get'] as const) {
  const read = prototype[name];
  prototype[name] = function reading(this: unknown, ...args: unknown[]) {
    const result = read.apply(this, args);
    failWhereUnreadable((Array.isArray(result) ? result : [result ?? {}]) as Row[], args);
    return result;
  };
}

await import('../../src/journal/reader-worker.ts');
