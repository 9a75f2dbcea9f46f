// The shapes the journal gives and takes. They repeat, structurally, the port that the host declares for its journal and the
// entries of its protocol; this package must not import either. apps/server proves that they agree.
// Offsets are counts of output bytes from the session's start; ranges are half-open [from, to). Times are epoch milliseconds.

import type { Finding } from './verify.ts';
import type { DamageReport } from '../recovery.ts';

export type SessionId = string;
export type RunState = 'starting' | 'running' | 'exited' | 'killed' | 'lost';
export type EndReason = 'exit' | 'signal' | 'user' | 'idle' | 'limit' | 'host-lost' | 'failed-to-start';

export interface HostSession {
  readonly id: SessionId;
  readonly run: number;
  /** Where the newest run's output begins. Positions of an earlier run behind it are of output that was never stored. */
  readonly runFromOffset: number;
  readonly state: RunState;
  readonly pid: number | null;
  readonly command: readonly string[];
  readonly cwd: string;
  readonly cols: number;
  readonly rows: number;
  readonly createdAt: number;
  readonly lastActivityAt: number;
  readonly endedAt: number | null;
  readonly reason: EndReason | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** First byte still kept. */
  readonly firstOffset: number;
  /** One past the last committed byte. */
  readonly endOffset: number;
  /** Id of the newest committed mark. */
  readonly lastMark: number;
  /** Bytes of output as stored, compressed where it is. */
  readonly storedBytes: number;
  readonly maxHistoryBytes: number;
  readonly idleTimeoutMs: number;
  /** Null: the journal does not know who looks; the host fills it in. */
  readonly idleEndsAt: number | null;
}

interface Mark {
  readonly offset: number;
  /** Counts up from 1 within a session, without holes; (offset, mark) is a position in the journal. */
  readonly mark: number;
  readonly at: number;
}

/** A mark holds from its offset on: it comes after the byte before that offset and before the byte at it. */
export type MarkEntry =
  | (Mark & { readonly kind: 'resize'; readonly cols: number; readonly rows: number })
  | (Mark & { readonly kind: 'seam'; readonly run: number; readonly note: string })
  | (Mark & { readonly kind: 'gap'; readonly lostBytes: number })
  | (Mark & { readonly kind: 'time' })
  | (Mark & {
      readonly kind: 'exit';
      readonly run: number;
      readonly state: RunState;
      readonly reason: EndReason;
      readonly exitCode: number | null;
      readonly signal: string | null;
    });

export interface HistoryPiece {
  readonly offset: number;
  readonly length: number;
  readonly codec: 'none' | 'zstd' | 'brotli';
  readonly storedLength: number;
  readonly crc: number | null;
}

export interface NewSession {
  readonly id: SessionId;
  readonly command: readonly string[];
  readonly cwd: string;
  readonly cols: number;
  readonly rows: number;
  readonly maxHistoryBytes: number;
  readonly idleTimeoutMs: number;
  readonly createdAt: number;
}

export interface RunEnd {
  readonly state: Extract<RunState, 'exited' | 'killed' | 'lost'>;
  readonly reason: EndReason;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly endedAt: number;
}

export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string | null;
  readonly bootId: string | null;
}

/** A terminal's state at a position: opaque to whoever keeps it. Where the kept part of a history begins, it is how to restore that place. */
export interface BaseCheckpoint {
  readonly offset: number;
  /** Newest mark that the state has seen. */
  readonly mark: number;
  readonly run: number;
  readonly cols: number;
  readonly rows: number;
  /** Of the emulator that made it; empty: there is none, the terminal is blank. */
  readonly version: string;
  readonly state: Uint8Array;
}

export type CommittedEntry =
  | { readonly kind: 'output'; readonly sessionId: SessionId; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'mark'; readonly sessionId: SessionId; readonly entry: MarkEntry };

export interface HistoryPosition {
  readonly offset: number;
  readonly mark: number;
  /** Where to look first for what follows: a hint, checked before it is used. */
  readonly cursor: string;
}

export type HistoryPage =
  | {
      readonly kind: 'page';
      /** Where the page begins: what was asked for, or behind the gap in which that lies. */
      readonly fromOffset: number;
      readonly firstOffset: number;
      readonly endOffset: number;
      readonly pieces: readonly HistoryPiece[];
      readonly marks: readonly MarkEntry[];
      readonly bytes: Uint8Array;
      readonly next: HistoryPosition | null;
    }
  | { readonly kind: 'trimmed'; readonly firstOffset: number; readonly endOffset: number }
  | { readonly kind: 'unknown-session' };

export interface HistoryRequest {
  readonly id: SessionId;
  readonly fromOffset: number;
  readonly afterMark: number;
  readonly toOffset: number;
  readonly maxBytes: number;
  readonly cursor: string | null;
}

/** Output that was shown once and is not in the journal any more: its end was lost with the write-ahead log, or an older copy was put back. */
export interface LostTail {
  /** Null: the session itself is lost, nothing of it is left but how much it had printed. */
  readonly sessionId: SessionId | null;
  readonly from: number;
  readonly to: number;
  /** When it was found. */
  readonly at: number;
  /** False: the computer was started anew since, so about 200 ms more may be lost that nobody can name. */
  readonly sameBoot: boolean;
}

/** Stored output that is missing or damaged. */
export interface Damage {
  readonly file: string;
  readonly sessionId: SessionId | null;
  readonly from: number | null;
  readonly to: number | null;
  /** Where the damaged file was put; null: it is still in use. */
  readonly setAside: string | null;
  readonly at: number;
}

export type StorageState = 'ok' | 'paused';

/** What an operator should hear of. Output is never lost by these: it waits in memory, and the host stops reading. */
export type JournalNotice =
  /** The file is no longer the one at its path: what is written to it can never be read again. Null: it is back. */
  | { readonly kind: 'file-lost'; readonly problem: 'missing' | 'replaced' | null }
  /** The file was damaged and is set aside; what was whole goes on in a new one. */
  | { readonly kind: 'recovered'; readonly report: DamageReport }
  /** Storing failed and is tried again by itself. `code` is SQLite's, when it was SQLite. */
  | { readonly kind: 'storage-paused'; readonly code: string | undefined; readonly pendingBytes: number; readonly cause: unknown }
  | { readonly kind: 'storage-resumed'; readonly pausedMs: number }
  /**
   * The sync of the write-ahead log failed: what was stored survives a crash of the host, perhaps not a power cut. Storing is paused until the log has
   * been copied into the database; then everything stored is read and compared: `verified`.
   */
  | { readonly kind: 'sync-failed'; readonly cause: unknown }
  | { readonly kind: 'verified'; readonly findings: readonly Finding[] }
  /** A session passed its limit and no emulator had left a state there: restoring begins with a blank terminal. */
  | { readonly kind: 'trimmed-blank'; readonly sessionId: SessionId; readonly bytes: number }
  /** Reading history in the worker failed beyond one request; the next request starts a new worker. */
  | { readonly kind: 'reader-failed'; readonly cause: unknown }
  /** Output that was shown is missing after a start. */
  | { readonly kind: 'tail-lost'; readonly losses: readonly LostTail[] }
  /** Whether the newest output is whole cannot be told: the high-water mark is missing, of another journal, or cannot be read. */
  | { readonly kind: 'mark-unusable'; readonly problem: 'missing' | 'foreign' | 'torn'; readonly detail: string }
  /** The high-water mark could not be written: a tail lost from here on would not be noticed. */
  | { readonly kind: 'mark-failed'; readonly cause: unknown }
  /** Compressing older output failed and is tried again: it takes more space until then. */
  | { readonly kind: 'compaction-failed'; readonly cause: unknown }
  /** Stored output [from, to) does not come back as it was. What is around it does. */
  | {
      readonly kind: 'segment-damaged';
      readonly sessionId: SessionId;
      readonly from: number;
      readonly to: number;
      readonly message: string;
    }
  /** The write-ahead log could not be copied into the database; tried again, and by SQLite itself inside commits meanwhile. */
  | { readonly kind: 'checkpoint-failed'; readonly cause: unknown }
  /** The write-ahead log passed 64 MiB: a program that is not ours keeps the file open in a read. */
  | { readonly kind: 'log-too-long'; readonly walBytes: number };
