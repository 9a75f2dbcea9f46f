// Owns when the write-ahead log is copied into the database file, and by whom: a worker with a connection of its own, so that neither
// the copying nor its syncs are ever on the loop that reads terminals. Must not know what is committed.
//
// A log starts again at its beginning only when a commit finds every frame copied, and a steady writer always adds some. So when little
// is left commits are *held* for the few milliseconds that the rest takes. A hold is a request to the committer: what must be stored
// before a call returns is stored all the same, and the hold was then for nothing.
// A reader that stays in one read transaction keeps the log from starting again: one of ours is ended.
//
// Invariants: the log stays below 64 MiB whatever is written and read by us; a hold ends within MAX_HOLD_MS whatever becomes of the
// worker; while the worker cannot work SQLite checkpoints inside commits as it would by itself. Nothing runs while nothing is committed.
import { statSync } from 'node:fs';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type Database from 'better-sqlite3';
import { StorageError } from '../errors.ts';
import type { Hold } from './committer.ts';
import type { JournalCounters } from './metrics.ts';
import type { JournalNotice } from './types.ts';
import type { CheckpointReply, CheckpointRequest, CheckpointWorkerData } from './wal-checkpoint-messages.ts';

/** Frames are pages of 4 KiB. The worker is started early: its start takes 50 ms, in which a flood writes 5 MB. */
const START_WORKER_FRAMES = 2048;
/** 16 MiB: large enough that a page which is written again and again is copied once, small enough for four times its size as limit. */
const CHECKPOINT_FRAMES = 4096;
/** Frames left at which a hold is worth it: 4 MiB are copied and synced in 5-15 ms. */
const HOLD_FRAMES = 1024;
/** From here on no read begins while commits are held (24 MiB): many short reads in a row can keep the log too. */
const PAUSE_READS_FRAMES = 6144;
/** From here on a reader is in the way (32 MiB): without one a flood of terminals never came to more than 27 MB. */
const END_READS_FRAMES = 8192;
/** From here on commits are held however much is left (36 MiB): the disk is slower than the terminals. */
const FORCE_HOLD_FRAMES = 9216;
/** 64 MiB. Beyond it a stranger holds the log open; somebody should hear of it. */
const LIMIT_FRAMES = 16384;

/** An ordinary hold is over by then (ms); a longer one is for bulk alone: an echo adds a few frames, and the hold goes on until they are copied. */
const HOLD_ALL_MS = 30;
/** Commits go on after this long, copied or not (ms): viewers see a stall, and the host's memory has a bound. */
const MAX_HOLD_MS = 1000;
/** After a checkpoint that could copy nothing (ms). */
const NO_PROGRESS_PAUSE_MS = 100;
/** Between two looks whether a read has ended, in a hold (ms). */
const READ_WAIT_MS = 5;
/** Reads begin again this long after a hold (ms): behind the commit that waited for its end. */
const READS_RESUME_MS = 5;
/** Between two holds (ms); doubled while holds do not bring the log back to its beginning, up to the second. */
const HOLD_PAUSE_MS = 50;
const MAX_HOLD_PAUSE_MS = 1000;

/** No commit for this long is idle (ms): then the log's space is given back. */
const IDLE_MS = 2000;
/** A smaller file than this is not worth a worker (bytes). */
const IDLE_TRUNCATE_BYTES = 4 * 1024 * 1024;
/** The worker costs 16 MB: it goes when it had nothing to do for this long (ms). */
const WORKER_IDLE_MS = 5000;

/** Beyond this the disk or the worker is stuck (ms). */
const REPLY_TIMEOUT_MS = 30_000;
/** Pauses between attempts when it fails (ms). */
const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 60_000;
/** SQLite's own default (pages). */
const FALLBACK_AUTOCHECKPOINT = 1000;

export interface WalCheckpointerOptions {
  readonly path: string;
  /** The connection that writes: knows the length of the log for nothing, and checkpoints when the worker cannot. */
  readonly db: Database.Database;
  readonly monotonicNow: () => number;
  readonly counters: JournalCounters;
  readonly onNotice: (notice: JournalNotice) => void;
  /** Whether the disk has room for all of the log in the file: half a copy would take the last space and give nothing back. */
  readonly canCopy: () => boolean;
  /** Whether the log is to be copied however short it is: on a disk that is almost full others may take the place that the file needs for it. */
  readonly wantsCopy: () => boolean;
  /** What reads of this process are doing; ends one that is stuck. */
  readonly endStuckReads: () => 'none' | 'reading' | 'ended';
  /** Whether reads of this process are to wait before they begin. */
  readonly pauseReads: (pause: boolean) => void;
  /** The worker's sync failed, of the log or of the database: no later one would say so again. */
  readonly onSyncFailed: (cause: unknown) => void;
  /** Commits may go on. */
  readonly onReleased: () => void;
  /** Fault tests end the process at each step. */
  readonly step?: ((name: string) => void) | undefined;
  /** Instead of wal-checkpoint-worker.ts: tests have ones that fail. */
  readonly workerFile?: URL | undefined;
}

interface Request {
  readonly mode: CheckpointRequest['mode'];
  /** It began in a hold. */
  readonly held: boolean;
  readonly deadline: NodeJS.Timeout;
}

export class WalCheckpointer {
  readonly #options: WalCheckpointerOptions;
  readonly #noop: Database.Statement<[], [busy: number, logged: number, copied: number]>;
  #worker: Worker | undefined;
  #request: Request | undefined;
  #heldSinceMs: number | undefined;
  #holdTimer: NodeJS.Timeout | undefined;
  #echoTimer: NodeJS.Timeout | undefined;
  #resumeReads: NodeJS.Timeout | undefined;
  #holdPauseMs = HOLD_PAUSE_MS;
  #nextHoldMs = 0;
  #nextForcedHoldMs = 0;
  #nextUrgentHoldMs = 0;
  #nextUnheldMs = 0;
  /** Frames in the log when a hold had copied them all: fewer in the next commit mean that the log started again. */
  #copiedFrames: number | undefined;
  #lastCopied = 0;
  #copyWanted = false;
  #lastCommitMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #workerIdle: NodeJS.Timeout | undefined;
  #failures = 0;
  #retryAtMs = 0;
  #fallback = false;
  #overLimit = false;
  #closed = false;

  constructor(options: WalCheckpointerOptions) {
    this.#options = options;
    this.#noop = options.db.prepare<[], [number, number, number]>('pragma wal_checkpoint(noop)').raw();
    options.db.pragma('wal_autocheckpoint = 0');
  }

  /** Whether commits that can wait should. */
  get held(): boolean {
    return this.#heldSinceMs !== undefined;
  }

  /** The first moments hold everybody; a slow disk does not hold somebody who types. */
  get hold(): Hold {
    if (this.#heldSinceMs === undefined) return 'none';
    return this.#options.monotonicNow() - this.#heldSinceMs < HOLD_ALL_MS ? 'all' : 'bulk';
  }

  get frames(): number {
    return this.#frames().logged;
  }

  /** After each commit. Costs 2 microseconds when there is nothing to do. */
  committed(): void {
    if (this.#closed) return;
    this.#lastCommitMs = this.#options.monotonicNow();
    this.#arm(IDLE_MS);
    this.#advance();
  }

  /** The database file became shorter, but for the log: copies it at the next idle moment, however short it is. */
  copyWhenIdle(): void {
    this.#copyWanted = true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#release(false);
    clearTimeout(this.#resumeReads);
    await this.#endWorker();
  }

  /** One request at a time; decides which, if any. */
  #advance(): void {
    const { logged, copied } = this.#frames();
    const nowMs = this.#options.monotonicNow();
    if (nowMs < this.#retryAtMs) return;
    if (this.#fallback) {
      if (this.#request === undefined && this.#options.canCopy()) this.#send('passive');
      return;
    }
    this.#noteRestart(logged);
    if (logged >= START_WORKER_FRAMES) this.#startWorker();
    const isUrgent = this.#options.wantsCopy();
    if (logged < CHECKPOINT_FRAMES && !isUrgent) return;
    this.#noteLength(logged);
    if (!this.held && !this.#options.canCopy()) return;

    const left = logged - copied;
    // Also while a request is under way: it goes on in the hold until everything is copied.
    if (!this.held && logged >= FORCE_HOLD_FRAMES && nowMs >= this.#nextForcedHoldMs) this.#hold(logged);
    if (!this.held && isUrgent && nowMs >= this.#nextUrgentHoldMs) this.#hold(logged);
    if (this.#request !== undefined) return;
    if (!this.held && nowMs >= this.#nextHoldMs && left <= HOLD_FRAMES) this.#hold(logged);
    // Else little is left and the last hold was a moment ago: the next commit asks again.
    if (this.held || (left > HOLD_FRAMES && nowMs >= this.#nextUnheldMs)) this.#send('passive');
  }

  #noteRestart(logged: number): void {
    if (this.#copiedFrames === undefined) return;
    const restarted = logged < this.#copiedFrames;
    this.#holdPauseMs = restarted ? HOLD_PAUSE_MS : Math.min(this.#holdPauseMs * 2, MAX_HOLD_PAUSE_MS);
    this.#copiedFrames = undefined;
  }

  #noteLength(logged: number): void {
    if (logged >= END_READS_FRAMES) this.#areReadsInTheWay();
    if (logged < LIMIT_FRAMES) this.#overLimit = false;
    else if (!this.#overLimit) {
      this.#overLimit = true;
      this.#options.onNotice({ kind: 'log-too-long', walBytes: walBytes(this.#options.path) });
    }
  }

  #areReadsInTheWay(): boolean {
    const reads = this.#options.endStuckReads();
    if (reads === 'ended') {
      this.#options.counters.add('reads_ended');
      // Until the next hold has brought the log back to its beginning: an ended read is tried again.
      this.#pauseReads();
    }
    return reads === 'reading';
  }

  #hold(logged: number): void {
    this.#heldSinceMs = this.#options.monotonicNow();
    this.#options.counters.add('wal_holds');
    if (logged >= PAUSE_READS_FRAMES) this.#pauseReads();
    this.#echoTimer = setTimeout(() => this.#options.onReleased(), HOLD_ALL_MS + 1);
    this.#holdTimer = setTimeout(() => {
      this.#options.counters.add('wal_holds_expired');
      this.#release(false);
    }, MAX_HOLD_MS);
  }

  #send(mode: CheckpointRequest['mode']): void {
    const worker = this.#startWorker();
    clearTimeout(this.#workerIdle);
    const deadline = setTimeout(
      () => this.#fail(new StorageError('STORAGE_FAILED', `a checkpoint took more than ${REPLY_TIMEOUT_MS} ms`)),
      REPLY_TIMEOUT_MS,
    );
    deadline.unref();
    this.#request = { mode, held: this.held, deadline };
    this.#options.step?.(this.held ? `checkpoint:${mode}-held` : `checkpoint:${mode}`);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a window
    worker.postMessage({ mode } satisfies CheckpointRequest);
  }

  #answered(reply: CheckpointReply): void {
    const request = this.#request;
    if (request === undefined) return;
    if (reply.kind === 'failed') {
      const cause = new StorageError('STORAGE_FAILED', reply.message);
      this.#fail(cause);
      if (reply.code.startsWith('SQLITE_IOERR_FSYNC') || reply.code === 'SQLITE_IOERR_DIR_FSYNC') this.#options.onSyncFailed(cause);
      return;
    }
    this.#options.step?.(`checkpoint:${request.mode}-done`);
    clearTimeout(request.deadline);
    this.#request = undefined;
    this.#works();
    this.#options.counters.add(request.mode === 'truncate' ? 'wal_truncations' : 'wal_checkpoints');
    this.#restWorker();
    const { logged, copied } = this.#frames();
    const hasProgressed = copied !== this.#lastCopied;
    // A reader keeps the rest from being copied: to ask again at once would only ask again.
    if (logged > copied && !hasProgressed) this.#nextUnheldMs = this.#options.monotonicNow() + NO_PROGRESS_PAUSE_MS;
    this.#lastCopied = copied;
    if (this.held && logged > copied && (!request.held || hasProgressed)) {
      // For what came while it was under way: before the hold, or echoes in it.
      this.#send('passive');
      return;
    }
    if (this.held && logged >= END_READS_FRAMES && this.#areReadsInTheWay()) {
      // To go on without it would only make the log longer: the read ends or is ended, or the hold runs out.
      setTimeout(() => {
        if (this.held && this.#request === undefined) this.#send('passive');
      }, READ_WAIT_MS);
      return;
    }
    const wasHeld = this.held;
    if (wasHeld) this.#release(logged === copied);
    if (this.#idleForMs() >= IDLE_MS) this.#whenIdle(request.mode === 'passive' && logged === copied);
    else if (!wasHeld) this.#advance();
  }

  /** `whole`: everything has been copied, so the next commit may begin the log again. */
  #release(whole: boolean): void {
    if (this.#heldSinceMs === undefined) return;
    clearTimeout(this.#holdTimer);
    clearTimeout(this.#echoTimer);
    const nowMs = this.#options.monotonicNow();
    this.#options.counters.add('wal_hold_ms', nowMs - this.#heldSinceMs);
    this.#heldSinceMs = undefined;
    this.#nextHoldMs = nowMs + this.#holdPauseMs;
    this.#nextForcedHoldMs = nowMs + HOLD_PAUSE_MS;
    this.#nextUrgentHoldMs = whole ? nowMs : nowMs + HOLD_PAUSE_MS;
    this.#copiedFrames = whole ? this.#frames().logged : 0;
    this.#options.onReleased();
    this.#resumeReadsIn(READS_RESUME_MS);
  }

  #pauseReads(): void {
    this.#options.pauseReads(true);
    this.#resumeReadsIn(2 * MAX_HOLD_MS);
  }

  #resumeReadsIn(delayMs: number): void {
    clearTimeout(this.#resumeReads);
    this.#resumeReads = setTimeout(() => this.#options.pauseReads(false), delayMs);
  }

  /** First everything is copied without a hold, then the empty log is cut in one. */
  #whenIdle(whole: boolean): void {
    if (this.#request !== undefined || this.#closed || this.#fallback) return;
    if (this.#options.monotonicNow() < this.#retryAtMs) return;
    if (walBytes(this.#options.path) < IDLE_TRUNCATE_BYTES && !this.#copyWanted) return;
    // Asked again when something is committed.
    if (!this.#options.canCopy()) return;
    if (whole) {
      this.#copyWanted = false;
      this.#hold(0);
      this.#send('truncate');
    } else if (this.#options.monotonicNow() >= this.#nextHoldMs) {
      this.#nextHoldMs = this.#options.monotonicNow() + MAX_HOLD_PAUSE_MS;
      this.#send('passive');
    } else this.#arm(MAX_HOLD_PAUSE_MS);
  }

  #idleForMs(): number {
    return this.#options.monotonicNow() - this.#lastCommitMs;
  }

  /** One timer, set when the first commit comes and looked at when it runs out: commits do not pay for it. */
  #arm(delayMs: number): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const idleMs = this.#idleForMs();
      if (idleMs < IDLE_MS) this.#arm(IDLE_MS - idleMs + 1);
      else this.#whenIdle(false);
    }, delayMs);
    this.#timer.unref();
  }

  #startWorker(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    // Beside this file, with the same ending: .ts when run from source, .js after the build.
    const file = this.#options.workerFile ?? new URL(`./wal-checkpoint-worker${extname(import.meta.url)}`, import.meta.url);
    const workerData: CheckpointWorkerData = { path: this.#options.path };
    // No inherited flags: the worker needs none, and a test runner's would break it.
    const worker = new Worker(file, { workerData, execArgv: [], name: 'journal-checkpoints' });
    // What it does is comfort: it does not keep the process alive.
    worker.unref();
    worker.on('message', (reply: CheckpointReply) => {
      if (worker === this.#worker) this.#answered(reply);
    });
    worker.on('error', (error) => {
      if (worker === this.#worker) this.#fail(error);
    });
    worker.on('exit', (code) => {
      if (worker === this.#worker) this.#fail(new StorageError('STORAGE_FAILED', `the checkpoint worker ended with exit code ${code}`));
    });
    this.#worker = worker;
    this.#restWorker();
    return worker;
  }

  #restWorker(): void {
    clearTimeout(this.#workerIdle);
    this.#workerIdle = setTimeout(() => {
      if (this.#request === undefined) void this.#endWorker();
    }, WORKER_IDLE_MS);
    this.#workerIdle.unref();
  }

  async #endWorker(): Promise<void> {
    clearTimeout(this.#workerIdle);
    clearTimeout(this.#request?.deadline);
    this.#request = undefined;
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  /** The worker is replaced, after a pause; until the next one works commits checkpoint by themselves, so that the log has a bound. */
  #fail(cause: unknown): void {
    if (this.#closed) return;
    this.#options.counters.add('wal_checkpoint_failures');
    this.#failures += 1;
    this.#retryAtMs = this.#options.monotonicNow() + Math.min(FIRST_RETRY_MS * 2 ** (this.#failures - 1), MAX_RETRY_MS);
    this.#fallback = true;
    this.#options.db.pragma(`wal_autocheckpoint = ${FALLBACK_AUTOCHECKPOINT}`);
    this.#options.onNotice({ kind: 'checkpoint-failed', cause });
    void this.#endWorker();
    this.#release(false);
  }

  #works(): void {
    this.#failures = 0;
    if (!this.#fallback) return;
    this.#fallback = false;
    this.#options.db.pragma('wal_autocheckpoint = 0');
  }

  /** Read from shared memory, without a lock: 1 microsecond. -1 before the first use of the log. */
  #frames(): { readonly logged: number; readonly copied: number } {
    const [, logged, copied] = this.#noop.get() ?? [0, 0, 0];
    return { logged: Math.max(0, logged), copied: Math.max(0, copied) };
  }
}

export function walBytes(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}
