// Owns: making the book of sessions from the database at start, one pass over each log. What it costs grows with the uncompacted
// tail (about 0.2 s per 100,000 rows), not with the history.
import type Database from 'better-sqlite3';
import { sql } from 'kysely';
import { StorageError } from '../errors.ts';
import { compile, makeQueryBuilder } from '../compile.ts';
import { prepare } from '../statement.ts';
import { MARK_KIND } from './schema.ts';
import type { JournalSchema } from './schema.ts';
import { makeRecord, SessionBook } from './session-book.ts';
import type { SessionRecord } from './session-book.ts';
import type { EndReason, HostSession, RunState } from './types.ts';
import type { LogEnds } from './writer.ts';

type None = Record<string, never>;

export interface LoadedJournal {
  readonly book: SessionBook;
  readonly ends: LogEnds;
}

/** Throws JOURNAL_DAMAGED when a session's output has a hole or an overlap. */
export function loadJournal(db: Database.Database): LoadedJournal {
  const book = new SessionBook();
  for (const record of readSessions(db, readSegments(db))) book.add(record);
  readGaps(db, book);
  return { book, ends: indexLogs(db, book) };
}

interface Stored {
  readonly endOffset: number;
  readonly bytes: number;
}

/** What segments say, by session key; the tail, which lies behind them, is added row by row. */
function readSegments(db: Database.Database): Map<number, Stored> {
  const q = makeQueryBuilder<JournalSchema>();
  const segments = prepare(
    db,
    compile<None, { session: number; end: number; stored: number }>([], () =>
      q
        .selectFrom('segment')
        .select(['session', sql<number>`max(off + len)`.as('end'), sql<number>`sum(length(data))`.as('stored')])
        .groupBy('session'),
    ),
  );
  return new Map(segments.all({}).map((row) => [row.session, { endOffset: row.end, bytes: row.stored }]));
}

function readSessions(db: Database.Database, segments: ReadonlyMap<number, Stored>): SessionRecord[] {
  const q = makeQueryBuilder<JournalSchema>();
  const newestRuns = prepare(
    db,
    compile<None, NewestRun>([], () =>
      q
        .selectFrom('session')
        .innerJoin('run', 'run.session', 'session.id')
        .where('run.run', '=', sql<number>`(select max(run) from run where run.session = session.id)`)
        .selectAll('session')
        .select([
          'run.run',
          'run.from_offset',
          'run.state',
          'run.pid',
          'run.start_time',
          'run.boot_id',
          'run.ended_at',
          'run.reason',
          'run.exit_code',
        ])
        .select('run.signal')
        .orderBy('session.id'),
    ),
  );
  return newestRuns.all({}).map((row) => {
    const segment = segments.get(row.id);
    const session: HostSession = {
      id: row.uuid,
      run: row.run,
      runFromOffset: row.from_offset,
      // Both columns are written from these unions only; `state` has a check as well.
      state: row.state as RunState,
      reason: row.reason as EndReason | null,
      pid: row.ended_at === null ? row.pid : null,
      command: JSON.parse(row.command) as string[],
      cwd: row.cwd,
      cols: row.cols,
      rows: row.rows,
      createdAt: row.created_at,
      lastActivityAt: row.last_activity_at,
      endedAt: row.ended_at,
      exitCode: row.exit_code,
      signal: row.signal,
      firstOffset: row.first_offset,
      endOffset: Math.max(segment?.endOffset ?? 0, row.first_offset),
      lastMark: row.mark_floor,
      storedBytes: segment?.bytes ?? 0,
      maxHistoryBytes: row.max_history_bytes,
      idleTimeoutMs: row.idle_timeout_ms,
      idleEndsAt: null,
    };
    const identity = row.pid === null ? undefined : { pid: row.pid, startTime: row.start_time, bootId: row.boot_id };
    const record = makeRecord(row.id, session, identity);
    record.markFloor = row.mark_floor;
    return record;
  });
}

/** Where output may be missing: marks are few, and gaps among them rare. */
function readGaps(db: Database.Database, book: SessionBook): void {
  const q = makeQueryBuilder<JournalSchema>();
  const gaps = prepare(
    db,
    compile<None, { session: number; mark: number; off: number; lost_bytes: number | null }>([], () =>
      q.selectFrom('mark').select(['session', 'mark', 'off', 'lost_bytes']).where('kind', '=', MARK_KIND.gap).orderBy('id'),
    ),
  );
  const records = new Map([...book.records()].map((record) => [record.key, record]));
  for (const row of gaps.iterate({})) {
    const record = records.get(row.session);
    if (record !== undefined && row.mark > record.markFloor)
      record.gaps.push({ offset: row.off, mark: row.mark, lostBytes: row.lost_bytes ?? 0 });
  }
  for (const record of records.values()) record.queuedEnd = endOfGaps(record, record.queuedEnd);
}

/** Behind the gaps that begin here. */
function endOfGaps({ gaps }: SessionRecord, offset: number): number {
  return gaps.reduce((end, gap) => (gap.offset === end ? end + gap.lostBytes : end), offset);
}

/** Walks both logs once: ends of output and marks, and where they lie. Rows of removed sessions are passed over. */
function indexLogs(db: Database.Database, book: SessionBook): LogEnds {
  const q = makeQueryBuilder<JournalSchema>();
  const records = new Map([...book.records()].map((record) => [record.key, record]));

  const tail = prepare(
    db,
    compile<None, { id: number; session: number; off: number; len: number }>([], () =>
      q
        .selectFrom('tail')
        .select(['id', 'session', 'off', sql<number>`length(data)`.as('len')])
        .orderBy('id'),
    ),
  );
  let lastTailRow = 0;
  const tailBytes = new Map<SessionRecord, number>();
  for (const row of tail.iterate({})) {
    lastTailRow = row.id;
    const record = records.get(row.session);
    if (record === undefined) continue;
    const end = row.off + row.len;
    const { firstOffset } = record.committed;
    // Below the beginning of what is kept: it awaits its deletion.
    if (end <= firstOffset) continue;
    const isFirst = record.queuedEnd === firstOffset && row.off < firstOffset;
    if (row.off !== record.queuedEnd && !isFirst) {
      throw new StorageError(
        'JOURNAL_DAMAGED',
        `output of session ${record.committed.id} goes on at ${row.off} instead of ${record.queuedEnd}`,
      );
    }
    record.tailIndex.add(row.off, row.id);
    record.queuedEnd = endOfGaps(record, end);
    tailBytes.set(record, (tailBytes.get(record) ?? 0) + row.len);
  }

  const marks = prepare(
    db,
    compile<None, { id: number; session: number; mark: number; off: number; at: number; kind: number }>([], () =>
      q.selectFrom('mark').select(['id', 'session', 'mark', 'off', 'at', 'kind']).orderBy('id'),
    ),
  );
  let lastMarkRow = 0;
  for (const row of marks.iterate({})) {
    lastMarkRow = row.id;
    const record = records.get(row.session);
    if (record === undefined || row.mark <= record.markFloor) continue;
    record.markIndex.add(row.off, row.id);
    // The stored time of activity may be a minute old; time marks are stored with the output they stamp.
    if (row.kind === MARK_KIND.time) record.lastActivityAt = Math.max(record.lastActivityAt, row.at);
    record.nextMark = row.mark + 1;
  }

  for (const record of records.values()) {
    const { committed, queuedEnd, nextMark } = record;
    const storedBytes = committed.storedBytes + (tailBytes.get(record) ?? 0);
    record.committed = { ...committed, endOffset: queuedEnd, lastMark: nextMark - 1, storedBytes };
  }
  return { lastTailRow, lastMarkRow };
}

interface NewestRun {
  id: number;
  uuid: string;
  created_at: number;
  command: string;
  cwd: string;
  cols: number;
  rows: number;
  max_history_bytes: number;
  idle_timeout_ms: number;
  last_activity_at: number;
  first_offset: number;
  mark_floor: number;
  run: number;
  from_offset: number;
  state: string;
  pid: number | null;
  start_time: string | null;
  boot_id: string | null;
  ended_at: number | null;
  reason: string | null;
  exit_code: number | null;
  signal: string | null;
}
