// Owns what one peer is to be sent and in which order. Must not know sockets (it is given a wire) or how sessions work.
//
// Order: replies; news of sessions; pushed output, small sessions before floods. Pushed entries of one session keep their order,
// and news of a session never overtakes entries of it that were committed before.
// Invariant: whatever the peer does, memory is bounded: pushes by `peerQueueBytes` (beyond it the session with the most is dropped
// and its follower told `lagged`), news by the number of sessions (the newest wins), replies by reading no more requests (peer.ts).
import { encodeFrame } from '../protocol/framing.ts';
import type { HostEvent, HostSession, Reply, SessionId, StorageState } from '../protocol/messages.ts';
import type { HostLimits } from './limits.ts';
import type { CommittedEntry } from './output-journal.ts';

/** One `output` event: a flood is cut into pieces of this size, so that others get their turn between them. */
const OUTPUT_PIECE_BYTES = 64 * 1024;
/** A session with no more than this waiting is small: somebody types there, and a keystroke's echo is less. */
const SMALL_BYTES = 16 * 1024;
/** What an entry is counted as besides its bytes: the objects around it. Without it a million single bytes would count as 1 MB. */
const ENTRY_BYTES = 256;
/** The socket is as good as empty: the peer reads again. */
const DRAINED_BYTES = 16 * 1024;

export interface Wire {
  /** Given to the socket and not yet taken by the kernel. */
  readonly queuedBytes: number;
  write(parts: readonly Uint8Array[]): void;
}

interface Lane {
  entries: CommittedEntry[];
  first: number;
  bytes: number;
}

export interface PeerOutboxOptions {
  readonly wire: Wire;
  readonly limits: HostLimits;
  /** The session as it is when its news is sent; undefined when it was removed. */
  readonly view: (id: SessionId) => HostSession | undefined;
  /** This peer does not follow the session any more, for its slowness. */
  readonly dropped: (id: SessionId) => void;
}

export class PeerOutbox {
  readonly #options: PeerOutboxOptions;
  readonly #removed = new Set<SessionId>();
  readonly #news = new Set<SessionId>();
  readonly #lagged = new Set<SessionId>();
  readonly #lanes = new Map<SessionId, Lane>();
  #lanesBytes = 0;
  #storage: StorageState | undefined;

  constructor(options: PeerOutboxOptions) {
    this.#options = options;
  }

  /** Pushed entries not yet handed over. */
  get pushedBytes(): number {
    return this.#lanesBytes;
  }

  get following(): ReadonlySet<SessionId> {
    return new Set(this.#lanes.keys());
  }

  follows(id: SessionId): boolean {
    return this.#lanes.has(id);
  }

  reply(reply: Reply, body?: Uint8Array): void {
    this.#options.wire.write(encodeFrame(reply, body));
  }

  follow(id: SessionId): void {
    this.#lagged.delete(id);
    this.#dropLane(id);
    this.#lanes.set(id, { entries: [], first: 0, bytes: 0 });
  }

  unfollow(id: SessionId): void {
    this.#lagged.delete(id);
    this.#dropLane(id);
  }

  changed(id: SessionId): void {
    this.#news.add(id);
    this.pump();
  }

  removed(id: SessionId): void {
    this.unfollow(id);
    this.#news.delete(id);
    this.#removed.add(id);
    this.pump();
  }

  storage(storage: StorageState): void {
    this.#storage = storage;
    this.pump();
  }

  /** Entries in the order of their commit; those of sessions that this peer does not follow are left out. Call `pump` after. */
  push(entries: readonly CommittedEntry[]): void {
    for (const entry of entries) {
      const lane = this.#lanes.get(entry.sessionId);
      if (!lane) continue;
      for (const piece of cut(entry)) {
        lane.entries.push(piece);
        lane.bytes += sizeOf(piece);
        this.#lanesBytes += sizeOf(piece);
      }
      // At once, not after the batch: a batch may be larger than what may wait.
      if (this.#lanesBytes > this.#options.limits.peerQueueBytes) this.#shed();
    }
  }

  /** Hands over as much as the wire should hold. Call again when it has drained. */
  pump(): void {
    const { wire, limits } = this.#options;
    while (wire.queuedBytes < limits.socketAheadBytes) if (!this.#sendNext()) return;
  }

  #sendNext(): boolean {
    const { wire, view } = this.#options;
    const send = (event: HostEvent, body?: Uint8Array): true => {
      wire.write(encodeFrame(event, body));
      return true;
    };
    if (this.#storage !== undefined) {
      const storage = this.#storage;
      this.#storage = undefined;
      return send({ type: 'storage', storage });
    }
    for (const id of this.#removed) {
      this.#removed.delete(id);
      return send({ type: 'removed', sessionId: id });
    }
    for (const id of this.#news) {
      if ((this.#lanes.get(id)?.bytes ?? 0) > 0) continue;
      this.#news.delete(id);
      const session = view(id);
      if (session) return send({ type: 'session', session });
    }
    // Told once it reads again: a follower that starts over while its line is still full would only be dropped again.
    if (wire.queuedBytes <= DRAINED_BYTES) {
      for (const id of this.#lagged) {
        this.#lagged.delete(id);
        return send({ type: 'lagged', sessionId: id });
      }
    }
    const entry = this.#nextEntry();
    if (!entry) return false;
    if (entry.kind === 'mark') return send({ type: 'mark', sessionId: entry.sessionId, entry: entry.entry });
    return send({ type: 'output', sessionId: entry.sessionId, offset: entry.offset }, entry.bytes);
  }

  /** Of the first small session that waits, else of the flood that has waited longest. */
  #nextEntry(): CommittedEntry | undefined {
    let chosen: SessionId | undefined;
    for (const [id, lane] of this.#lanes) {
      if (lane.bytes === 0) continue;
      if (lane.bytes <= SMALL_BYTES) {
        chosen = id;
        break;
      }
      chosen ??= id;
    }
    const lane = chosen === undefined ? undefined : this.#lanes.get(chosen);
    const entry = lane?.entries[lane.first];
    if (chosen === undefined || !lane || !entry) return undefined;
    lane.first += 1;
    lane.bytes -= sizeOf(entry);
    this.#lanesBytes -= sizeOf(entry);
    if (lane.first === lane.entries.length) {
      lane.entries = [];
      lane.first = 0;
    }
    // Served: to the back of the line.
    this.#lanes.delete(chosen);
    this.#lanes.set(chosen, lane);
    return entry;
  }

  #shed(): void {
    let largest: SessionId | undefined;
    let bytes = -1;
    for (const [id, lane] of this.#lanes) {
      if (lane.bytes <= bytes) continue;
      largest = id;
      bytes = lane.bytes;
    }
    if (largest === undefined) return;
    this.#dropLane(largest);
    this.#lagged.add(largest);
    this.#options.dropped(largest);
  }

  #dropLane(id: SessionId): void {
    this.#lanesBytes -= this.#lanes.get(id)?.bytes ?? 0;
    this.#lanes.delete(id);
  }
}

function sizeOf(entry: CommittedEntry): number {
  return ENTRY_BYTES + (entry.kind === 'output' ? entry.bytes.length : 0);
}

function cut(entry: CommittedEntry): readonly CommittedEntry[] {
  if (entry.kind === 'mark' || entry.bytes.length <= OUTPUT_PIECE_BYTES) return [entry];
  const pieces: CommittedEntry[] = [];
  for (let at = 0; at < entry.bytes.length; at += OUTPUT_PIECE_BYTES) {
    pieces.push({ ...entry, offset: entry.offset + at, bytes: entry.bytes.subarray(at, at + OUTPUT_PIECE_BYTES) });
  }
  return pieces;
}
