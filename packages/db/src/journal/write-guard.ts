// Owns what stands before a change of the journal and what is done when a change fails: a log whose sync has failed is mended first, a full disk is met
// with the reserve and with a log that begins again, and output takes no space that is needed to give space back. Must not know what is changed.
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import { sqliteCode, StorageError } from '../errors.ts';
import { freeBytes, isDiskFull, keepReserve, releaseReserve, RESERVE_BYTES } from '../reserve.ts';
import { SuspectLog } from './suspect-log.ts';

/** How often the reserve is looked for (ms): one stat. */
const RESERVE_CHECK_MS = 10_000;

/** Output leaves this (bytes), and what the file must still grow by to hold what is in the log: else nothing could be deleted any more. */
const LEFT_BY_OUTPUT_BYTES = 1024 * 1024;
/** Compaction leaves more (bytes): one pass may take so much before it frees anything. */
const LEFT_BY_COMPACTION_BYTES = 8 * 1024 * 1024;
/** With so much free (bytes) nobody looks closer: others take longer to fill it than the log to be copied. */
const PLENTY_BYTES = 128 * 1024 * 1024;
/** With less free, no more than this shall be in the log alone (bytes): others may take the rest of the disk at any moment. */
const COPY_LOG_BYTES = 1024 * 1024;
/** And never more than this and one commit, whatever keeps the log from being copied (bytes): the reserve must be able to hold it, and a deletion. */
const MOST_IN_LOG_BYTES = RESERVE_BYTES / 2;

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
  readonly #pageCount: Database.Statement<[], number>;
  readonly #freelistCount: Database.Statement<[], number>;
  readonly #pageSize: number;
  #reserveTimer: NodeJS.Timeout | undefined;
  #wantsCopy = false;

  constructor(options: WriteGuardOptions) {
    this.#options = options;
    const { db } = options;
    this.#pageCount = db.prepare<[], number>('pragma page_count').pluck();
    this.#freelistCount = db.prepare<[], number>('pragma freelist_count').pluck();
    this.#pageSize = db.prepare<[], number>('pragma page_size').pluck().get() ?? 0;
    this.#suspectLog = new SuspectLog({ db, onMended: options.onMended });
  }

  close(): void {
    clearInterval(this.#reserveTimer);
  }

  syncFailed(): void {
    this.#suspectLog.failed();
  }

  /** Before output is stored. Throws when nothing may be. */
  beforeCommit(): void {
    this.#suspectLog.require();
    if (!isDiskFull(this.#options.pauseCause()) && this.#roomProblem() === null) return;
    // What is stored before a call returns does not wait until the log has been copied elsewhere.
    this.#reuseLog();
    const problem = this.#roomProblem();
    if (problem !== null) throw new StorageError('DISK_FULL', problem);
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

  /** Whether there is room for what takes space now to free more later. */
  hasRoom(): boolean {
    if (this.#options.pauseCause() !== undefined) return false;
    const free = freeBytes(dirname(this.#options.path));
    const growth = this.#growth();
    return free >= growth + LEFT_BY_COMPACTION_BYTES && (free >= PLENTY_BYTES || growth <= COPY_LOG_BYTES);
  }

  /** Whether the log should be copied now, however short it is. As of the last commit. */
  get wantsCopy(): boolean {
    return this.#wantsCopy;
  }

  /** Whether all of the log fits into the file. */
  canCopyLog(): boolean {
    const free = freeBytes(dirname(this.#options.path));
    return free >= PLENTY_BYTES || free >= this.#growth();
  }

  /**
   * Why output has to wait; null when it has not. What is in the log has its place in the file only once it has been copied there, and the log cannot
   * begin again before. When others have taken that space there is no way back: so it is left.
   */
  #roomProblem(): string | null {
    const free = freeBytes(dirname(this.#options.path));
    this.#wantsCopy = false;
    if (free >= PLENTY_BYTES) return null;
    const growth = this.#growth();
    this.#wantsCopy = growth > COPY_LOG_BYTES;
    if (free >= growth + LEFT_BY_OUTPUT_BYTES && growth <= MOST_IN_LOG_BYTES) return null;
    // Where rows were deleted there is room too.
    if (growth === 0 && this.#freePages() * this.#pageSize >= LEFT_BY_OUTPUT_BYTES) return null;
    return `${free} bytes are free on the disk, of which the log needs ${growth}`;
  }

  /** What the file must grow by to hold what is in the log (bytes). */
  #growth(): number {
    const size = statSync(this.#options.path, { throwIfNoEntry: false })?.size ?? 0;
    return Math.max(0, this.#pages() * this.#pageSize - size);
  }

  #pages(): number {
    return this.#pageCount.get() ?? 0;
  }

  #freePages(): number {
    return this.#freelistCount.get() ?? 0;
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
    if (!this.canCopyLog()) return;
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
