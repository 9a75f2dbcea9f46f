// Owns the host's bounds: everything that could grow has a number here, with its reason.

const KIB = 1024;
const MIB = 1024 * KIB;

export interface HostLimits {
  /** Sessions with a living child. Each costs a thread that waits for its child and two descriptors; policy (fewer) is the server's. */
  readonly sessions: number;
  /** Connections at once: one server, its successor during an upgrade, a few commands. */
  readonly peers: number;
  /** A connection that says nothing must not keep one of those places. */
  readonly helloTimeoutMs: number;
  /** From the hangup to SIGKILL: long enough for an editor to save its swap file, short enough for someone who waits. */
  readonly killGraceMs: number;
  /** The same when the whole host ends: a SIGTERM is answered within 2 s, storing included. */
  readonly shutdownGraceMs: number;
  /** Typed and not yet taken by the terminal, per session: several pastes of 1 MB; beyond it the child does not read at all. */
  readonly inputQueueBytes: number;
  /** Viewers whose last input number is remembered per session. A viewer pushed out by this many others gets INPUT_GAP, never a doubled key. */
  readonly viewersRemembered: number;
  /** Appended and not yet committed, per session, at which its terminal is paused: one transaction (512 KiB at most). */
  readonly pendingHighBytes: number;
  /** And at which it goes on: low enough that pausing does not flutter with each commit. */
  readonly pendingLowBytes: number;
  /** Output waiting for one peer over all sessions; beyond it the largest share is dropped and that follower told `lagged`. */
  readonly peerQueueBytes: number;
  /**
   * Output handed to a peer's socket ahead of its reading, one piece (64 KiB) more at most: together the 256 KiB of flood
   * that a small session's echo can have before it in the line.
   */
  readonly socketAheadBytes: number;
  /** Waiting in one peer's socket, replies included, at which its requests are no longer read. */
  readonly peerBacklogBytes: number;
  /** History pages read for one peer at once. */
  readonly historyReads: number;
  readonly historyTimeoutMs: number;
}

export const defaultHostLimits: HostLimits = {
  sessions: 1000,
  peers: 32,
  helloTimeoutMs: 5000,
  killGraceMs: 2000,
  shutdownGraceMs: 1500,
  inputQueueBytes: 4 * MIB,
  viewersRemembered: 256,
  pendingHighBytes: 512 * KIB,
  pendingLowBytes: 128 * KIB,
  peerQueueBytes: 1 * MIB,
  socketAheadBytes: 192 * KIB,
  peerBacklogBytes: 4 * MIB,
  historyReads: 4,
  historyTimeoutMs: 30_000,
};
