// Owns what is done when a sync has failed. The kernel says so once and then takes the pages that it lost for written: to sync again would succeed and
// mean nothing (https://wiki.postgresql.org/wiki/Fsync_Errors). So nothing is committed behind such a log. What is in it is still whole in memory: it
// is copied into the database file, that is synced, and the log begins anew, empty; then everything stored is read once and compared with its sums.
import type Database from 'better-sqlite3';
import { StorageError } from '../errors.ts';

export interface SuspectLogOptions {
  readonly db: Database.Database;
  /** The log is trusted again: what is stored should be looked at. */
  readonly onMended: () => void;
}

export class SuspectLog {
  readonly #options: SuspectLogOptions;
  #isSuspect = false;

  constructor(options: SuspectLogOptions) {
    this.#options = options;
  }

  /** A sync of the log failed. */
  failed(): void {
    this.#isSuspect = true;
  }

  /** Before each change. Throws what SQLite throws, or STORAGE_FAILED: then the change must not be made, and the next one tries again. */
  require(): void {
    if (!this.#isSuspect) return;
    // Not prepared before: this is the one moment in years in which it is needed.
    const [busy] = this.#options.db.prepare<[], [number, number, number]>('pragma wal_checkpoint(truncate)').raw().get() ?? [1];
    if (busy !== 0) throw new StorageError('STORAGE_FAILED', 'a sync failed, and the log is in use: it is copied at the next attempt');
    this.#isSuspect = false;
    this.#options.onMended();
  }
}
