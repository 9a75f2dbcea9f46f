// The port through which the host stores what its terminals print. Implemented by @cotg/db (SQLite) and, for unit tests
// and memory mode, in memory. The host must not know which.
//
// Order: everything appended to one session becomes visible in the order of the calls. Nothing reaches a follower before
// `onCommitted` has reported it: commit before show.
import type {
  BasePlace,
  Damage,
  Finding,
  HostMetrics,
  EndReason,
  HistoryPiece,
  HostSession,
  MarkEntry,
  RunState,
  SessionId,
  StorageState,
} from '../protocol/messages.ts';

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

/** The identity of a child: a pid alone is reused by the kernel. `startTime` is field 22 of /proc/PID/stat, `bootId` the kernel's. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string | null;
  readonly bootId: string | null;
}

/** A committed entry, as followers see it. Output bytes belong to the receiver. */
export type CommittedEntry =
  | { readonly kind: 'output'; readonly sessionId: SessionId; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'mark'; readonly sessionId: SessionId; readonly entry: MarkEntry };

/** A terminal's state at a place in its stream; the bytes are whoever's made them. */
export type BaseCheckpoint = BasePlace & { readonly state: Uint8Array };

export type HistoryPage =
  | {
      readonly kind: 'page';
      /** Where the page begins: what was asked for, or behind the gap in which that lies. */
      readonly fromOffset: number;
      readonly firstOffset: number;
      readonly endOffset: number;
      readonly pieces: readonly HistoryPiece[];
      readonly marks: readonly MarkEntry[];
      /** The stored pieces, concatenated. */
      readonly bytes: Uint8Array;
      readonly next: { readonly offset: number; readonly mark: number; readonly cursor: string } | null;
    }
  | { readonly kind: 'trimmed'; readonly firstOffset: number; readonly endOffset: number }
  | { readonly kind: 'unknown-session' };

export interface OutputJournal {
  /** All sessions with their newest run, oldest first. A run of an earlier host may still say `running`: reconcile decides. */
  sessions(): readonly HostSession[];
  session(id: SessionId): HostSession | undefined;
  /** The identity recorded for the newest run, for reconciling at start. */
  identity(id: SessionId): ProcessIdentity | undefined;

  /** Stored at once, before the call returns. Run 1 in state `starting`. Throws StorageError. */
  createSession(session: NewSession): HostSession;
  /** The next run of an ended session, in state `starting`, behind a seam in its stream; stored before it returns. Throws StorageError. */
  beginRun(id: SessionId, note: string): HostSession;
  runStarted(id: SessionId, identity: ProcessIdentity): HostSession;
  /** Puts the `exit` mark behind all output appended before and stores everything before it returns. */
  runEnded(id: SessionId, end: RunEnd): HostSession;
  updateSession(id: SessionId, change: { readonly maxHistoryBytes?: number; readonly idleTimeoutMs?: number }): HostSession;
  removeSession(id: SessionId): void;
  /** A place where the kept part may begin one day. False when it is not wanted. Throws StorageError. */
  offerBase(id: SessionId, base: BaseCheckpoint): boolean;
  /** How to restore the first kept byte; null while everything is kept. Throws StorageError. */
  base(id: SessionId): BaseCheckpoint | null;
  /** Input counts as activity. */
  touched(id: SessionId, at: number): void;

  /** Queues output, printed now or at `printedAt` (epoch ms); the bytes must not be changed afterwards. Returns the offset behind them. Never throws for full disks. */
  append(id: SessionId, bytes: Uint8Array, printedAt?: number): number;
  /** Queues a resize at the present end of the queued output. */
  resized(id: SessionId, cols: number, rows: number): void;
  /** Somebody typed into this session: its next output is committed at once (JOURNAL.md, commit policy). */
  typed(id: SessionId): void;
  /** Whether anybody follows any session: nobody waits, so commits may be rarer. */
  followed(anybody: boolean): void;
  /** Bytes appended and not yet committed: the host's watermark. */
  pendingBytes(id: SessionId): number;

  /** Entries in the order of commit; called synchronously after each commit. One listener. */
  onCommitted(listener: (entries: readonly CommittedEntry[]) => void): void;

  /** Storing has stopped, or goes on. One listener. */
  onStorage(listener: (storage: StorageState) => void): void;

  /** Reads committed history off the main thread. Rejects with StorageError or AbortError. */
  history(
    request: {
      readonly id: SessionId;
      readonly fromOffset: number;
      readonly afterMark: number;
      readonly toOffset: number;
      readonly maxBytes: number;
      readonly cursor: string | null;
    },
    signal: AbortSignal,
  ): Promise<HistoryPage>;

  /** What was found missing or damaged, oldest first. */
  damage(): readonly Damage[];
  metrics(): HostMetrics | null;
  /** A consistent copy to a new file. Rejects with StorageError. */
  backup(path: string): Promise<void>;
  /** Reads everything that is stored. Rejects with StorageError. */
  verify(): Promise<readonly Finding[]>;
  stats(): { readonly journalBytes: number; readonly storage: StorageState };
  /** Commits what is queued. */
  flush(): void;
  /** Flushes, stops workers and timers, closes the file. */
  close(): Promise<void>;
}
