// Owns the periodic sync of the write-ahead log. With synchronous=NORMAL SQLite syncs the log only at checkpoints; this bounds what a
// power cut can take to about the interval and one sync. It runs in libuv's pool: on a busy disk a sync takes up to half a second.
//
// Only the -wal file is opened here: SQLite keeps no POSIX lock on it. The database file and -shm must never be opened and closed by
// hand in this process, that would drop SQLite's locks.
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

/** Time between the first unsynced commit and its sync (ms). */
const SYNC_INTERVAL_MS = 200;

export interface WalSyncOptions {
  /** The database file. */
  readonly path: string;
  /** The log cannot be opened: nothing is known to be lost. */
  readonly onError: (cause: unknown) => void;
  /** A sync failed: what was to be written may be lost, and no later sync will say so again. */
  readonly onFailed: (cause: unknown) => void;
  /** What is to be synced behind the log. */
  readonly onSynced?: () => Promise<void>;
}

export class WalSync {
  readonly #options: WalSyncOptions;
  #file: FileHandle | undefined;
  #timer: NodeJS.Timeout | undefined;
  #syncing: Promise<void> | undefined;
  #dirty = false;
  #closed = false;

  constructor(options: WalSyncOptions) {
    this.#options = options;
  }

  /** Something was committed. */
  committed(): void {
    this.#dirty = true;
    this.#arm();
  }

  /** Waits for a sync under way; what was not synced yet is for the checkpoint at closing. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#syncing;
    await this.#file?.close();
    this.#file = undefined;
  }

  #arm(): void {
    if (this.#closed || this.#timer !== undefined || this.#syncing !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#dirty = false;
      this.#syncing = this.#sync().finally(() => {
        this.#syncing = undefined;
        if (this.#dirty) this.#arm();
      });
    }, SYNC_INTERVAL_MS);
  }

  /** Never rejects. */
  async #sync(): Promise<void> {
    try {
      this.#file ??= await open(`${this.#options.path}-wal`, 'r');
    } catch (cause) {
      this.#options.onError(cause);
      return;
    }
    try {
      await this.#file.datasync();
    } catch (cause) {
      this.#options.onFailed(cause);
      return;
    }
    try {
      await this.#options.onSynced?.();
    } catch (cause) {
      this.#options.onError(cause);
    }
  }
}
