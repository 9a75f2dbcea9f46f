// Owns the proof that a journal is whole: every rule at the top of schema.ts, checked on a connection that only reads. Meant for a
// worker or a command: it reads and unpacks everything. Must not import Kysely (workers load it) and must not repair.
//
// Nothing is read while a finding is looked at, so the caller may stop at any one, or use the connection in between. For one consistent
// picture of a journal that is written meanwhile, begin a read transaction first.
import { crc32 } from 'node:zlib';
import type Database from 'better-sqlite3';
import { sqliteCode } from '../errors.ts';
import { MARK_KIND } from './schema.ts';
import { decodeSegment } from './segment-codec.ts';
import type { Segment } from './segment-codec.ts';

export interface Finding {
  /**
   * integrity: SQLite's own check, rows of no session, a part that cannot be read. segment-crc: a segment does not give the output it was
   * made from; tail-crc: nor a row of the tail what was written. hole, overlap: output does not join. marks, runs, base: a rule of schema.ts about them is broken.
   */
  readonly kind: 'integrity' | 'segment-crc' | 'tail-crc' | 'hole' | 'overlap' | 'marks' | 'runs' | 'base';
  /** Null when it is not about one session. */
  readonly session: string | null;
  readonly from?: number;
  readonly to?: number;
  readonly detail: string;
}

/** What SQLite's check reports at most: a broken page brings hundreds of lines (count). */
const MAX_INTEGRITY_LINES = 100;
/** Rows of a log looked at in one query (count). */
const LOG_ROWS = 10_000;

interface Session {
  readonly key: number;
  readonly uuid: string;
  readonly firstOffset: number;
  readonly markFloor: number;
  /** Behind the output seen so far. */
  end: number;
  /** Where no output exists: gap marks, offset to bytes lost. */
  readonly gaps: Map<number, number>;
  nextMark: number;
  lastMarkOffset: number;
  size: { readonly cols: number; readonly rows: number };
  lastSize: { readonly cols: number; readonly rows: number } | undefined;
}

/** Yields what is wrong; nothing when all is well. Throws only for what is no error of the file. */
export function* verifyJournal(db: Database.Database): Generator<Finding> {
  yield* part('integrity', () => integrity(db));
  const sessions = new Map<number, Session>();
  yield* part('sessions', () => {
    for (const session of readSessions(db)) sessions.set(session.key, session);
    return [];
  });
  yield* part('rows without a session', () => strays(db));
  yield* marks(db, sessions);
  for (const session of sessions.values()) yield* segments(db, session);
  yield* tail(db, sessions);
  for (const session of sessions.values()) {
    yield* ends(session);
    yield* part(`runs of ${session.uuid}`, () => runs(db, session));
    yield* part(`base checkpoint of ${session.uuid}`, () => base(db, session));
  }
}

/** A page that cannot be read is a finding; the other parts are still looked at. */
function part(name: string, find: () => Finding[]): Finding[] {
  try {
    return find();
  } catch (error) {
    const code = sqliteCode(error);
    if (code === undefined) throw error;
    return [{ kind: 'integrity', session: null, detail: `${name} cannot be read (${code})` }];
  }
}

function integrity(db: Database.Database): Finding[] {
  const lines = db.prepare<[], string>(`pragma integrity_check(${MAX_INTEGRITY_LINES})`).pluck().all();
  return lines.filter((line) => line !== 'ok').map((detail) => ({ kind: 'integrity', session: null, detail }));
}

function readSessions(db: Database.Database): Session[] {
  const rows = db
    .prepare<[], { id: number; uuid: string; first_offset: number; mark_floor: number; cols: number; rows: number }>(
      'select id, uuid, first_offset, mark_floor, cols, rows from session order by id',
    )
    .all();
  return rows.map((row) => ({
    key: row.id,
    uuid: row.uuid,
    firstOffset: row.first_offset,
    markFloor: row.mark_floor,
    end: row.first_offset,
    gaps: new Map(),
    nextMark: row.mark_floor + 1,
    lastMarkOffset: 0,
    size: { cols: row.cols, rows: row.rows },
    lastSize: undefined,
  }));
}

function strays(db: Database.Database): Finding[] {
  return ['tail', 'segment', 'mark'].flatMap((table): Finding[] => {
    const keys = db
      .prepare<[], number>(
        `select distinct session from ${table} where session not in (select id from session) and session not in (select session from purge)`,
      )
      .pluck()
      .all();
    return keys.map((key) => ({
      kind: 'integrity',
      session: null,
      detail: `${table} has rows of session key ${key}, which does not exist`,
    }));
  });
}

interface MarkFields {
  readonly id: number;
  readonly session: number;
  readonly mark: number;
  readonly off: number;
  readonly kind: number;
  readonly cols: number | null;
  readonly rows: number | null;
  readonly lost_bytes: number | null;
}

function* marks(db: Database.Database, sessions: ReadonlyMap<number, Session>): Generator<Finding> {
  const sql = `select id, session, mark, off, kind, cols, rows, lost_bytes from mark where id > ? order by id limit ${LOG_ROWS}`;
  for (const row of log<MarkFields>(db, sql)) {
    if ('detail' in row) {
      yield row;
      continue;
    }
    const session = sessions.get(row.session);
    if (session === undefined || row.mark <= session.markFloor) continue;
    const bad = (detail: string): Finding => ({ kind: 'marks', session: session.uuid, from: row.off, to: row.off, detail });
    if (row.mark !== session.nextMark) yield bad(`mark ${row.mark} comes where mark ${session.nextMark} belongs`);
    if (row.off < session.lastMarkOffset) yield bad(`mark ${row.mark} lies before the mark in front of it`);
    if (!Object.values<number>(MARK_KIND).includes(row.kind)) yield bad(`mark ${row.mark} is of the unknown kind ${row.kind}`);
    if (row.kind === MARK_KIND.gap) {
      if (row.lost_bytes === null || row.lost_bytes < 0) yield bad(`gap mark ${row.mark} does not say how much is lost`);
      else session.gaps.set(row.off, (session.gaps.get(row.off) ?? 0) + row.lost_bytes);
    }
    if (row.kind === MARK_KIND.resize) {
      if (row.cols === null || row.rows === null) yield bad(`resize mark ${row.mark} has no size`);
      else session.lastSize = { cols: row.cols, rows: row.rows };
    }
    session.nextMark = row.mark + 1;
    session.lastMarkOffset = row.off;
  }
}

function* segments(db: Database.Database, session: Session): Generator<Finding> {
  const placed: { id: number; off: number; len: number }[] = [];
  yield* part(`segments of ${session.uuid}`, () => {
    const rows = db.prepare<[number], { id: number; off: number; len: number }>(
      'select id, off, len from segment where session = ? order by off, len',
    );
    // What ends below the first kept byte awaits its deletion.
    placed.push(...rows.all(session.key).filter(({ off, len }) => off + len > session.firstOffset));
    return [];
  });
  const read = db.prepare<[number], Segment>('select off, len, codec, crc, data from segment where id = ?');
  for (const [at, { id, off, len }] of placed.entries()) {
    // After a trim the first one may begin below the first kept byte.
    const begin = at === 0 && off < session.firstOffset ? session.firstOffset : off;
    yield* join(session, begin, off + len, 'a segment');
    const problem = undecodable(read, id);
    if (problem !== undefined) yield { kind: 'segment-crc', session: session.uuid, from: off, to: off + len, detail: problem };
  }
}

function undecodable(read: Database.Statement<[number], Segment>, id: number): string | undefined {
  try {
    const segment = read.get(id);
    if (segment === undefined) return 'the segment is in the index only';
    decodeSegment(segment);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

interface TailFields {
  readonly id: number;
  readonly session: number;
  readonly off: number;
  readonly len: number;
}

function rowProblem(row: Database.Statement<[number], { data: Uint8Array; crc: number | null }>, id: number): string | undefined {
  try {
    const found = row.get(id);
    // Null: from before there were checksums.
    return found === undefined || found.crc === null || crc32(found.data) === found.crc ? undefined : 'it has changed since it was written';
  } catch (error) {
    const code = sqliteCode(error);
    if (code === undefined) throw error;
    return `it cannot be read (${code})`;
  }
}

function* tail(db: Database.Database, sessions: ReadonlyMap<number, Session>): Generator<Finding> {
  const sql = `select id, session, off, length(data) as len from tail where id > ? order by id limit ${LOG_ROWS}`;
  // One by one: thousands of rows of half a megabyte each would fill the memory.
  const checked = db.prepare<[number], { data: Uint8Array; crc: number | null }>('select data, crc from tail where id = ?');
  for (const row of log<TailFields>(db, sql)) {
    if ('detail' in row) {
      yield row;
      continue;
    }
    const session = sessions.get(row.session);
    if (session === undefined || row.off + row.len <= session.firstOffset) continue;
    const problem = rowProblem(checked, row.id);
    if (problem !== undefined) yield { kind: 'tail-crc', session: session.uuid, from: row.off, to: row.off + row.len, detail: problem };
    const first = session.end === session.firstOffset && row.off < session.firstOffset;
    yield* join(session, first ? session.firstOffset : row.off, row.off + row.len, `tail row ${row.id}`);
  }
}

/** Rows of a log, page by page; a page that cannot be read ends it with a finding. */
function* log<Row extends { readonly id: number }>(db: Database.Database, sql: string): Generator<Row | Finding> {
  for (let after = -1; ;) {
    let rows: Row[] = [];
    const unreadable = part('a log', () => {
      rows = db.prepare<[number], Row>(sql).all(after);
      return [];
    });
    if (unreadable.length > 0) {
      yield* unreadable;
      return;
    }
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.id;
  }
}

/** Output [from, to) comes next. */
function* join(session: Session, from: number, to: number, what: string): Generator<Finding> {
  const { uuid, end, gaps } = session;
  session.end = Math.max(end, to);
  if (from < end) {
    yield {
      kind: 'overlap',
      session: uuid,
      from,
      to: Math.min(end, to),
      detail: `${what} begins at ${from}, output is stored up to ${end}`,
    };
  } else if (from > gapEnd(gaps, end)) {
    yield { kind: 'hole', session: uuid, from: end, to: from, detail: `nothing is stored before ${what}, and no gap is recorded` };
  } else if (from > end && from < gapEnd(gaps, end)) {
    yield { kind: 'hole', session: uuid, from: end, to: from, detail: `${what} begins inside a recorded gap` };
  }
}

/** Behind the gaps recorded at an offset. */
function gapEnd(gaps: ReadonlyMap<number, number>, at: number): number {
  let end = at;
  for (let lost = gaps.get(end); lost !== undefined && lost > 0; lost = gaps.get(end)) end += lost;
  return end;
}

function* ends(session: Session): Generator<Finding> {
  const { uuid, lastMarkOffset, lastSize, size } = session;
  const end = gapEnd(session.gaps, session.end);
  if (lastMarkOffset > end) {
    yield { kind: 'marks', session: uuid, from: end, to: lastMarkOffset, detail: `a mark stands at ${lastMarkOffset}, behind all output` };
  }
  if (lastSize !== undefined && (lastSize.cols !== size.cols || lastSize.rows !== size.rows)) {
    const detail = `its size is ${size.cols} x ${size.rows}, its newest resize mark says ${lastSize.cols} x ${lastSize.rows}`;
    yield { kind: 'marks', session: uuid, detail };
  }
}

function runs(db: Database.Database, { key, uuid }: Session): Finding[] {
  const rows = db.prepare<[number], { run: number; state: string }>('select run, state from run where session = ? order by run').all(key);
  if (rows.length === 0) return [{ kind: 'runs', session: uuid, detail: 'it has no run' }];
  return rows.flatMap(({ run, state }, at): Finding[] => {
    if (run !== at + 1) return [{ kind: 'runs', session: uuid, detail: `run ${run} comes where run ${at + 1} belongs` }];
    const open = state === 'starting' || state === 'running';
    return open && at < rows.length - 1
      ? [{ kind: 'runs', session: uuid, detail: `run ${run} is ${state} though a newer one exists` }]
      : [];
  });
}

function base(db: Database.Database, { key, uuid, firstOffset, markFloor }: Session): Finding[] {
  const row = db
    .prepare<[number], { off: number; mark: number; crc: number; data: Uint8Array }>(
      'select off, mark, crc, data from base_checkpoint where session = ?',
    )
    .get(key);
  if (row === undefined) {
    return firstOffset === 0 ? [] : [{ kind: 'base', session: uuid, from: firstOffset, to: firstOffset, detail: 'it is missing' }];
  }
  const place = { session: uuid, from: row.off, to: row.off };
  const findings: Finding[] = [];
  if (row.off !== firstOffset || row.mark !== markFloor) {
    const detail = `it stands at ${row.off} and mark ${row.mark}, what is kept begins at ${firstOffset} and mark ${markFloor}`;
    findings.push({ kind: 'base', ...place, detail });
  }
  if (crc32(row.data) !== row.crc) findings.push({ kind: 'base', ...place, detail: 'its checksum is wrong' });
  return findings;
}
