// Owns what stands before a change of the journal and what is done when a change fails: a log whose sync has failed is mended first, a full disk is met
// with the reserve and with a log that begins again. Must not know what is changed.
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import { sqliteCode, StorageError } from '../errors.ts';
import { isDiskFull, keepReserve, releaseReserve } from '../reserve.ts';
import { SuspectLog } from './suspect-log.ts';

/** How often the reserve is looked for (ms): one stat. */
const RESERVE_CHECK_MS = 10_000;

export interface WriteGuardOptions {
  readonly db: Database.Database;
  readonly path: string;
  /** Why storing is paused; undefined while it works. */
  readonly pauseCause: () => unknown;
  /** Something was committed. */
  readonly onChanged: () => void;
  /** A log whose sync had failed is trusted again. */
  readonly onMended: () => void;
}

export class WriteGuard {
  readonly #options: WriteGuardOptions;
  readonly #suspectLog: SuspectLog;
  #reserveTimer: NodeJS.Timeout | undefined;

  constructor(options: WriteGuardOptions) {
    this.#options = options;
    this.#suspectLog = new SuspectLog({ db: options.db, onMended: options.onMended });
  }

  close(): void {
    clearInterval(this.#reserveTimer);
  }

  syncFailed(): void {
    this.#suspectLog.failed();
  }

  /** Throws when nothing may be stored. */
  beforeCommit(): void {
    this.#suspectLog.require();
    if (isDiskFull(this.#options.pauseCause())) this.#reuseLog();
  }

  /** For changes that are stored before the call returns. Throws STORAGE_FAILED. */
  store<T>(change: () => T): T {
    try {
      this.#suspectLog.require();
      const result = change();
      this.#options.onChanged();
      return result;
    } catch (cause) {
      throw sqliteCode(cause) === undefined ? cause : storageFailed(cause);
    }
  }

  /** For what makes space: once more with what was kept for it. */
  storeWithReserve(change: () => void): void {
    try {
      this.store(change);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      this.makeRoom(error);
      this.#reuseLog();
      this.store(change);
    }
  }

  /** Whether after this failure another attempt finds more space. */
  makeRoom(error: unknown): boolean {
    return isDiskFull(error) && releaseReserve(dirname(this.#options.path));
  }

  keepReserve(): void {
    const keep = (): void => {
      if (this.#options.pauseCause() === undefined) keepReserve(dirname(this.#options.path));
    };
    keep();
    this.#reserveTimer ??= setInterval(keep, RESERVE_CHECK_MS).unref();
  }

  /** On a full disk the log cannot grow; what is in it may fit where rows were deleted, and then it begins again from its start. */
  #reuseLog(): void {
    try {
      this.#options.db.pragma('wal_checkpoint(restart)');
    } catch (cause) {
      if (sqliteCode(cause) === undefined) throw cause;
      // No room there either: the commit says so.
    }
  }
}

export function storageFailed(cause: unknown): StorageError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new StorageError('STORAGE_FAILED', `the journal could not be written: ${reason}`, {
    cause,
    hint: 'Free space on the disk of the data directory; storing goes on by itself.',
  });
}
