// Owns making a database as the older Python tool did, for tests of the import.
import Database from 'better-sqlite3';

export interface LegacyRowFields {
  readonly id: string;
  readonly history: Uint8Array | null;
  readonly created_at: number | string;
  readonly last_activity: number;
  readonly rows: number;
  readonly cols: number | string;
  readonly max_history_bytes?: number;
}

export function makeLegacyDatabase(path: string, rows: readonly LegacyRowFields[]): void {
  const db = new Database(path);
  db.exec(
    'create table sessions (id text primary key, history blob, created_at real, last_activity real, rows integer, cols integer, max_history_bytes integer)',
  );
  const insert = db.prepare('insert into sessions values (@id, @history, @created_at, @last_activity, @rows, @cols, @max_history_bytes)');
  for (const row of rows) insert.run({ max_history_bytes: null, ...row });
  db.close();
}
