// Owns making rows that were salvaged into a journal that keeps the rules of schema.ts: what is missing becomes a gap mark, never a silent
// hole. Works on a new file that nobody else has open. Must not read damaged files (recovery/).
import { randomUUID } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type Database from 'better-sqlite3';
import { StorageError } from '../errors.ts';
import { MARK_KIND } from './schema.ts';
import type { MarkRow } from './marks.ts';
import { decodeSegment } from './segment-codec.ts';
import type { Segment } from './segment-codec.ts';

/** Unpacking every segment proves it, at 100 to 400 MB/s; a start must not take long for it (ms). What is not proved here is at reading. */
const PROOF_BUDGET_MS = 4000;

export interface MissingRange {
  readonly sessionId: string;
  readonly from: number;
  readonly to: number;
}

export interface MendedJournal {
  /** Newly missing; gaps that were recorded before are not in it. */
  readonly missing: readonly MissingRange[];
  /** Sessions whose own entry was lost: their output is kept under a new id. */
  readonly foundSessions: readonly string[];
}

interface SessionFields {
  readonly id: number;
  readonly uuid: string;
  readonly cols: number;
  readonly rows: number;
  readonly first_offset: number;
  readonly mark_floor: number;
  readonly command: string;
}

interface Piece {
  readonly id: number;
  readonly off: number;
  readonly len: number;
  readonly table: 'segment' | 'tail';
}

type Draft = Omit<MarkRow, 'id' | 'session' | 'mark'>;

export function mendJournal(db: Database.Database, at: number): MendedJournal {
  return db.transaction((): MendedJournal => {
    db.exec('create index salvage_tail on tail (session, off)');
    db.exec('create index salvage_mark on mark (session, mark)');
    ensureJournalId(db);
    const foundSessions = adoptStrays(db, at);
    const proofEndsMs = performance.now() + PROOF_BUDGET_MS;
    const sessions = db
      .prepare<[], SessionFields>('select id, uuid, cols, rows, first_offset, mark_floor, command from session order by id')
      .all();
    const missing = sessions.flatMap((session) => mendSession(db, session, at, proofEndsMs));
    db.exec('drop index salvage_tail');
    db.exec('drop index salvage_mark');
    return { missing, foundSessions };
  })();
}

function ensureJournalId(db: Database.Database): void {
  // A key is never given twice: rows that await their purge must not come to life in a new session.
  db.exec(
    "insert into sqlite_sequence (name, seq) select 'session', 0 where not exists (select 1 from sqlite_sequence where name = 'session')",
  );
  db.exec("update sqlite_sequence set seq = max(seq, (select coalesce(max(session), 0) from purge)) where name = 'session'");
  db.exec("insert or ignore into meta (key, value) values ('journal_id', lower(hex(randomblob(16))))");
}

/** Output without an entry in `session` that is not of a removed one. */
function adoptStrays(db: Database.Database, at: number): string[] {
  const keys = db
    .prepare<[], number>(
      `select distinct session from (select session from tail union select session from segment)
       where session not in (select id from session) and session not in (select session from purge) and session > 0 order by session`,
    )
    .pluck()
    .all();
  db.exec(
    'delete from mark where session not in (select id from session) and session not in (select session from tail) and session not in (select session from segment) and session not in (select session from purge)',
  );
  const insert = db.prepare(
    `insert into session (id, uuid, created_at, command, cwd, cols, rows, max_history_bytes, idle_timeout_ms, last_activity_at)
     values (?, ?, ?, '["(recovered)"]', '/', 80, 24, 52428800, 0, ?)`,
  );
  return keys.map((key) => {
    const uuid = randomUUID();
    insert.run(key, uuid, at, at);
    // What was trimmed is not known: the history begins with the first byte there is.
    const first = db
      .prepare<[number, number], number>(
        'select min(off) from (select off from tail where session = ? union all select off from segment where session = ?)',
      )
      .pluck()
      .get(key, key);
    const floor = db.prepare<[number], number | null>('select min(mark) - 1 from mark where session = ?').pluck().get(key) ?? 0;
    if (first !== undefined && first > 0)
      db.prepare('update session set first_offset = ?, mark_floor = ? where id = ?').run(first, floor, key);
    return uuid;
  });
}

function mendSession(db: Database.Database, session: SessionFields, at: number, proofEndsMs: number): MissingRange[] {
  const { uuid, first_offset: first } = session;
  requireCommand(db, session);
  const marks = keptMarks(db, session);
  const pieces = keptPieces(db, session, proofEndsMs);
  const runsFrom = mendRuns(db, session, at);

  const known = gapsOf(marks);
  const missing: { from: number; to: number }[] = [];
  let end = first;
  const passKnownGaps = (): void => {
    for (let lost = known.get(end); lost !== undefined && lost > 0; lost = known.get(end)) end += lost;
  };
  passKnownGaps();
  for (const { off, len } of pieces) {
    const begin = Math.max(off, first);
    if (begin > end) {
      missing.push({ from: end, to: begin });
      end = begin;
    }
    end = Math.max(end, off + len);
    passKnownGaps();
  }
  // Marks and runs say that there was output where none is left.
  const reached = Math.max(
    runsFrom,
    ...marks.map(({ off, kind, lost_bytes: lost }) => off + (kind === MARK_KIND.gap ? (lost ?? 0) : 0)),
    0,
  );
  if (reached > end) missing.push({ from: end, to: reached });
  const joined = joinRanges(missing);

  rewriteMarks(db, session, marks, joined, at);
  mendBase(db, session);
  return joined.map(({ from, to }) => ({ sessionId: uuid, from, to }));
}

function requireCommand(db: Database.Database, { id, command }: SessionFields): void {
  try {
    const words: unknown = JSON.parse(command);
    if (Array.isArray(words) && words.every((word) => typeof word === 'string')) return;
  } catch {
    // Replaced below.
  }
  db.prepare(`update session set command = '["(recovered)"]' where id = ?`).run(id);
}

/** In the order of their numbers; what no version of the program has written is dropped. */
function keptMarks(db: Database.Database, { id, first_offset: first, mark_floor: floor }: SessionFields): MarkRow[] {
  const rows = db.prepare<[number, number], MarkRow>('select * from mark where session = ? and mark > ? order by mark').all(id, floor);
  const kept: MarkRow[] = [];
  let lastOffset = first;
  for (const row of rows) {
    if (!isMark(row) || row.mark === kept.at(-1)?.mark || row.off < lastOffset) continue;
    // A place that only a broken number can name.
    if (row.off > Number.MAX_SAFE_INTEGER / 2) continue;
    kept.push(row);
    lastOffset = row.off;
  }
  return kept;
}

function isMark({ kind, cols, rows, run, lost_bytes: lost, detail }: MarkRow): boolean {
  if (kind === MARK_KIND.time) return true;
  if (kind === MARK_KIND.resize) return cols !== null && rows !== null && cols > 0 && rows > 0;
  if (kind === MARK_KIND.seam) return run !== null;
  if (kind === MARK_KIND.gap) return lost !== null && lost >= 0;
  if (kind !== MARK_KIND.exit || run === null || detail === null) return false;
  try {
    JSON.parse(detail);
    return true;
  } catch {
    return false;
  }
}

/** In the order of their offsets, without overlap; the others are deleted. */
function keptPieces(db: Database.Database, { id, first_offset: first }: SessionFields, proofEndsMs: number): Piece[] {
  const segments = db
    .prepare<[number], Piece>('select id, off, len, \'segment\' as "table" from segment where session = ? order by off')
    .all(id);
  const rows = db
    .prepare<[number], Piece>('select id, off, length(data) as len, \'tail\' as "table" from tail where session = ? order by off, id')
    .all(id);
  const read = db.prepare<[number], Segment>('select off, len, codec, crc, data from segment where id = ?');
  const readRow = db.prepare<[number], { data: Uint8Array; crc: number | null }>('select data, crc from tail where id = ?');
  const kept: Piece[] = [];
  let end = 0;
  let lastTailRow = 0;
  for (const piece of [...segments, ...rows]) {
    const last = kept.at(-1);
    const wrong =
      piece.off < 0 ||
      piece.len <= 0 ||
      (last !== undefined && piece.off < end) ||
      (piece.table === 'tail' && piece.id <= lastTailRow) ||
      (performance.now() < proofEndsMs && !(piece.table === 'segment' ? isWhole(read.get(piece.id)) : isRowWhole(readRow.get(piece.id))));
    if (wrong) {
      db.prepare(`delete from "${piece.table}" where id = ?`).run(piece.id);
      continue;
    }
    end = piece.off + piece.len;
    if (piece.table === 'tail') lastTailRow = piece.id;
    if (end > first) kept.push(piece);
  }
  return kept;
}

/** Null: from before rows had checksums. */
function isRowWhole(row: { readonly data: Uint8Array; readonly crc: number | null } | undefined): boolean {
  return row !== undefined && (row.crc === null || crc32(row.data) === row.crc);
}

function isWhole(segment: Segment | undefined): boolean {
  try {
    if (segment !== undefined) decodeSegment(segment);
    return segment !== undefined;
  } catch (error) {
    if (error instanceof StorageError) return false;
    throw error;
  }
}

/** Numbers without holes; only the newest may go on. Returns where the newest begins. */
function mendRuns(db: Database.Database, { id, first_offset: first }: SessionFields, at: number): number {
  const rows = db
    .prepare<[number], { run: number; from_offset: number }>('select run, from_offset from run where session = ? order by run')
    .all(id);
  const newest = Math.max(1, ...rows.map(({ run }) => run));
  const have = new Map(rows.map((row) => [row.run, row.from_offset]));
  const insert = db.prepare(
    "insert into run (session, run, state, reason, ended_at, from_offset) values (?, ?, 'lost', 'host-lost', ?, ?)",
  );
  let from = 0;
  for (let run = 1; run <= newest; run += 1) {
    const own = have.get(run);
    if (own === undefined) insert.run(id, run, at, run === newest ? Math.max(from, first) : from);
    else from = own;
  }
  db.prepare(
    "update run set state = 'lost', reason = 'host-lost', ended_at = ? where session = ? and run < ? and state in ('starting', 'running')",
  ).run(at, id, newest);
  return from;
}

function gapsOf(marks: readonly MarkRow[]): Map<number, number> {
  const gaps = new Map<number, number>();
  for (const { kind, off, lost_bytes: lost } of marks) if (kind === MARK_KIND.gap) gaps.set(off, (gaps.get(off) ?? 0) + (lost ?? 0));
  return gaps;
}

function joinRanges(ranges: readonly { from: number; to: number }[]): { from: number; to: number }[] {
  const joined: { from: number; to: number }[] = [];
  for (const range of ranges) {
    const last = joined.at(-1);
    if (last !== undefined && range.from <= last.to) last.to = Math.max(last.to, range.to);
    else joined.push({ ...range });
  }
  return joined;
}

/** Gap marks at their places, what lay inside a gap at its end, numbers without holes. A session without a fault keeps its rows. */
function rewriteMarks(
  db: Database.Database,
  session: SessionFields,
  marks: readonly MarkRow[],
  missing: readonly { from: number; to: number }[],
  at: number,
): void {
  const { id: key, mark_floor: floor, first_offset: first } = session;
  const none = { cols: null, rows: null, run: null, lost_bytes: null, detail: null };
  const drafts: Draft[] = marks.map(({ id: _id, session: _session, mark: _mark, ...draft }) => draft);
  const startsWithSize = floor > 0 || drafts[0]?.kind === MARK_KIND.resize;
  const size = { ...none, off: first, at, kind: MARK_KIND.resize, cols: session.cols, rows: session.rows };
  if (!startsWithSize) drafts.unshift(size);
  const moved = drafts.map((draft): Draft => {
    const inside = missing.find(({ from, to }) => draft.off > from && draft.off < to);
    // A recorded gap inside a larger missing range says nothing more.
    return inside === undefined ? draft : { ...draft, off: inside.to, lost_bytes: draft.kind === MARK_KIND.gap ? 0 : draft.lost_bytes };
  });
  const gaps = missing.map(({ from, to }): Draft => ({ ...none, off: from, at, kind: MARK_KIND.gap, lost_bytes: to - from }));
  const merged: Draft[] = [];
  let next = 0;
  for (const draft of moved) {
    for (let gap = gaps[next]; gap !== undefined && gap.off < draft.off; gap = gaps[next]) {
      merged.push(gap);
      next += 1;
    }
    merged.push(draft);
  }
  merged.push(...gaps.slice(next));

  const untouched =
    missing.length === 0 &&
    merged.length === marks.length &&
    marks.every(({ mark }, index) => mark === floor + 1 + index) &&
    growing(marks);
  const lastSize = merged.findLast(({ kind }) => kind === MARK_KIND.resize);
  if (lastSize !== undefined) db.prepare('update session set cols = ?, rows = ? where id = ?').run(lastSize.cols, lastSize.rows, key);
  if (untouched) {
    db.prepare('delete from mark where session = ? and mark > ?').run(key, floor + marks.length);
    return;
  }
  db.prepare('delete from mark where session = ?').run(key);
  const insert = db.prepare(
    `insert into mark (id, session, mark, off, at, kind, cols, rows, run, lost_bytes, detail)
     values ((select coalesce(max(id), 0) + 1 from mark), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  merged.forEach((mark, index) => {
    insert.run(key, floor + 1 + index, mark.off, mark.at, mark.kind, mark.cols, mark.rows, mark.run, mark.lost_bytes, mark.detail);
  });
}

function growing(marks: readonly MarkRow[]): boolean {
  return marks.every(({ id }, index) => index === 0 || id > (marks[index - 1]?.id ?? 0));
}

/** There if and only if something was trimmed, and whole: else the history begins with a blank terminal. */
function mendBase(db: Database.Database, { id, first_offset: first, mark_floor: floor, cols, rows }: SessionFields): void {
  const base = db
    .prepare<[number], { off: number; mark: number; crc: number; data: Uint8Array }>(
      'select off, mark, crc, data from base_checkpoint where session = ?',
    )
    .get(id);
  const right = base !== undefined && base.off === first && base.mark === floor && crc32(base.data) === base.crc;
  if (first > 0 ? right : base === undefined) return;
  db.prepare('delete from base_checkpoint where session = ?').run(id);
  db.prepare('delete from base_candidate where session = ?').run(id);
  if (first === 0) return;
  db.prepare(
    "insert into base_checkpoint (session, off, cols, rows, version, crc, data, mark, run) values (?, ?, ?, ?, '', 0, x'', ?, 1)",
  ).run(id, first, cols, rows, floor);
}
