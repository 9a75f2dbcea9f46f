// Owns the words that server and host say to each other over the host's Unix socket.
// Must not know sockets, files, or how a frame is cut (framing.ts). Plain JSON headers; bytes ride beside them.
//
// A frame carries one message: its JSON header and, for the messages marked "bytes", a binary body.
// Requests carry `id` (chosen by the client, unique per connection); the reply repeats it. Events carry none.
// Offsets are counts of output bytes from the session's start; ranges are half-open [from, to).

/** Raised with every incompatible change of a message. A peer with another number is refused by name. */
export const PROTOCOL_VERSION = 2;

/** UUID of a session, lower case. */
export type SessionId = string;

export type RunState = 'starting' | 'running' | 'exited' | 'killed' | 'lost';

export type EndReason = 'exit' | 'signal' | 'user' | 'idle' | 'limit' | 'host-lost' | 'failed-to-start';

/** What the host knows of a session: the newest run and the journal's bounds. Times are epoch milliseconds. */
export interface HostSession {
  readonly id: SessionId;
  readonly run: number;
  /** Where the newest run's output begins. Positions of an earlier run behind it are of output that was never stored. */
  readonly runFromOffset: number;
  readonly state: RunState;
  /** Null before the child exists and after it ended. */
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
  /** First byte still kept; grows by trimming. */
  readonly firstOffset: number;
  /** One past the last committed byte. */
  readonly endOffset: number;
  /** Id of the newest committed mark (0 when none): with endOffset the position of the journal's end. */
  readonly lastMark: number;
  readonly storedBytes: number;
  readonly maxHistoryBytes: number;
  /** Milliseconds without viewer, input and output after which the session may be ended; 0 = never. */
  readonly idleTimeoutMs: number;
  /** When it ends if nothing happens until then (epoch ms); null: somebody looks, it has ended, or never. */
  readonly idleEndsAt: number | null;
}

/**
 * A gap says that the output [offset, offset + lostBytes) was never stored: what follows begins behind it.
 *
 * One thing that happened in a session, in journal order. `mark` ids grow within a session, so that
 * (offset, mark) is a position: every entry up to it has been seen.
 */
export type MarkEntry =
  | {
      readonly kind: 'resize';
      readonly offset: number;
      readonly mark: number;
      readonly at: number;
      readonly cols: number;
      readonly rows: number;
    }
  | {
      readonly kind: 'seam';
      readonly offset: number;
      readonly mark: number;
      readonly at: number;
      readonly run: number;
      readonly note: string;
    }
  | { readonly kind: 'gap'; readonly offset: number; readonly mark: number; readonly at: number; readonly lostBytes: number }
  | { readonly kind: 'time'; readonly offset: number; readonly mark: number; readonly at: number }
  | {
      readonly kind: 'exit';
      readonly offset: number;
      readonly mark: number;
      readonly at: number;
      readonly run: number;
      readonly state: RunState;
      readonly reason: EndReason;
      readonly exitCode: number | null;
      readonly signal: string | null;
    };

/** A stored piece of output inside the body of a history page: `storedLength` bytes, in order of offset. */
export interface HistoryPiece {
  readonly offset: number;
  /** Bytes of output after decoding. */
  readonly length: number;
  readonly codec: 'none' | 'zstd' | 'brotli';
  readonly storedLength: number;
  /** CRC-32 of the decoded bytes; null for the hot tail, which is not compressed. */
  readonly crc: number | null;
}

/** Where a terminal's state stands: everything before `offset` and every mark up to `mark` is in it. */
export interface BasePlace {
  readonly offset: number;
  readonly mark: number;
  readonly run: number;
  readonly cols: number;
  readonly rows: number;
  /** Of the emulator that made it; empty: there is no state, the terminal is blank there. */
  readonly version: string;
}

// ---------------------------------------------------------------- requests (client to host)

export type Request =
  /** First on every connection. `secret`: contents of host.secret in the data directory. */
  | { readonly type: 'hello'; readonly id: number; readonly protocol: number; readonly secret: string; readonly clientVersion: string }
  | {
      readonly type: 'create';
      readonly id: number;
      readonly sessionId: SessionId;
      readonly command: readonly string[];
      readonly cwd: string;
      readonly env: Readonly<Record<string, string>>;
      readonly cols: number;
      readonly rows: number;
      readonly maxHistoryBytes: number;
      readonly idleTimeoutMs: number;
    }
  /** bytes: the input. `n` counts up from 1 per viewer; a number already applied is answered, not typed again. */
  | { readonly type: 'input'; readonly id: number; readonly sessionId: SessionId; readonly viewerId: string; readonly n: number }
  /** The highest input number applied for this viewer. */
  | { readonly type: 'lastInput'; readonly id: number; readonly sessionId: SessionId; readonly viewerId: string }
  | { readonly type: 'resize'; readonly id: number; readonly sessionId: SessionId; readonly cols: number; readonly rows: number }
  /**
   * Ends the child and every process of its terminal session (hangup, then SIGKILL); replied at once, the end follows as an
   * `exit` entry and a `session` event. `reason`: user, idle or limit; again while it is ending changes nothing.
   */
  | { readonly type: 'kill'; readonly id: number; readonly sessionId: SessionId; readonly reason: EndReason }
  /**
   * Starts the program of an ended session again, in its folder and size: the next run, behind a seam. The environment comes with each start,
   * as with create: none is kept. `note` stands in the stream for people.
   */
  | {
      readonly type: 'restart';
      readonly id: number;
      readonly sessionId: SessionId;
      /** For this run only, when it goes on with what the last one began; default, and what the session is said to run: that of its first run. */
      readonly command?: readonly string[];
      readonly env: Readonly<Record<string, string>>;
      readonly note: string;
    }
  /** How many people look at a session through this connection: while somebody does, it is not idle. */
  | { readonly type: 'viewers'; readonly id: number; readonly sessionId: SessionId; readonly viewers: number }
  /** Forgets an ended session and its journal. */
  | { readonly type: 'remove'; readonly id: number; readonly sessionId: SessionId }
  | {
      readonly type: 'update';
      readonly id: number;
      readonly sessionId: SessionId;
      readonly maxHistoryBytes?: number;
      readonly idleTimeoutMs?: number;
    }
  | { readonly type: 'list'; readonly id: number }
  /**
   * From the reply on, committed entries of the session are pushed as events, in order. The reply says where they begin;
   * what lies before is read with `history`. A page that is read after this reply may hold marks at its very offset that are
   * pushed as well: skip pushed marks with an id that was seen. `patient`: nobody waits for the echo behind this follower, so
   * output may be stored in larger batches.
   */
  | { readonly type: 'follow'; readonly id: number; readonly sessionId: SessionId; readonly patient?: boolean }
  | { readonly type: 'unfollow'; readonly id: number; readonly sessionId: SessionId }
  /** One page of committed history from (offset, mark), at most about maxBytes of output. `cursor`: from the page before, or null. */
  | {
      readonly type: 'history';
      readonly id: number;
      readonly sessionId: SessionId;
      readonly fromOffset: number;
      readonly afterMark: number;
      readonly toOffset: number;
      readonly maxBytes: number;
      readonly cursor: string | null;
    }
  /**
   * bytes: what an emulator answers to the queries in the output of `run` before `offset`, typed only if none was before for the same
   * output. The newest report also sets the pace: the terminal waits for an emulator that is half a history behind, or a moment when
   * its screens are awaited, until the connection that reported ends or unfollows.
   */
  | {
      readonly type: 'parsed';
      readonly id: number;
      readonly sessionId: SessionId;
      readonly run: number;
      readonly offset: number;
      readonly isAwaited?: boolean;
    }
  /**
   * bytes: the state of the terminal at that place, opaque. Kept if the history may begin there one day, when it is trimmed: about one for
   * each fiftieth of the limit is.
   */
  | ({ readonly type: 'offerBase'; readonly id: number; readonly sessionId: SessionId } & BasePlace)
  /** How to restore the first kept byte. */
  | { readonly type: 'base'; readonly id: number; readonly sessionId: SessionId }
  | { readonly type: 'status'; readonly id: number }
  | { readonly type: 'metrics'; readonly id: number }
  /**
   * bytes: a piece of the output of a session that ended elsewhere, from `from` on; the first one makes the session, the last one ends it. It never
   * had a process here.
   */
  | {
      readonly type: 'import';
      readonly id: number;
      readonly sessionId: SessionId;
      readonly from: number;
      readonly isLast: boolean;
      readonly cols: number;
      readonly rows: number;
      readonly createdAt: number;
      readonly endedAt: number;
      readonly maxHistoryBytes: number;
    }
  /** A consistent copy of the journal, to a file that does not exist yet. */
  | { readonly type: 'backup'; readonly id: number; readonly path: string }
  /** Reads everything that is stored and says what is not whole. */
  | { readonly type: 'verify'; readonly id: number }
  /** Ends all sessions, flushes, exits. */
  | { readonly type: 'shutdown'; readonly id: number };

export type RequestType = Request['type'];

// ---------------------------------------------------------------- replies (host to client)

/** memory: no output is kept on disk, by choice. */
export type StorageState = 'ok' | 'paused' | 'memory';

export interface HostStatus {
  readonly pid: number;
  readonly version: string;
  readonly protocol: number;
  readonly startedAt: number;
  /** With a living child. */
  readonly sessions: number;
  readonly journalBytes: number;
  readonly storage: StorageState;
  /** Stored output that was found missing or damaged, oldest first. */
  readonly damaged: readonly Damage[];
}

export interface Damage {
  readonly file: string;
  readonly sessionId: SessionId | null;
  readonly from: number | null;
  readonly to: number | null;
  /** Where the damaged file was put; null: it is still in use. */
  readonly setAside: string | null;
  readonly at: number;
}

/** Something that is not as it must be. */
export interface Finding {
  readonly kind: string;
  readonly session: SessionId | null;
  readonly from?: number;
  readonly to?: number;
  readonly detail: string;
}

/** Figures of the journal since the host has opened it; null in memory mode. */
export interface HostMetrics {
  /** Only grow. */
  readonly counters: Readonly<Record<string, number>>;
  readonly gauges: Readonly<Record<string, number>>;
  /** Upper ends of the buckets, and commits in each: one more than there are ends. */
  readonly commitLatency: { readonly bucketsMs: readonly number[]; readonly counts: readonly number[]; readonly sumMs: number };
}

export interface ReplyBodies {
  readonly hello: { readonly protocol: number; readonly host: HostStatus; readonly sessions: readonly HostSession[] };
  readonly create: { readonly session: HostSession };
  readonly input: { readonly result: 'applied' | 'duplicate'; readonly lastInput: number; readonly endOffset: number };
  readonly lastInput: { readonly lastInput: number };
  readonly resize: { readonly session: HostSession };
  readonly kill: { readonly session: HostSession };
  readonly restart: { readonly session: HostSession };
  readonly viewers: Record<string, never>;
  readonly remove: Record<string, never>;
  readonly update: { readonly session: HostSession };
  readonly list: { readonly sessions: readonly HostSession[] };
  /** `answeredOffset`: queries in the output before it have been answered. */
  readonly follow: { readonly offset: number; readonly mark: number; readonly answeredOffset: number; readonly session: HostSession };
  readonly unfollow: Record<string, never>;
  /** bytes: the stored pieces, one after the other. `next` is null when toOffset (or the journal's end) was reached. */
  readonly history: {
    /** Where the page begins: what was asked for, or behind the gap in which that lies. */
    readonly fromOffset: number;
    readonly firstOffset: number;
    readonly endOffset: number;
    readonly pieces: readonly HistoryPiece[];
    readonly marks: readonly MarkEntry[];
    readonly next: { readonly offset: number; readonly mark: number; readonly cursor: string } | null;
  };
  readonly parsed: { readonly typed: boolean };
  readonly offerBase: { readonly kept: boolean };
  /** bytes: the state. Null while everything is kept: the terminal is blank at offset 0. */
  readonly base: { readonly base: BasePlace | null };
  readonly status: { readonly host: HostStatus };
  readonly metrics: { readonly metrics: HostMetrics | null };
  readonly import: { readonly session: HostSession };
  readonly backup: Record<string, never>;
  readonly verify: { readonly findings: readonly Finding[] };
  readonly shutdown: Record<string, never>;
}

export type HostErrorCode =
  | 'PROTOCOL_VERSION'
  | 'NOT_ALLOWED'
  | 'BAD_REQUEST'
  | 'UNKNOWN_SESSION'
  | 'SESSION_EXISTS'
  | 'SESSION_ENDED'
  | 'SESSION_ALIVE'
  | 'TOO_MANY_SESSIONS'
  /** No process could be made; the session exists and has ended as failed-to-start. */
  | 'SPAWN_FAILED'
  | 'COMMAND_NOT_FOUND'
  | 'CWD_NOT_FOUND'
  /** Not typed: a number before it was never received. */
  | 'INPUT_GAP'
  /** Not typed: the number is still free. */
  | 'INPUT_BUFFER_FULL'
  | 'STORAGE_FAILED'
  | 'TRIMMED'
  | 'SHUTTING_DOWN'
  | 'INTERNAL';

export type Reply =
  | { [T in RequestType]: { readonly type: 'reply'; readonly id: number; readonly to: T } & ReplyBodies[T] }[RequestType]
  /** `id` is 0 when the request's own could not be read; the connection is closed then. `firstOffset` comes with TRIMMED. */
  | { readonly type: 'error'; readonly id: number; readonly code: HostErrorCode; readonly message: string; readonly firstOffset?: number };

// ---------------------------------------------------------------- events (host to client)

export type HostEvent =
  /** bytes: committed output from `offset`. */
  | { readonly type: 'output'; readonly sessionId: SessionId; readonly offset: number }
  | { readonly type: 'mark'; readonly sessionId: SessionId; readonly entry: MarkEntry }
  /**
   * A session was created or changed state, size, limits: as it is when this is sent, so several changes may come as one.
   * While it prints also about once a second. To a follower it never comes before entries of that session that were committed earlier.
   */
  | { readonly type: 'session'; readonly session: HostSession }
  | { readonly type: 'removed'; readonly sessionId: SessionId }
  /**
   * Storing has stopped or goes on. While it is paused, output is shown unstored, from a bounded memory; what does not fit becomes a gap.
   * The present state comes with hello and status.
   */
  | { readonly type: 'storage'; readonly storage: StorageState }
  /** The follower read too slowly: pushes stopped; read on with `history` from where you are, then `follow` again. */
  | { readonly type: 'lagged'; readonly sessionId: SessionId };

export type HostMessage = Reply | HostEvent;
