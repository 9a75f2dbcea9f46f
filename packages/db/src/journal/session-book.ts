// Owns: what is known of the sessions in memory, so that asking costs no query. Two ends are kept apart: what is committed (all that
// anybody outside sees) and what is queued (where the next byte and mark go).
// Must not know SQL or files. Invariant: the committed view changes only by what the database has stored.
import { assertNever } from '../assert-never.ts';
import { InvariantError, StorageError } from '../errors.ts';
import { PositionIndex } from './position-index.ts';
import type { Slice, UnstoredPart } from './write-queue.ts';
import type { StoredSlice } from './writer.ts';
import type { HostSession, MarkEntry, ProcessIdentity, SessionId } from './types.ts';

/** Time between two time marks of a session (ms): fine enough to replay a recording as it looked. */
const TIME_MARK_INTERVAL_MS = 250;
/**
 * Output that a time mark must stand for (bytes). A mark takes about 25 bytes on disk; without this bound a program that prints a
 * character a second would fill the disk with times. So marks never take more than about one and a half times their output, a
 * hundredth of it in ordinary use, and go with it when it is trimmed.
 */
const TIME_MARK_MIN_BYTES = 16;
/** After so long (ms) any output is stamped, or a short answer after a long wait would come at once: at the most 0.4 MB of times a day. */
const LONG_WAIT_MS = 5000;
/** How often the time of the last activity is stored (ms). After a crash the newest mark tells most of the rest. */
const ACTIVITY_SAVE_MS = 60_000;

/** Output that was never stored: [offset, offset + lostBytes) does not exist. */
export interface Gap {
  readonly offset: number;
  readonly mark: number;
  lostBytes: number;
}

export interface SessionRecord {
  readonly key: number;
  /** The committed view; its lastActivityAt is the one below. */
  committed: HostSession;
  /** Moves with every chunk of output, too often to copy the view for it. */
  lastActivityAt: number;
  identity: ProcessIdentity | undefined;
  /** Behind the last queued byte. */
  queuedEnd: number;
  nextMark: number;
  /** The size behind the last queued resize. */
  queuedCols: number;
  queuedRows: number;
  /** The exit mark of the newest run is queued or stored. */
  ending: boolean;
  lastTimeMarkMs: number | null;
  lastTimeMarkOffset: number;
  activitySavedAt: number;
  /** Number of the newest trimmed mark. */
  markFloor: number;
  /** Where a later trim may begin, ascending. */
  candidates: readonly number[];
  /** Of what is kept, in order. Also those that are queued only. */
  gaps: Gap[];
  readonly tailIndex: PositionIndex;
  readonly markIndex: PositionIndex;
}

/** Times and offsets of a fresh record follow from the committed view. */
export function makeRecord(key: number, committed: HostSession, identity: ProcessIdentity | undefined): SessionRecord {
  return {
    key,
    committed,
    lastActivityAt: committed.lastActivityAt,
    identity,
    queuedEnd: committed.endOffset,
    nextMark: committed.lastMark + 1,
    queuedCols: committed.cols,
    queuedRows: committed.rows,
    ending: committed.endedAt !== null,
    lastTimeMarkMs: null,
    lastTimeMarkOffset: 0,
    activitySavedAt: committed.lastActivityAt,
    markFloor: 0,
    candidates: [],
    gaps: [],
    tailIndex: new PositionIndex(),
    markIndex: new PositionIndex(),
  };
}

export class SessionBook {
  readonly #byId = new Map<SessionId, SessionRecord>();
  readonly #byKey = new Map<number, SessionRecord>();

  /** Oldest first, by creation. */
  all(): HostSession[] {
    return [...this.#byId.values()].map(viewOf);
  }

  records(): IterableIterator<SessionRecord> {
    return this.#byKey.values();
  }

  find(id: SessionId): SessionRecord | undefined {
    return this.#byId.get(id);
  }

  /** Throws UNKNOWN_SESSION. */
  get(id: SessionId): SessionRecord {
    const record = this.#byId.get(id);
    if (record === undefined) throw new StorageError('UNKNOWN_SESSION', `the journal has no session ${id}`);
    return record;
  }

  byKey(key: number): SessionRecord {
    const record = this.#byKey.get(key);
    if (record === undefined) throw new InvariantError(`the journal has no session with key ${key}`);
    return record;
  }

  /** Undefined when it was removed. */
  findKey(key: number): SessionRecord | undefined {
    return this.#byKey.get(key);
  }

  /** Keys grow with creation, so records must be added in their order. */
  add(record: SessionRecord): void {
    this.#byId.set(record.committed.id, record);
    this.#byKey.set(record.key, record);
  }

  delete(record: SessionRecord): void {
    this.#byId.delete(record.committed.id);
    this.#byKey.delete(record.key);
  }
}

/** Whether output that comes now is to be stamped with a time first, and notes that it is. */
export function takeTimeMark(record: SessionRecord, monotonicMs: number): boolean {
  if (record.lastTimeMarkMs !== null) {
    const sinceMs = monotonicMs - record.lastTimeMarkMs;
    if (sinceMs < TIME_MARK_INTERVAL_MS) return false;
    if (sinceMs < LONG_WAIT_MS && record.queuedEnd - record.lastTimeMarkOffset < TIME_MARK_MIN_BYTES) return false;
  }
  record.lastTimeMarkMs = monotonicMs;
  record.lastTimeMarkOffset = record.queuedEnd;
  return true;
}

/** What others see of a session. */
export function viewOf(record: SessionRecord): HostSession {
  const { committed, lastActivityAt } = record;
  return committed.lastActivityAt === lastActivityAt ? committed : { ...committed, lastActivityAt };
}

/** Sets the time of activity; it never goes back with the clock. */
export function noteActivity(record: SessionRecord, at: number): void {
  if (at > record.lastActivityAt) record.lastActivityAt = at;
}

/** Whether the commit that is about to be made should store the time of activity too. */
export function activityUnsaved(record: SessionRecord): boolean {
  return record.lastActivityAt - record.activitySavedAt >= ACTIVITY_SAVE_MS;
}

/** What a stored mark changes in the view of its session. */
function applyMark(session: HostSession, entry: MarkEntry): HostSession {
  const marked = { ...session, lastMark: entry.mark };
  switch (entry.kind) {
    case 'resize':
      return { ...marked, cols: entry.cols, rows: entry.rows };
    case 'exit':
      return {
        ...marked,
        state: entry.state,
        pid: null,
        endedAt: entry.at,
        reason: entry.reason,
        exitCode: entry.exitCode,
        signal: entry.signal,
      };
    case 'seam':
      return {
        ...marked,
        run: entry.run,
        runFromOffset: entry.offset,
        state: 'starting',
        pid: null,
        endedAt: null,
        reason: null,
        exitCode: null,
        signal: null,
      };
    case 'gap':
    case 'time':
      return marked;
    default:
      return assertNever(entry);
  }
}

/** What the listener was shown before it could be stored: others see it as they see what is stored. */
export function applyShown(record: SessionRecord, { offset, items }: UnstoredPart): void {
  let endOffset = offset;
  let session = record.committed;
  for (const item of items) {
    if (item.kind === 'bytes') endOffset += item.bytes.length;
    else {
      if (item.entry.kind === 'gap') endOffset += item.entry.lostBytes;
      session = applyMark(session, item.entry);
    }
  }
  record.committed = { ...session, endOffset: Math.max(session.endOffset, endOffset) };
}

/** What a stored slice changes; it lies in these rows of the logs. */
export function applySlice(record: SessionRecord, slice: Slice, rows: StoredSlice | undefined): void {
  if (rows === undefined) throw new InvariantError(`output of session ${record.committed.id} was stored without a row`);
  if (rows.tailRow !== null) record.tailIndex.add(slice.offset, rows.tailRow);
  slice.marks.forEach((entry, at) => {
    const row = rows.markRows[at];
    if (row === undefined) throw new InvariantError(`mark ${entry.mark} of session ${record.committed.id} got no row`);
    record.markIndex.add(entry.offset, row);
  });
  const { committed } = record;
  const grown = {
    ...committed,
    endOffset: Math.max(committed.endOffset, slice.endOffset),
    storedBytes: committed.storedBytes + slice.bytes.length,
  };
  // What was shown unstored is in the view already.
  record.committed = slice.marks.filter((entry) => entry.mark > committed.lastMark).reduce(applyMark, grown);
}
