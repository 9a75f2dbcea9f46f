// Owns what was printed and not yet stored: per session, bytes and marks in order. Pure memory: no clock, no database.
//
// A batch is looked at, written, and only then dropped, so a commit that fails has lost nothing. Between peek and drop nothing may
// be queued (the writer is synchronous). The queue has no bound of its own: the host stops reading a terminal whose pending bytes
// are too many.
import { InvariantError } from '../errors.ts';
import type { PendingEntries } from './commit-policy.ts';
import type { MarkEntry } from './types.ts';

/** Waiting output up to which a session goes before those with more (bytes): echoes and prompts do not queue behind a flood. */
const SMALL_BYTES = 16 * 1024;

type QueuedItem = { readonly kind: 'bytes'; readonly bytes: Uint8Array } | { readonly kind: 'mark'; readonly entry: MarkEntry };

/** Part of a batch: the beginning of one session's queue. */
export interface Slice {
  readonly session: number;
  /** Offset of the first byte. */
  readonly offset: number;
  readonly endOffset: number;
  /** The output, joined; empty when only marks wait. Must not be changed. */
  readonly bytes: Uint8Array;
  /** In order; their offsets lie in [offset, endOffset]. */
  readonly marks: readonly MarkEntry[];
  /** Items of the queue that are in here whole, and how much of the next one. */
  readonly wholeItems: number;
  readonly partBytes: number;
}

interface SessionQueue {
  readonly session: number;
  items: QueuedItem[];
  bytes: number;
  /** Offset of the first queued byte. */
  offset: number;
  oldestMs: number;
}

export class WriteQueue implements PendingEntries {
  /** In the order of their age: a queue is added when its first item comes and leaves when it is empty. */
  readonly #queues = new Map<number, SessionQueue>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get oldestMs(): number | null {
    for (const queue of this.#queues.values()) return queue.oldestMs;
    return null;
  }

  bytesOf(session: number): number | undefined {
    return this.#queues.get(session)?.bytes;
  }

  /** `offset`: of the first byte. The bytes must not change afterwards. */
  pushBytes(session: number, offset: number, bytes: Uint8Array, nowMs: number): void {
    const queue = this.#queueAt(session, offset, nowMs);
    queue.items.push({ kind: 'bytes', bytes });
    queue.bytes += bytes.length;
    this.#bytes += bytes.length;
  }

  pushMark(session: number, entry: MarkEntry, nowMs: number): void {
    this.#queueAt(session, entry.offset, nowMs).items.push({ kind: 'mark', entry });
  }

  /**
   * What the next transaction should hold: at most about `maxBytes` of output; of one session always a beginning of its queue.
   * Sessions with little come first, then those that have waited longest. `first` before all others; `only`: no others.
   */
  peek(maxBytes: number, choice: { readonly only: readonly number[] | null; readonly first?: readonly number[] }): Slice[] {
    const first = new Set(choice.first);
    const rank = (queue: SessionQueue): number => (first.has(queue.session) ? 0 : queue.bytes <= SMALL_BYTES ? 1 : 2);
    const candidates =
      choice.only === null
        ? [...this.#queues.values()]
        : choice.only.flatMap((session) => {
            const queue = this.#queues.get(session);
            return queue === undefined ? [] : [queue];
          });
    candidates.sort((a, b) => rank(a) - rank(b) || a.oldestMs - b.oldestMs);

    const slices: Slice[] = [];
    let room = maxBytes;
    for (const queue of candidates) {
      // With no room left marks alone could still go, but the next transaction is soon enough for them.
      if (room <= 0) break;
      const slice = cut(queue, room);
      room -= slice.endOffset - slice.offset;
      slices.push(slice);
    }
    return slices;
  }

  /** Forgets what was stored; the slices must come from the last peek. */
  drop(slices: readonly Slice[]): void {
    for (const slice of slices) {
      const queue = this.#queues.get(slice.session);
      if (queue === undefined || queue.offset !== slice.offset) throw new InvariantError('a slice does not begin where its queue does');
      const rest = queue.items.slice(slice.wholeItems);
      const part = rest[0];
      if (slice.partBytes > 0 && part?.kind === 'bytes') rest[0] = { kind: 'bytes', bytes: part.bytes.subarray(slice.partBytes) };
      this.#bytes -= slice.bytes.length;
      queue.bytes -= slice.bytes.length;
      queue.offset = slice.endOffset;
      queue.items = rest;
      // What is left keeps its age: it goes before younger output next time.
      if (rest.length === 0) this.#queues.delete(slice.session);
    }
  }

  /** Forgets everything of a session: it was removed. */
  discard(session: number): void {
    this.#bytes -= this.#queues.get(session)?.bytes ?? 0;
    this.#queues.delete(session);
  }

  #queueAt(session: number, offset: number, nowMs: number): SessionQueue {
    const queue = this.#queues.get(session);
    if (queue === undefined) {
      const created: SessionQueue = { session, items: [], bytes: 0, offset, oldestMs: nowMs };
      this.#queues.set(session, created);
      return created;
    }
    if (queue.offset + queue.bytes !== offset)
      throw new InvariantError(`output queued at ${offset}, expected ${queue.offset + queue.bytes}`);
    return queue;
  }
}

function cut(queue: SessionQueue, room: number): Slice {
  const chunks: Uint8Array[] = [];
  const marks: MarkEntry[] = [];
  let length = 0;
  let wholeItems = 0;
  let partBytes = 0;
  for (const item of queue.items) {
    if (item.kind === 'mark') {
      marks.push(item.entry);
    } else {
      const left = room - length;
      if (item.bytes.length > left) {
        partBytes = left;
        if (left > 0) chunks.push(item.bytes.subarray(0, left));
        length += left;
        break;
      }
      chunks.push(item.bytes);
      length += item.bytes.length;
    }
    wholeItems += 1;
  }
  const [only] = chunks;
  const bytes = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, length);
  return { session: queue.session, offset: queue.offset, endOffset: queue.offset + length, bytes, marks, wholeItems, partBytes };
}
