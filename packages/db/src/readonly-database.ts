// Owns: opening a database file of ours for reading only, beside the connection that writes. Small on purpose: reader workers load it.
import Database from 'better-sqlite3';

/** How long a statement waits for another's lock (ms): for recovery of the log after a crash, or a checkpoint's last moment. */
const BUSY_TIMEOUT_MS = 2000;

export function openReadonly(path: string): Database.Database {
  const db = new Database(path, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  db.pragma('query_only = on');
  return db;
}
