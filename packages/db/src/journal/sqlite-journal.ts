// Owns the journal as the host uses it: sessions and their runs, what is known of them, history. Output goes through committer.ts;
// SQL is in writer.ts and reader.ts.
// Must not know terminals, sockets or viewers.
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import type Database from 'better-sqlite3';
import { sqliteCode, StorageError } from '../errors.ts';
import { backupTo } from '../backup-to.ts';
import { FileWatch } from '../file-watch.ts';
import type { FileProblem } from '../file-watch.ts';
import { openRecovering } from '../recovery.ts';
import { activityOf, Committer } from './committer.ts';
import type { StoredBatch } from './committer.ts';
import { Compactor } from './compactor.ts';
import { SegmentWriter } from './segment-writer.ts';
import { HistoryPages } from './history-pages.ts';
import { HistoryReader } from './history-reader.ts';
import { loadJournal } from './load.ts';
import { journalSchema } from './migrations/index.ts';
import { LossBook } from './losses.ts';
import { openMark } from './mark-keeper.ts';
import type { MarkKeeper } from './mark-keeper.ts';
import { Purger } from './purger.ts';
import { journalSalvage } from './salvage-plan.ts';
import { JournalCounters } from './metrics.ts';
import type { JournalMetrics } from './metrics.ts';
import { makeRecord, noteActivity, takeTimeMark, viewOf } from './session-book.ts';
import type { SessionBook, SessionRecord } from './session-book.ts';
import { Trimmer } from './trimmer.ts';
import { walBytes, WalCheckpointer } from './wal-checkpointer.ts';
import { WalSync } from './wal-sync.ts';
import type { Finding } from './verify.ts';
import { verifyInWorker } from './verify-in-worker.ts';
import { storageFailed, WriteGuard } from './write-guard.ts';
import { JournalWriter } from './writer.ts';
import type {
  BaseCheckpoint,
  CommittedEntry,
  Damage,
  HistoryPage,
  HistoryRequest,
  HostSession,
  JournalNotice,
  LostTail,
  MarkEntry,
  NewSession,
  ProcessIdentity,
  RunEnd,
  SessionId,
  StorageState,
} from './types.ts';

export interface JournalOptions {
  /** File of the database; its directory must exist. */
  readonly path: string;
  /** 'normal' can lose about 200 ms to a power cut, nothing to a crash; 'full' syncs every commit. */
  readonly synchronous: 'normal' | 'full';
  /** Wall clock, epoch milliseconds: what is stored. */
  readonly now?: () => number;
  /** Milliseconds that never go back: what waits and windows are measured with. */
  readonly monotonicNow?: () => number;
  readonly onNotice?: (notice: JournalNotice) => void;
  readonly testing?: JournalTesting;
}

/** What tests put in the way. Never set in a running host. */
export interface JournalTesting {
  /** Called at each step of background work: fault tests end the process there. */
  readonly step?: (name: string) => void;
  readonly readerWorker?: URL;
  readonly checkpointWorker?: URL;
}

/**
 * Opens or creates the journal; a damaged file is set aside, and what is whole in it goes on. Throws StorageError or SchemaError; a file that
 * is refused is left as it is.
 */
export async function openJournal(options: JournalOptions): Promise<SqliteJournal> {
  const { path, synchronous } = options;
  return openRecovering({
    path,
    synchronous,
    identity: journalSchema,
    plan: journalSalvage,
    now: options.now ?? Date.now,
    use: (db) => new SqliteJournal(db, options),
    onDamage: (report) => options.onNotice?.({ kind: 'recovered', report }),
  });
}

export class SqliteJournal implements AsyncDisposable {
  readonly #db: Database.Database;
  readonly #path: string;
  readonly #now: () => number;
  readonly #monotonicNow: () => number;
  readonly #onNotice: (notice: JournalNotice) => void;
  readonly #book: SessionBook;
  readonly #writer: JournalWriter;
  readonly #committer: Committer;
  readonly #reader: HistoryReader;
  readonly #pages: HistoryPages;
  readonly #purger: Purger;
  readonly #trimmer: Trimmer;
  /** Null when SQLite syncs every commit by itself. */
  readonly #walSync: WalSync | null;
  #storageListener: ((storage: StorageState) => void) | undefined;
  readonly #checkpointer: WalCheckpointer;
  readonly #compactor: Compactor;
  readonly #segments: SegmentWriter;
  readonly #lossBook: LossBook;
  readonly #mark: MarkKeeper;
  readonly #lostTails: readonly LostTail[];
  readonly #counters = new JournalCounters();
  readonly #fileWatch: FileWatch;
  readonly #guard: WriteGuard;
  #closing: Promise<void> | undefined;

  /** Takes over `db`, which openDatabase has prepared. */
  constructor(db: Database.Database, options: JournalOptions) {
    const { path } = options;
    const onNotice = (notice: JournalNotice): void => {
      options.onNotice?.(notice);
      if (notice.kind === 'storage-paused' || notice.kind === 'storage-resumed') this.#storageListener?.(this.stats().storage);
    };
    const monotonicNow = options.monotonicNow ?? (() => performance.now());
    const { book, ends } = loadJournal(db);
    const writer = new JournalWriter(db, ends);
    const onChanged = (): void => this.#changed();
    this.#db = db;
    this.#path = path;
    this.#now = options.now ?? Date.now;
    this.#monotonicNow = monotonicNow;
    this.#onNotice = onNotice;
    this.#book = book;
    this.#writer = writer;
    this.#guard = new WriteGuard({
      db,
      path,
      pauseCause: () => this.#committer.pauseCause,
      onChanged,
      onMended: () => this.#verifyMended(),
    });
    const makeRoom = (error: unknown): boolean => this.#guard.makeRoom(error);
    this.#trimmer = new Trimmer({
      writer,
      makeRoom,
      onStep: onChanged,
      onBlank: (trimmed) => onNotice({ kind: 'trimmed-blank', ...trimmed }),
    });
    this.#committer = new Committer({
      writer,
      beforeCommit: () => this.#guard.beforeCommit(),
      book,
      monotonicNow,
      now: options.now ?? Date.now,
      onNotice,
      onStored: (stored) => this.#stored(stored),
      held: () => this.#checkpointer.hold,
      onGrown: (record) => this.#trimmer.grown(record),
    });
    this.#reader = new HistoryReader({
      path,
      onFailure: (cause) => onNotice({ kind: 'reader-failed', cause }),
      workerFile: options.testing?.readerWorker,
    });
    this.#pages = new HistoryPages({ book, committer: this.#committer, reader: this.#reader });
    this.#checkpointer = new WalCheckpointer({
      path,
      db,
      monotonicNow,
      onNotice,
      counters: this.#counters,
      canCopy: () => this.#guard.canCopyLog(),
      wantsCopy: () => this.#guard.wantsCopy,
      endStuckReads: () => this.#reader.endStuck(),
      pauseReads: (paused) => this.#reader.pause(paused),
      onSyncFailed: (cause) => this.#syncFailed(cause),
      onReleased: () => {
        this.#committer.released();
        this.#compactor.released();
      },
      step: options.testing?.step,
      workerFile: options.testing?.checkpointWorker,
    });
    this.#lossBook = new LossBook(db);
    const opened = openMark({ path, book, losses: this.#lossBook, at: this.#now(), onNotice });
    this.#mark = opened.mark;
    this.#lostTails = opened.lostTails;
    // The schema and the id of a new journal shall not be in the log alone: a log that is lost would take them along.
    if (opened.isNew) db.pragma('wal_checkpoint(passive)');
    this.#segments = new SegmentWriter(db);
    this.#compactor = new Compactor({
      path,
      book,
      onNotice,
      writer: this.#segments,
      counters: this.#counters,
      onStored: onChanged,
      onGivenBack: () => this.#checkpointer.copyWhenIdle(),
      held: () => this.#checkpointer.held,
      hasRoom: () => this.#guard.hasRoom(),
    });
    this.#purger = new Purger(writer, onChanged, makeRoom);
    this.#walSync =
      options.synchronous === 'full'
        ? null
        : new WalSync({
            path,
            onError: (cause) => onNotice({ kind: 'sync-failed', cause }),
            onFailed: (cause) => this.#syncFailed(cause),
            onSynced: async () => {
              await this.#mark.sync();
              this.#counters.add('syncs');
            },
          });
    for (const record of book.records()) this.#trimmer.load(record);
    for (const session of writer.purges()) this.#purger.add(session, { lastTailRow: 0, lastMarkRow: 0 }, ends);
    this.#fileWatch = new FileWatch(path, (problem) => onNotice({ kind: 'file-lost', problem }));
  }

  /** What is wrong with the place of the file; null when it is the one that is open. */
  get fileProblem(): FileProblem | null {
    return this.#fileWatch.problem;
  }

  sessions(): readonly HostSession[] {
    return this.#book.all();
  }

  session(id: SessionId): HostSession | undefined {
    const record = this.#book.find(id);
    return record === undefined ? undefined : viewOf(record);
  }

  identity(id: SessionId): ProcessIdentity | undefined {
    return this.#book.find(id)?.identity;
  }

  /**
   * Mark 1 is the size at offset 0, so that a replay from the start needs nothing else. It is not reported to the listener: nobody
   * can follow a session that does not exist yet. Throws SESSION_EXISTS, STORAGE_FAILED (also while storing is paused).
   */
  createSession(session: NewSession): HostSession {
    this.#requireOpen();
    if (this.#book.find(session.id) !== undefined)
      throw new StorageError('SESSION_EXISTS', `the journal has session ${session.id} already`);
    // Where a few bytes fit and its output does not, it would be a session without a history.
    if (this.#committer.paused && !this.#committer.commitAll()) throw storageFailed(this.#committer.pauseCause);
    const size: MarkEntry = { kind: 'resize', offset: 0, mark: 1, at: session.createdAt, cols: session.cols, rows: session.rows };
    const { key, markRows } = this.#guard.store(() => this.#writer.createSession(session, [size]));
    const record = makeRecord(key, newSessionView(session, size), undefined);
    for (const row of markRows) record.markIndex.add(0, row);
    this.#book.add(record);
    this.#mark.set(key, 0);
    this.#mark.write();
    return viewOf(record);
  }

  /**
   * The next run of an ended session, in state `starting`, behind a seam in its stream; stored and reported before this returns. Throws
   * UNKNOWN_SESSION, RUN_STATE, STORAGE_FAILED (then the session is as it was, or its new run has ended as failed-to-start).
   */
  beginRun(id: SessionId, note: string): HostSession {
    const record = this.#writable(id);
    const { run, state } = record.committed;
    if (!record.ending || record.committed.endedAt === null) throw new StorageError('RUN_STATE', `run ${run} of session ${id} is ${state}`);
    if (this.#committer.paused || !this.#committer.commitSession(record.key)) throw storageFailed(this.#committer.pauseCause);
    this.#committer.pushMark(record, (mark) => ({ kind: 'seam', ...mark, at: this.#now(), run: run + 1, note }));
    record.identity = undefined;
    if (this.#committer.commitSession(record.key)) {
      record.ending = false;
      return viewOf(record);
    }
    // The seam stays queued and is stored some day: its run must not seem to live.
    const failed = { state: 'exited', reason: 'failed-to-start', exitCode: null, signal: null } as const;
    this.#committer.pushMark(record, (mark) => ({ kind: 'exit', ...mark, at: this.#now(), run: run + 1, ...failed }));
    throw storageFailed(this.#committer.pauseCause);
  }

  /** Throws UNKNOWN_SESSION, RUN_STATE, STORAGE_FAILED. */
  runStarted(id: SessionId, identity: ProcessIdentity): HostSession {
    const record = this.#writable(id);
    const { run, state } = record.committed;
    if (state !== 'starting' || record.ending)
      throw new StorageError('RUN_STATE', `run ${run} of session ${id} is ${state}, it cannot start`);
    this.#guard.store(() => this.#writer.startRun(record.key, run, identity, this.#now()));
    record.identity = identity;
    record.committed = { ...record.committed, state: 'running', pid: identity.pid };
    return viewOf(record);
  }

  /**
   * Throws UNKNOWN_SESSION, RUN_STATE, STORAGE_FAILED. After STORAGE_FAILED the end stays queued behind the output and is stored and
   * reported when storing works again; to call again only tries again.
   */
  runEnded(id: SessionId, end: RunEnd): HostSession {
    const record = this.#writable(id);
    if (record.committed.endedAt !== null)
      throw new StorageError('RUN_STATE', `run ${record.committed.run} of session ${id} has ended already`);
    if (!record.ending) {
      const { state, reason, exitCode, signal, endedAt } = end;
      const { run } = record.committed;
      this.#committer.pushMark(record, (mark) => ({ kind: 'exit', ...mark, at: endedAt, run, state, reason, exitCode, signal }));
      record.ending = true;
    }
    if (!this.#committer.commitSession(record.key)) throw storageFailed(this.#committer.pauseCause);
    return viewOf(record);
  }

  /** Throws UNKNOWN_SESSION, STORAGE_FAILED. */
  updateSession(id: SessionId, change: { readonly maxHistoryBytes?: number; readonly idleTimeoutMs?: number }): HostSession {
    const record = this.#writable(id);
    const { maxHistoryBytes, idleTimeoutMs } = record.committed;
    const limits = { maxHistoryBytes: change.maxHistoryBytes ?? maxHistoryBytes, idleTimeoutMs: change.idleTimeoutMs ?? idleTimeoutMs };
    this.#guard.store(() => this.#writer.updateLimits(record.key, limits));
    record.committed = { ...record.committed, ...limits };
    this.#trimmer.grown(record);
    return viewOf(record);
  }

  /**
   * A state of the terminal that an emulator has made on its way: where the kept part of the history may begin one day. False when it is
   * not wanted. Throws UNKNOWN_SESSION, STORAGE_FAILED.
   */
  offerBase(id: SessionId, base: BaseCheckpoint): boolean {
    const record = this.#writable(id);
    return this.#guard.store(() => this.#trimmer.offer(record, base));
  }

  /** How to restore the first kept byte; null while everything is kept. Throws UNKNOWN_SESSION, STORAGE_FAILED. */
  base(id: SessionId): BaseCheckpoint | null {
    const record = this.#writable(id);
    return this.#guard.store(() => this.#writer.base(record.key)) ?? null;
  }

  /** Works on a full disk too if it can: removing is how space is made. Throws UNKNOWN_SESSION, STORAGE_FAILED. */
  removeSession(id: SessionId): void {
    const record = this.#writable(id);
    // What followers have not seen yet they see before the end; what cannot be stored goes with its session.
    this.#committer.commitSession(record.key);
    this.#guard.storeWithReserve(() => this.#writer.removeSession(record.key));
    this.#committer.discard(record.key);
    this.#trimmer.forget(record);
    this.#book.delete(record);
    this.#mark.remove(record.key);
    this.#mark.write();
    const { tailIndex, markIndex } = record;
    this.#purger.add(
      record.key,
      { lastTailRow: Math.max(0, tailIndex.firstRow - 1), lastMarkRow: Math.max(0, markIndex.firstRow - 1) },
      { lastTailRow: tailIndex.lastRow, lastMarkRow: markIndex.lastRow },
    );
  }

  touched(id: SessionId, at: number): void {
    const record = this.#book.find(id);
    if (record !== undefined) noteActivity(record, at);
  }

  /** Throws UNKNOWN_SESSION, STORAGE_CLOSED; never for a disk that cannot be written. */
  append(id: SessionId, bytes: Uint8Array, printedAt?: number): number {
    const record = this.#writable(id);
    if (bytes.length === 0) return record.queuedEnd;
    const at = printedAt ?? this.#now();
    noteActivity(record, at);
    // Marks are kept when their output is dropped: in a pause of days times would fill the memory.
    if (!this.#committer.showsUnstored && takeTimeMark(record, this.#monotonicNow()))
      this.#committer.pushMark(record, (mark) => ({ kind: 'time', ...mark, at }));
    this.#committer.pushBytes(record, bytes);
    return record.queuedEnd;
  }

  /** Throws UNKNOWN_SESSION, STORAGE_CLOSED. A resize to the present size is none. */
  resized(id: SessionId, cols: number, rows: number): void {
    const record = this.#writable(id);
    if (record.queuedCols === cols && record.queuedRows === rows) return;
    record.queuedCols = cols;
    record.queuedRows = rows;
    this.#committer.pushMark(record, (mark) => ({ kind: 'resize', ...mark, at: this.#now(), cols, rows }));
  }

  /** Something that was trimmed is not deleted yet. */
  get trimming(): boolean {
    return this.#trimmer.busy;
  }

  typed(id: SessionId): void {
    const record = this.#book.find(id);
    if (record !== undefined) this.#committer.typed(record.key);
  }

  followed(anybody: boolean): void {
    this.#committer.followed(anybody);
  }

  pendingBytes(id: SessionId): number {
    const record = this.#book.find(id);
    return record === undefined ? 0 : this.#committer.waitingBytesOf(record.key);
  }

  onCommitted(listener: (entries: readonly CommittedEntry[]) => void): void {
    this.#committer.setListener(listener);
  }

  onStorage(listener: (storage: StorageState) => void): void {
    this.#storageListener = listener;
  }

  /** Rejects with the signal's reason, or with StorageError. */
  async history(request: HistoryRequest, signal: AbortSignal): Promise<HistoryPage> {
    signal.throwIfAborted();
    this.#requireOpen();
    return this.#pages.read(request, signal);
  }

  stats(): { readonly journalBytes: number; readonly storage: StorageState } {
    const journalBytes = sizeOf(this.#path) + walBytes(this.#path);
    return { journalBytes, storage: this.#committer.paused ? 'paused' : 'ok' };
  }

  /** Compresses everything that is complete, now instead of in quiet moments. */
  async compact(): Promise<void> {
    this.#requireOpen();
    await this.#compactor.finish();
  }

  /** Output that is missing, as the opening found it, and for which no gap stands in its session yet. */
  lostTails(): readonly LostTail[] {
    return this.#lostTails;
  }

  /**
   * Puts a gap into each session that has lost its tail, so that its offsets are never given to other output: a client that has seen what is
   * lost must not take what comes for it. Call once, before anything is appended. Throws STORAGE_FAILED.
   */
  markLostTails(): void {
    for (const { sessionId, from, to } of this.#lostTails) {
      const record = sessionId === null ? undefined : this.#book.find(sessionId);
      if (record?.queuedEnd !== from || to <= from) continue;
      this.#committer.pushGap(record, to - from);
    }
    if (!this.#committer.commitAll()) throw storageFailed(this.#committer.pauseCause);
  }

  /** All that was ever found missing, oldest first. */
  knownLosses(): readonly LostTail[] {
    this.#requireOpen();
    return this.#lossBook.all();
  }

  damage(): readonly Damage[] {
    const file = basename(this.#path);
    return this.knownLosses().map(({ sessionId, from, to, at }) => ({ file, sessionId, from, to, setAside: null, at }));
  }

  metrics(): JournalMetrics {
    const sessions = this.#book.all();
    const { trims, trimmedBytes } = this.#trimmer.counts;
    const { gapBytes } = this.#committer;
    return this.#counters.snapshot(
      { trims, trimmed_bytes: trimmedBytes, gap_bytes: gapBytes },
      {
        sessions: sessions.length,
        queued_bytes: this.#committer.queuedBytes,
        file_bytes: sizeOf(this.#path),
        wal_bytes: walBytes(this.#path),
        tail_bytes: this.#compactor.tailWeight,
        history_bytes: sessions.reduce((sum, { firstOffset, endOffset }) => sum + endOffset - firstOffset, 0),
        stored_bytes: sessions.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
        wal_frames: this.#closing === undefined ? this.#checkpointer.frames : 0,
      },
    );
  }

  /** Keeps some space for the day on which the disk is full, from now on, and again after it was given up. */
  keepReserve(): void {
    this.#guard.keepReserve();
  }

  /** Commits what is queued, at once. When storing fails it stays queued and stats() says `paused`. */
  flush(): void {
    this.#requireOpen();
    this.#committer.commitAll();
  }

  /**
   * Writes a consistent copy of what is committed now to a new file (mode 0600), while sessions print on. Throws STORAGE_FAILED; a file that
   * is there already is refused.
   */
  async backup(path: string): Promise<void> {
    this.#requireOpen();
    this.#committer.commitAll();
    await backupTo(this.#db, path);
  }

  /** Whether everything stored is whole: read from end to end in a worker. Throws STORAGE_FAILED. */
  async verify(): Promise<readonly Finding[]> {
    this.#requireOpen();
    this.#committer.commitAll();
    return verifyInWorker(this.#path);
  }

  /** Rejects with STORAGE_FAILED when output was left that could not be stored; everything is closed all the same. */

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#fileWatch.close();
    this.#guard.close();
    this.#committer.commitAll();
    this.#committer.stop();
    this.#purger.close();
    this.#trimmer.close();
    await this.#reader.close();
    await this.#compactor.close();
    await this.#checkpointer.close();
    await this.#walSync?.close();
    this.#mark.close();
    const lostBytes = this.#committer.queuedBytes;
    try {
      this.#saveActivity();
      // Leaves a database that is one file; without it the next start reads the log first.
      this.#db.pragma('wal_checkpoint(truncate)');
    } catch (cause) {
      if (sqliteCode(cause) === undefined) throw cause;
      // Both are comfort: what was committed is in the log and stays there.
      this.#onNotice({ kind: 'sync-failed', cause });
    } finally {
      this.#db.close();
    }
    if (lostBytes > 0) {
      throw new StorageError('STORAGE_FAILED', `${lostBytes} bytes of output could not be stored before the end`, {
        cause: this.#committer.pauseCause,
      });
    }
  }

  /** A batch of output is in the database, and nobody has been shown it yet. */
  #stored({ slices, tookMs }: StoredBatch): void {
    this.#counters.committed(
      slices.reduce((sum, slice) => sum + slice.bytes.length, 0),
      tookMs,
    );
    for (const { session, endOffset } of slices) this.#mark.set(session, endOffset);
    this.#mark.write();
    this.#compactor.committed(slices);
    this.#changed();
  }

  /** Something was committed. */
  #changed(): void {
    this.#walSync?.committed();
    this.#checkpointer.committed();
    this.#compactor.changed();
  }

  /** Nothing is committed behind a log that may be lost; viewers learn of it as of a full disk. */
  #syncFailed(cause: unknown): void {
    if (this.#closing !== undefined) return;
    this.#guard.syncFailed();
    this.#onNotice({ kind: 'sync-failed', cause });
    this.#committer.fails(cause);
  }

  #verifyMended(): void {
    verifyInWorker(this.#path).then(
      (findings) => {
        if (this.#closing === undefined) this.#onNotice({ kind: 'verified', findings });
      },
      (cause: unknown) => this.#onNotice({ kind: 'reader-failed', cause }),
    );
  }

  #saveActivity(): void {
    const unsaved = [...this.#book.records()].filter((record) => record.lastActivityAt > record.activitySavedAt);
    this.#writer.saveActivity(unsaved.map(activityOf));
  }

  #writable(id: SessionId): SessionRecord {
    this.#requireOpen();
    return this.#book.get(id);
  }

  #requireOpen(): void {
    if (this.#closing !== undefined) throw new StorageError('STORAGE_CLOSED', 'the journal is closed');
  }
}

function newSessionView(session: NewSession, size: MarkEntry): HostSession {
  return {
    ...session,
    run: 1,
    runFromOffset: 0,
    state: 'starting',
    pid: null,
    lastActivityAt: session.createdAt,
    endedAt: null,
    reason: null,
    exitCode: null,
    signal: null,
    firstOffset: 0,
    endOffset: 0,
    lastMark: size.mark,
    storedBytes: 0,
    idleEndsAt: null,
  };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
