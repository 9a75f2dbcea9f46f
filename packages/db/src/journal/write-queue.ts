// Owns what was printed and not yet stored: per session, bytes and marks in order. Pure memory: no clock, no database.
//
// A batch is looked at, written, and only then dropped, so a commit that fails has lost nothing. Between peek and drop nothing may
// be queued (the writer is synchronous). The queue has no bound of its own: the host stops reading a terminal whose pending bytes
// are too many.
//
// While nothing can be stored, what waits may be shown all the same. Then the queue of a session is a ring: a gap mark stands in front of what
// was shown unstored, and when the ring is full its oldest bytes are dropped into that gap. Once storing works, the gap is stored as it is.
import { InvariantError } from '../errors.ts';
import type { PendingEntries } from './commit-policy.ts';
import type { MarkEntry } from './types.ts';

/** Waiting output up to which a session goes before those with more (bytes): echoes and prompts do not queue behind a flood. */
const SMALL_BYTES = 16 * 1024;

export type QueuedItem = { readonly kind: 'bytes'; readonly bytes: Uint8Array } | { readonly kind: 'mark'; readonly entry: MarkEntry };

/** Part of a batch: the beginning of one session's queue. */
export interface Slice {
  readonly session: number;
  /** Offset of the first byte. */
  readonly offset: number;
  /** Behind the last byte; behind the gap when it ends with one (a row of output has no holes). */
  readonly endOffset: number;
  /** The output, joined; empty when only marks wait. Must not be changed. */
  readonly bytes: Uint8Array;
  /** In order; their offsets lie in [offset, offset + bytes]. */
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
  /** Behind the last one, and the gaps between. */
  end: number;
  oldestMs: number;
  /** Items from the front that were shown before they were stored. */
  shown: number;
}

/** What was shown and is not stored. */
export interface UnstoredPart {
  readonly offset: number;
  readonly items: readonly QueuedItem[];
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
    queue.end += bytes.length;
    this.#bytes += bytes.length;
  }

  pushMark(session: number, entry: MarkEntry, nowMs: number): void {
    const queue = this.#queueAt(session, entry.offset, nowMs);
    queue.items.push({ kind: 'mark', entry });
    if (entry.kind === 'gap') queue.end += entry.lostBytes;
  }

  /** Sessions that have something waiting, with the most first. */
  sessions(): readonly number[] {
    return [...this.#queues.values()].toSorted((a, b) => b.bytes - a.bytes).map(({ session }) => session);
  }

  /** Bytes that wait and were not shown. */
  unshownBytesOf(session: number): number {
    const queue = this.#queues.get(session);
    if (queue === undefined) return 0;
    return queue.shown === 0 ? queue.bytes : bytesIn(queue.items.slice(queue.shown));
  }

  /**
   * From here on what waits of this session may be shown unstored: puts a gap of no bytes in front of it, which takes what is dropped later.
   * The marks behind it are numbered anew. Null when there is one already.
   */
  holdPlace(session: number, nextMark: number, at: number): Extract<MarkEntry, { kind: 'gap' }> | null {
    const queue = this.#queues.get(session);
    if (queue === undefined) throw new InvariantError('nothing waits of this session');
    if (queue.items.some(isGap)) return null;
    const rest = queue.items.slice(queue.shown);
    const first = rest.find((item) => item.kind === 'mark');
    const entry = { kind: 'gap', offset: queue.end - spanOf(rest), mark: first?.entry.mark ?? nextMark, at, lostBytes: 0 } as const;
    const moved = rest.map((item): QueuedItem =>
      item.kind === 'mark' ? { kind: 'mark', entry: { ...item.entry, mark: item.entry.mark + 1 } } : item,
    );
    queue.items = [...queue.items.slice(0, queue.shown), { kind: 'mark', entry }, ...moved];
    return entry;
  }

  /** What waits and was not shown yet; from now on it counts as shown. */
  takeUnshown(session: number): UnstoredPart {
    const queue = this.#queues.get(session);
    if (queue === undefined) return { offset: 0, items: [] };
    const items = queue.items.slice(queue.shown);
    queue.shown = queue.items.length;
    return { offset: queue.end - spanOf(items), items };
  }

  /** What was shown and is not stored; undefined when there is nothing of the kind. */
  unstored(session: number): UnstoredPart | undefined {
    const queue = this.#queues.get(session);
    if (queue === undefined || queue.shown === 0) return undefined;
    return { offset: queue.offset, items: queue.items.slice(0, queue.shown) };
  }

  /** Bytes behind the place held: what may be dropped. In front of it may stand as much again that was shown in an earlier pause. */
  heldBytesOf(session: number): number {
    const items = this.#queues.get(session)?.items ?? [];
    const place = items.findIndex(isGap);
    return place < 0 ? 0 : bytesIn(items.slice(place + 1));
  }

  /**
   * Drops the oldest `bytes` behind the place held, or as many as there are. Marks among them are kept and move behind the gap. Returns the
   * bytes dropped; the gap has grown by them.
   */
  forgetOldest(session: number, bytes: number): number {
    const queue = this.#queues.get(session);
    const place = queue?.items.findIndex(isGap) ?? -1;
    const held = queue?.items[place];
    if (queue === undefined || held?.kind !== 'mark' || held.entry.kind !== 'gap') return 0;
    let lost = 0;
    const kept: QueuedItem[] = [];
    const rest = queue.items.slice(place + 1);
    while (lost < bytes && rest.length > 0) {
      const item = rest.shift();
      if (item?.kind === 'mark') kept.push(item);
      else if (item !== undefined) {
        const dropped = Math.min(item.bytes.length, bytes - lost);
        lost += dropped;
        if (dropped < item.bytes.length) rest.unshift({ kind: 'bytes', bytes: item.bytes.subarray(dropped) });
        else if (place + 1 < queue.shown) queue.shown -= 1;
      }
    }
    const end = held.entry.offset + held.entry.lostBytes + lost;
    queue.items = [
      ...queue.items.slice(0, place),
      { kind: 'mark', entry: { ...held.entry, lostBytes: held.entry.lostBytes + lost } },
      ...kept.map((item): QueuedItem => (item.kind === 'mark' ? { kind: 'mark', entry: { ...item.entry, offset: end } } : item)),
      ...rest,
    ];
    queue.bytes -= lost;
    this.#bytes -= lost;
    return lost;
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
      room -= slice.bytes.length;
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
      queue.shown = Math.max(0, queue.shown - slice.wholeItems);
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
      const created: SessionQueue = { session, items: [], bytes: 0, offset, end: offset, oldestMs: nowMs, shown: 0 };
      this.#queues.set(session, created);
      return created;
    }
    if (queue.end !== offset) throw new InvariantError(`output queued at ${offset}, expected ${queue.end}`);
    return queue;
  }
}

function isGap(item: QueuedItem): boolean {
  return item.kind === 'mark' && item.entry.kind === 'gap';
}

function bytesIn(items: readonly QueuedItem[]): number {
  return items.reduce((sum, item) => sum + (item.kind === 'bytes' ? item.bytes.length : 0), 0);
}

/** What these items take of the stream's offsets. */
function spanOf(items: readonly QueuedItem[]): number {
  return items.reduce(
    (sum, item) => sum + (item.kind === 'bytes' ? item.bytes.length : item.entry.kind === 'gap' ? item.entry.lostBytes : 0),
    0,
  );
}

function cut(queue: SessionQueue, room: number): Slice {
  const chunks: Uint8Array[] = [];
  const marks: MarkEntry[] = [];
  let length = 0;
  let wholeItems = 0;
  let partBytes = 0;
  let lost = 0;
  for (const item of queue.items) {
    if (item.kind === 'mark') {
      marks.push(item.entry);
      if (item.entry.kind === 'gap' && item.entry.lostBytes > 0) {
        lost = item.entry.lostBytes;
        wholeItems += 1;
        break;
      }
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
  return { session: queue.session, offset: queue.offset, endOffset: queue.offset + length + lost, bytes, marks, wholeItems, partBytes };
}
