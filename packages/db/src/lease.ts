// Entry @cotg/db/lease: an exclusive right that one process holds at a time, for example to be the host of a data directory.
//
// It is a lock of the kernel, taken by SQLite on a file of its own (an exclusive transaction, rollback journal, never committed). The
// kernel releases it when the process ends in whatever way, so there is no stale lease and no pid to misread; node:fs has no such lock.
// The file must not be opened by anything else: a POSIX lock is dropped as soon as its process closes any descriptor of the file.
import { closeSync, openSync } from 'node:fs';
import Database from 'better-sqlite3';
import { LeaseError, sqliteCode } from './errors.ts';

export { LeaseError } from './errors.ts';

/**
 * How long to wait for the lock (ms). Several that start at once step on each other's first attempts; within this one of them wins.
 * A holder keeps its lease for as long as it lives: nobody waits for that.
 */
const LOCK_WAIT_MS = 400;

const FILE_MODE = 0o600;

/** Held until it is disposed or the process ends. */
export interface Lease extends Disposable {
  readonly path: string;
}

/** Null when somebody else (or this process) holds it. Throws LeaseError when the file cannot be created or locked at all. */
export function acquireLease(path: string): Lease | null {
  let db: Database.Database | undefined;
  try {
    createFile(path);
    db = new Database(path, { timeout: LOCK_WAIT_MS });
    db.exec('begin exclusive');
  } catch (cause) {
    db?.close();
    if (sqliteCode(cause)?.startsWith('SQLITE_BUSY') === true) return null;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LeaseError('LEASE_UNUSABLE', `cannot lock ${path}: ${reason}`, {
      cause,
      hint: 'The directory must exist, belong to you and be writable.',
    });
  }
  const held = db;
  // Closing rolls the transaction back, which releases the lock. A collected connection would be closed too: the listener keeps this one.
  const release = (): void => {
    process.off('exit', release);
    held.close();
  };
  process.on('exit', release);
  return { path, [Symbol.dispose]: release };
}

/** Before SQLite opens it, and never again: see above. */
function createFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', FILE_MODE));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}
