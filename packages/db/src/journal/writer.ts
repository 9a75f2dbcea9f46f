// Owns every change of journal.db, each one transaction. Synchronous: it runs on the host's loop, on the only
// connection that writes. Must not know when to commit (commit-policy.ts) nor what the host is told.
// Invariant: a call either stores all of its change or throws what SQLite threw and has changed nothing.
import { crc32 } from 'node:zlib';
import type Database from 'better-sqlite3';
import { InvariantError } from '../errors.ts';
import { markToRow } from './marks.ts';
import type { Slice } from './write-queue.ts';
import type { BaseCheckpoint, MarkEntry, NewSession, ProcessIdentity } from './types.ts';
import { prepareWriterStatements } from './writer-statements.ts';
import type { WriterStatements } from './writer-statements.ts';

/** Rows of a log looked at in one step of a purge, and most bytes deleted in it: 1-3 ms on the loop. */
const PURGE_STEP_ROWS = 1024;
const PURGE_STEP_BYTES = 2 * 1024 * 1024;

/** Where the logs go on. Ids are given here and never by SQLite: after a rollback the same rows get the same ids again. */
export interface LogEnds {
  readonly lastTailRow: number;
  readonly lastMarkRow: number;
}

/** Rows that a stored slice got; null where it had no bytes or no marks. */
export interface StoredSlice {
  readonly tailRow: number | null;
  readonly markRows: readonly number[];
}

export interface ActivitySave {
  readonly session: number;
  readonly at: number;
}

export interface TrimStep {
  readonly next: LogEnds | null;
  /** As stored. */
  readonly freedBytes: number;
}

export class JournalWriter {
  readonly #db: Database.Database;
  readonly #statements: WriterStatements;
  readonly #begin: Database.Statement;
  readonly #commit: Database.Statement;
  readonly #rollback: Database.Statement;
  #lastTailRow: number;
  #lastMarkRow: number;

  constructor(db: Database.Database, ends: LogEnds) {
    this.#db = db;
    this.#statements = prepareWriterStatements(db);
    // `immediate` takes the write lock first: waiting for it in the middle of a transaction could only fail.
    this.#begin = db.prepare('begin immediate');
    this.#commit = db.prepare('commit');
    this.#rollback = db.prepare('rollback');
    this.#lastTailRow = ends.lastTailRow;
    this.#lastMarkRow = ends.lastMarkRow;
  }

  /** Stores queued output and marks, and what the marks say about their session and run. */
  commit(slices: readonly Slice[], activity: readonly ActivitySave[]): StoredSlice[] {
    let tailRow = this.#lastTailRow;
    let markRow = this.#lastMarkRow;
    const stored = this.#transaction(() => {
      const rows = slices.map((slice): StoredSlice => {
        const { session, offset, bytes, marks } = slice;
        const hasBytes = bytes.length > 0;
        if (hasBytes) this.#statements.insertTail.run({ id: ++tailRow, session, off: offset, data: bytes, crc: crc32(bytes) });
        const markRows = marks.map((entry) => {
          this.#storeMark(++markRow, session, entry);
          return markRow;
        });
        return { tailRow: hasBytes ? tailRow : null, markRows };
      });
      for (const { session, at } of activity) this.#statements.saveActivity.run({ session, at });
      return rows;
    });
    this.#lastTailRow = tailRow;
    this.#lastMarkRow = markRow;
    return stored;
  }

  saveActivity(activity: readonly ActivitySave[]): void {
    if (activity.length > 0) this.commit([], activity);
  }

  /** Stores a session with run 1 and its first marks. Returns its key and the rows of the marks. */
  createSession(session: NewSession, marks: readonly MarkEntry[]): { readonly key: number; readonly markRows: readonly number[] } {
    let markRow = this.#lastMarkRow;
    const created = this.#transaction(() => {
      this.#statements.insertSession.run({
        uuid: session.id,
        created_at: session.createdAt,
        command: JSON.stringify(session.command),
        cwd: session.cwd,
        cols: session.cols,
        rows: session.rows,
        max_history_bytes: session.maxHistoryBytes,
        idle_timeout_ms: session.idleTimeoutMs,
      });
      const key = this.#statements.sessionKey.get({ uuid: session.id })?.id;
      if (key === undefined) throw new InvariantError('the session just stored cannot be read');
      this.#statements.insertRun.run({ session: key, run: 1, from_offset: 0 });
      const markRows = marks.map((entry) => {
        this.#storeMark(++markRow, key, entry);
        return markRow;
      });
      return { key, markRows };
    });
    this.#lastMarkRow = markRow;
    return created;
  }

  startRun(session: number, run: number, identity: ProcessIdentity, at: number): void {
    const { pid, startTime, bootId } = identity;
    this.#transaction(() => {
      this.#statements.startRun.run({ session, run, pid, start_time: startTime, boot_id: bootId, at });
    });
  }

  updateLimits(session: number, limits: { readonly maxHistoryBytes: number; readonly idleTimeoutMs: number }): void {
    this.#transaction(() => {
      this.#statements.updateLimits.run({ session, max_history_bytes: limits.maxHistoryBytes, idle_timeout_ms: limits.idleTimeoutMs });
    });
  }

  /** From here on the session does not exist; its rows follow in steps (purgeStep). Runs and base checkpoint go with it by cascade. */
  removeSession(session: number): void {
    this.#transaction(() => {
      this.#statements.insertPurge.run({ session });
      this.#statements.deleteSession.run({ session });
    });
  }

  /** The removed sessions that still have rows. */
  purges(): number[] {
    return this.#statements.purges.all({}).map((row) => row.session);
  }

  /**
   * Deletes a bounded part of a removed session's rows, from `from` on in both logs. Returns where to go on, or null when nothing
   * is left. Rows behind `until` are not its own.
   */
  purgeStep(session: number, from: LogEnds, until: LogEnds): LogEnds | null {
    return this.#transaction(() => {
      const segments = this.#statements.segmentsToPurge.all({ session });
      for (const { id } of segments) this.#statements.deleteSegment.run({ id });

      const tailEnd = this.#boundedTailEnd(session, from.lastTailRow);
      const markEnd = from.lastMarkRow + PURGE_STEP_ROWS;
      this.#statements.deleteTail.run({ session, after: from.lastTailRow, last: tailEnd });
      this.#statements.deleteMarks.run({ session, after: from.lastMarkRow, last: markEnd });
      if (segments.length > 0 || tailEnd < until.lastTailRow || markEnd < until.lastMarkRow) {
        return { lastTailRow: tailEnd, lastMarkRow: markEnd };
      }
      this.#statements.deletePurge.run({ session });
      return null;
    });
  }

  /** Offsets at which a trim may begin, ascending. */
  candidates(session: number): number[] {
    return this.#statements.candidates.all({ session }).map((row) => row.off);
  }

  addCandidate(session: number, base: BaseCheckpoint): void {
    this.#transaction(() => void this.#statements.insertCandidate.run(baseToRow(session, base)));
  }

  /** The state at the first kept byte; undefined when nothing was trimmed, or when it is damaged. */
  base(session: number): BaseCheckpoint | undefined {
    const row = this.#statements.base.get({ session });
    if (row === undefined) return undefined;
    const { off: offset, mark, run, cols, rows, version, data: state } = row;
    if (crc32(state) === row.crc) return { offset, mark, run, cols, rows, version, state };
    return { offset, mark, run, cols, rows, version: '', state: new Uint8Array(0) };
  }

  /** From here on the session's output begins at this candidate; what lies below is deleted in steps (trimStep). Returns its mark. */
  trimToCandidate(session: number, offset: number): number {
    return this.#transaction(() => {
      const row = this.#statements.candidateAt.get({ session, off: offset });
      if (row === undefined) throw new InvariantError(`no candidate at ${offset} of session key ${session}`);
      return this.#moveStart(row);
    });
  }

  /** The same where no candidate is: restoring begins with a blank terminal of the size that held there. `lastMarkRow`: of the marks up to it. */
  trimToBlank(session: number, offset: number, lastMarkRow: number): number {
    return this.#transaction(() => {
      const at = { session, off: offset, last: lastMarkRow };
      const before = this.#statements.base.get({ session });
      const size = this.#statements.newestSize.get(at) ?? before;
      const mark = this.#statements.newestMark.get(at)?.mark ?? before?.mark ?? 0;
      const run = this.#statements.runAt.get({ session, off: offset })?.run ?? 1;
      const [cols, rows] = [size?.cols ?? null, size?.rows ?? null];
      if (cols === null || rows === null) throw new InvariantError(`the size of session key ${session} at ${offset} is not known`);
      return this.#moveStart(baseToRow(session, { offset, mark, run, cols, rows, version: '', state: new Uint8Array(0) }));
    });
  }

  #moveStart(row: ReturnType<typeof baseToRow>): number {
    const { session, off, mark } = row;
    this.#statements.deleteBase.run({ session });
    this.#statements.insertBase.run(row);
    this.#statements.moveStart.run({ session, off, mark });
    this.#statements.deleteCandidates.run({ session, off });
    return mark;
  }

  /**
   * Deletes a bounded part of what lies below the first kept byte and mark, in both logs behind `from` and up to `until`. Returns where to
   * go on (null: nothing is left) and how much was given back.
   */
  trimStep(session: number, kept: { readonly offset: number; readonly floor: number }, from: LogEnds, until: LogEnds): TrimStep {
    return this.#transaction(() => {
      const { offset: off, floor } = kept;
      const segments = this.#statements.segmentsBelow.all({ session, off });
      for (const { id } of segments) this.#statements.deleteSegment.run({ id });
      let freedBytes = segments.reduce((sum, { stored }) => sum + stored, 0);

      let tailEnd = Math.min(from.lastTailRow + PURGE_STEP_ROWS, until.lastTailRow);
      let bytes = 0;
      for (const { id, len } of this.#statements.tailBelow.all({ session, after: from.lastTailRow, last: tailEnd, off })) {
        this.#statements.deleteTailRow.run({ id });
        bytes += len;
        if (bytes < PURGE_STEP_BYTES) continue;
        tailEnd = id;
        break;
      }
      freedBytes += bytes;
      const markEnd = Math.min(from.lastMarkRow + PURGE_STEP_ROWS, until.lastMarkRow);
      this.#statements.deleteMarksBelow.run({ session, after: from.lastMarkRow, last: markEnd, floor });
      const isDone = segments.length === 0 && tailEnd >= until.lastTailRow && markEnd >= until.lastMarkRow;
      return { next: isDone ? null : { lastTailRow: tailEnd, lastMarkRow: markEnd }, freedBytes };
    });
  }

  #boundedTailEnd(session: number, after: number): number {
    let bytes = 0;
    for (const row of this.#statements.tailToPurge.all({ session, after, last: after + PURGE_STEP_ROWS })) {
      bytes += row.len;
      if (bytes >= PURGE_STEP_BYTES) return row.id;
    }
    return after + PURGE_STEP_ROWS;
  }

  #storeMark(row: number, session: number, entry: MarkEntry): void {
    this.#statements.insertMark.run(markToRow(row, session, entry));
    if (entry.kind === 'resize') this.#statements.updateSize.run({ session, cols: entry.cols, rows: entry.rows });
    // A seam begins a run: the one cannot be stored without the other.
    if (entry.kind === 'seam') this.#statements.insertRun.run({ session, run: entry.run, from_offset: entry.offset });
    if (entry.kind === 'exit') {
      const { run, state, reason, exitCode, signal, at } = entry;
      this.#statements.endRun.run({ session, run, state, reason, exit_code: exitCode, signal, at });
    }
  }

  #transaction<T>(change: () => T): T {
    this.#begin.run();
    try {
      const result = change();
      this.#commit.run();
      return result;
    } catch (error) {
      // After some errors (a full disk, for one) SQLite has rolled back by itself.
      if (this.#db.inTransaction) this.#rollback.run();
      throw error;
    }
  }
}

function baseToRow(session: number, base: BaseCheckpoint) {
  const { offset: off, mark, run, cols, rows, version, state: data } = base;
  return { session, off, mark, run, cols, rows, version, crc: crc32(data), data };
}
