// Owns the layout of journal.db, as Kysely sees it. The tables are made by migrations/; all are STRICT.
//
// Valid if and only if, for every session S (an entry of `session`):
// - its output is the bytes [first_offset, end) where end is the largest off + len of its segments and tail rows (or first_offset), or the
//   end of a gap that lies there; these ranges do not overlap, and leave no hole but the gaps: a gap mark at off with lost_bytes says that
//   [off, off + lost_bytes) was never stored. Every tail row lies behind every segment;
// - the first segment or row may begin before first_offset; what ends at or before it, and marks up to mark_floor, await their deletion;
// - a piece (level 1) ends on the next multiple of 256 KiB at the latest, a sealed segment (level 2) on the next one of 1 MiB, so that what
//   is sealed is never made again; output moves from rows to pieces to sealed segments, each time in one transaction (compactor.ts);
// - tail rows of S are in the order of their id, which is the order of commit;
// - marks of S are numbered without holes from mark_floor + 1, and their off and id grow with their number; none lies inside a gap;
// - runs of S are numbered from 1 without holes; only the newest may be `starting` or `running`;
// - cols, rows are those of its newest resize mark; mark 1 (until it is trimmed) is the size at offset 0;
// - base_checkpoint is there if and only if first_offset > 0, and stands at first_offset and mark_floor; with an empty version the terminal
//   is blank there, of its size. base_candidate rows lie behind first_offset: where a later trim may begin.
// Rows of `tail`, `segment` and `mark` whose session has no entry in `session` belong to a removed one, named in `purge`.
//
// `tail` and `mark` are logs: written at the right end of the tree only, without an index, because an index or a key that clusters
// by session multiplies the pages per commit by 1.5 to 5. Readers are told where to look (position-index.ts).
// Both get their ids from the writer, so that a batch applied twice by mistake fails instead of doubling output.

import type { Generated } from 'kysely';

export interface JournalSchema {
  session: SessionTable;
  run: RunTable;
  tail: TailTable;
  segment: SegmentTable;
  mark: MarkTable;
  base_checkpoint: BaseCheckpointTable;
  base_candidate: BaseCandidateTable;
  purge: PurgeTable;
  meta: MetaTable;
}

export interface SessionTable {
  /** Never used again after removal. */
  id: Generated<number>;
  uuid: string;
  created_at: number;
  /** JSON array of strings. */
  command: string;
  cwd: string;
  cols: number;
  rows: number;
  max_history_bytes: number;
  idle_timeout_ms: number;
  /** Written at most once a minute (session-book.ts); marks carry newer times. */
  last_activity_at: number;
  first_offset: Generated<number>;
  /** Number of the newest trimmed mark. */
  mark_floor: Generated<number>;
}

export interface RunTable {
  session: number;
  run: number;
  state: string;
  pid: number | null;
  /** Field 22 of /proc/PID/stat: a pid alone is reused. */
  start_time: string | null;
  boot_id: string | null;
  started_at: number | null;
  ended_at: number | null;
  reason: string | null;
  exit_code: number | null;
  signal: string | null;
  /** Where this run's output begins. */
  from_offset: number;
}

/** Recent output, uncompressed: one row per session and commit. */
export interface TailTable {
  id: number;
  session: number;
  off: number;
  data: Uint8Array;
  /** CRC-32 of the data; null in rows from before there was one. */
  crc: number | null;
}

/** Older output, compressed. */
export interface SegmentTable {
  id: number;
  session: number;
  off: number;
  /** Bytes after decoding. */
  len: number;
  codec: number;
  /** 1: a piece made when the tail was rolled; 2: sealed from several pieces. */
  level: number;
  /** CRC-32 of the decoded bytes: SQLite's own check does not see a flipped bit in a blob. */
  crc: number;
  data: Uint8Array;
}

export const SEGMENT_CODEC = { zstd: 1, brotli: 2 } as const;

export interface MarkTable {
  id: number;
  session: number;
  mark: number;
  off: number;
  at: number;
  kind: number;
  /** resize */
  cols: number | null;
  rows: number | null;
  /** seam, exit */
  run: number | null;
  /** gap */
  lost_bytes: number | null;
  /** seam: the note. exit: JSON { state, reason, exitCode, signal }. */
  detail: string | null;
}

/** One byte per row instead of a word: a busy session writes up to four time marks a second. */
export const MARK_KIND = { time: 1, resize: 2, seam: 3, gap: 4, exit: 5 } as const;

/** The state of a terminal at a journal's first kept byte; opaque to this package. */
export interface BaseCheckpointTable {
  session: number;
  off: number;
  /** Newest mark that the state has seen. */
  mark: number;
  run: number;
  cols: number;
  rows: number;
  version: string;
  crc: number;
  data: Uint8Array;
}

/** The same, at places where the kept part may begin later: about one for each fiftieth of the limit. */
export interface BaseCandidateTable extends BaseCheckpointTable {
  id: Generated<number>;
}

/** Removed sessions whose rows are still being deleted, a few at a time. */
export interface PurgeTable {
  session: number;
}

export interface MetaTable {
  key: string;
  value: string;
}
