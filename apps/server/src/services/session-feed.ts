// Owns the live end of one session inside the server: what the host has pushed lately, kept in a bounded ring that all
// viewers read from. What is older is read from the host's journal. Must not know viewers' windows or transports.
import type { HostEvent } from '@cotg/pty/client';
import type { HostLink } from './host-link.ts';
import { behind } from './entries.ts';
import type { StreamEntry, StreamPosition } from './entries.ts';

/** Recent output kept per followed session: a viewer this far behind still needs no read from the journal. */
const RING_BYTES = 512 * 1024;
/** Marks and tiny writes cost objects, not bytes. */
const RING_ENTRIES = 2048;
/** Neighbouring small outputs become one entry up to this size. */
const COALESCE_BYTES = 8 * 1024;
/** Spent entries at the front of the array before it is shortened. */
const COMPACT_AT = 512;

export type Ahead =
  | { readonly kind: 'entries'; readonly entries: readonly StreamEntry[] }
  | { readonly kind: 'behind'; readonly ringStart: StreamPosition }
  | { readonly kind: 'end' };

export class SessionFeed {
  readonly sessionId: string;
  readonly #host: HostLink;
  readonly #changed: () => void;
  readonly #patient: boolean;
  #answeredOffset = 0;
  #ring: StreamEntry[] = [];
  #head = 0;
  #ringBytes = 0;
  #start: StreamPosition | undefined;
  #end: StreamPosition | undefined;
  #following: Promise<void> | undefined;
  /** Between the question and its answer: what comes meanwhile lies in the journal, before the position of the answer. */
  #isAsking = false;
  #closed = false;

  /** `changed` is called whenever something new can be read. `patient`: nobody waits for an echo (an emulator). */
  constructor(host: HostLink, sessionId: string, options: { changed: () => void; patient?: boolean }) {
    this.#host = host;
    this.sessionId = sessionId;
    this.#changed = options.changed;
    this.#patient = options.patient ?? false;
  }

  /** Queries of the program before this offset have been answered, as of the last `follow`. */
  get answeredOffset(): number {
    return this.#answeredOffset;
  }

  /** Where the live stream stands; undefined until the host is followed. */
  get end(): StreamPosition | undefined {
    return this.#end;
  }

  /** Begins to follow, or waits for it. Rejects with ApiError; a later call tries again. */
  follow(): Promise<void> {
    this.#following ??= this.#follow()
      .catch((error: unknown) => {
        this.#following = undefined;
        throw error;
      })
      .finally(() => {
        this.#isAsking = false;
      });
    return this.#following;
  }

  async #follow(): Promise<void> {
    this.#isAsking = true;
    // The connection gives no event to anybody before the code behind this reply has run: nothing falls between.
    const { reply } = await this.#host.request('follow', { sessionId: this.sessionId, patient: this.#patient });
    const position = { offset: reply.offset, mark: reply.mark };
    this.#answeredOffset = reply.answeredOffset;
    const isContiguous = this.#end !== undefined && this.#end.offset === position.offset && this.#end.mark === position.mark;
    if (!isContiguous) {
      this.#ring = [];
      this.#head = 0;
      this.#ringBytes = 0;
      this.#start = position;
      this.#end = position;
    }
    this.#changed();
  }

  /** The host went away, or pushed no more because we read too slowly: what is missing lies in the journal. */
  restart(): void {
    if (this.#closed || this.#isAsking) return;
    this.#following = undefined;
    this.follow().catch(() => undefined); // The link tries again and restarts every feed when it is back.
  }

  take(event: HostEvent, body: Uint8Array): void {
    if (this.#isAsking || this.#closed) return;
    if (event.type === 'lagged') return this.restart();
    if (event.type !== 'output' && event.type !== 'mark') return;
    const entry: StreamEntry =
      event.type === 'output' ? { kind: 'output', offset: event.offset, bytes: body } : { kind: 'mark', entry: event.entry };
    this.#append(entry);
    this.#changed();
  }

  #append(entry: StreamEntry): void {
    if (!this.#end) return;
    // Contiguous or not at all: a hole in the ring would be a hole on a screen.
    if (entry.kind === 'output' && entry.offset !== this.#end.offset) return this.restart();
    const last = this.#ring.at(-1);
    if (
      entry.kind === 'output' &&
      last?.kind === 'output' &&
      last.bytes.length + entry.bytes.length <= COALESCE_BYTES &&
      this.#ring.length > this.#head
    ) {
      const joined = new Uint8Array(last.bytes.length + entry.bytes.length);
      joined.set(last.bytes);
      joined.set(entry.bytes, last.bytes.length);
      this.#ring[this.#ring.length - 1] = { kind: 'output', offset: last.offset, bytes: joined };
    } else {
      this.#ring.push(entry);
    }
    if (entry.kind === 'output') this.#ringBytes += entry.bytes.length;
    this.#end = behind(this.#end, entry);
    while (this.#ringBytes > RING_BYTES || this.#ring.length - this.#head > RING_ENTRIES) this.#drop();
  }

  #drop(): void {
    const oldest = this.#ring[this.#head];
    if (!oldest || !this.#start) return;
    this.#start = behind(this.#start, oldest);
    if (oldest.kind === 'output') this.#ringBytes -= oldest.bytes.length;
    this.#head += 1;
    if (this.#head >= COMPACT_AT) {
      this.#ring = this.#ring.slice(this.#head);
      this.#head = 0;
    }
  }

  /** The only reader has come to `position`: what lies before is not needed any more. */
  release(position: StreamPosition): void {
    for (let oldest = this.#ring[this.#head]; oldest; oldest = this.#ring[this.#head]) {
      const isPast = oldest.kind === 'output' ? oldest.offset + oldest.bytes.length <= position.offset : oldest.entry.mark <= position.mark;
      if (!isPast) return;
      this.#drop();
    }
  }

  /** What comes behind `position`, at most about `maxBytes`; the first output is cut to begin exactly there. */
  ahead(position: StreamPosition, maxBytes: number): Ahead {
    const [start, end] = [this.#start, this.#end];
    if (!start || !end) return { kind: 'end' };
    if (position.offset < start.offset || position.mark < start.mark) return { kind: 'behind', ringStart: start };
    const entries: StreamEntry[] = [];
    let bytes = 0;
    for (let at = this.#firstBehind(position); at < this.#ring.length && bytes < maxBytes; at += 1) {
      const entry = this.#ring[at];
      if (!entry) break;
      if (entry.kind === 'mark') {
        if (entry.entry.mark > position.mark) entries.push(entry);
        continue;
      }
      const cut = Math.max(0, position.offset - entry.offset);
      const part = entry.bytes.subarray(cut, cut + maxBytes - bytes);
      if (part.length === 0) continue;
      entries.push({ kind: 'output', offset: entry.offset + cut, bytes: part });
      bytes += part.length;
      if (cut + part.length < entry.bytes.length) break;
    }
    return entries.length === 0 ? { kind: 'end' } : { kind: 'entries', entries };
  }

  /** Index of the first entry not wholly before the position. Offsets and marks both grow along the ring. */
  #firstBehind(position: StreamPosition): number {
    let low = this.#head;
    let high = this.#ring.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#ring[middle];
      const isBehind =
        entry === undefined ||
        (entry.kind === 'output' ? entry.offset + entry.bytes.length > position.offset : entry.entry.mark > position.mark);
      if (isBehind) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#host.request('unfollow', { sessionId: this.sessionId });
  }
}
