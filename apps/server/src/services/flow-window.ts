// Owns how much a viewer may be sent that its terminal has not parsed, learnt from how long acknowledgements take. No I/O, no timers.
//
// The window grows while acknowledgements come as quickly as they ever did, and shrinks to what the link carries in a moment when they do not:
// what waits on the way is what a key's echo has to wait for.

/** So much may always be on its way (bytes): less is a packet or two, and the cost of headers. */
export const MIN_WINDOW_BYTES = 8 * 1024;
/** A viewer that stops reading costs this (bytes); the journal holds the rest. */
export const MAX_WINDOW_BYTES = 1024 * 1024;
/** What may wait on the way beyond what the link needs to be busy (ms). */
const AIM_QUEUED_MS = 100;
/** What an event costs beside its output (bytes): its own frame, and an entry here. */
const EVENT_COST_BYTES = 64;
/** So that the first is acknowledged while the last is on its way, and its own length hardly counts as delay. */
const EVENTS_PER_WINDOW = 8;
/** Somebody who uses so much of the window would use more. */
const LIMITED = 0.7;
/** Less than this (bytes) in an acknowledgement says how long the way is, not how wide. */
const MIN_SAMPLE_BYTES = MIN_WINDOW_BYTES / 2;
/** The rate is the best of so many samples: one that was disturbed does not count, a link that became slow does soon. */
const RATE_SAMPLES = 8;
/** The shortest delay is forgotten after this, twice (ms): the viewer may be on another link. */
const DELAY_MEMORY_MS = 15_000;
/** More than the link carries in this time (ms) is skipped. */
const SKIP_MS = 250;
/** Bounds of that: a screen costs 1 KB and more, and on the quickest link a flood of seconds is not worth showing line by line (bytes). */
const MIN_FAR_BYTES = MIN_WINDOW_BYTES;
const MAX_FAR_BYTES = 4 * 1024 * 1024;
/** While nothing is known of the link (bytes): 1 s at 512 kbit/s. */
const UNKNOWN_FAR_BYTES = 64 * 1024;
/** What a screen with the lines above it may take while nothing is known of the link (bytes): 2 s at 8 kB/s. */
const UNKNOWN_SCREEN_BYTES = 16 * 1024;
/** Lines above a screen may take this long (ms); a line is taken for so many bytes, compressed. */
const LINES_MS = 250;
const LINE_BYTES = 24;

interface Sent {
  /** Offset behind it. */
  readonly end: number;
  readonly bytes: number;
  readonly atMs: number;
  /** The window kept more from being sent. */
  readonly isLimited: boolean;
  /** All that had been acknowledged when it was sent, and when that was. */
  readonly delivered: number;
  readonly deliveredMs: number;
}

export class FlowWindow {
  readonly #now: () => number;
  #window = MIN_WINDOW_BYTES;
  #inFlight: Sent[] = [];
  #inFlightBytes = 0;
  #delivered = 0;
  #deliveredMs: number;
  #rates: number[] = [];
  #delayMs = { recent: Infinity, before: Infinity, sinceMs: 0 };

  /** `earlier`: of the same viewer's last attachment. `now`: milliseconds that never go back. */
  constructor(options: { readonly earlier?: FlowWindow | undefined; readonly now?: () => number } = {}) {
    this.#now = options.now ?? (() => performance.now());
    this.#deliveredMs = this.#now();
    // The link is most likely the same one, and a screen that fits it is right from the start; the window has to grow again.
    if (options.earlier) this.#rates = [...options.earlier.#rates];
  }

  get windowBytes(): number {
    return this.#window;
  }

  /** Sent and not acknowledged (bytes). */
  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /** What the link has carried at best lately (bytes/s); undefined while too little was sent to tell. */
  get bytesPerSecond(): number | undefined {
    return this.#rates.length === 0 ? undefined : Math.max(...this.#rates);
  }

  /** Bytes that may be sent now. None while that would be crumbs: an acknowledgement will make room for more. */
  room(): number {
    const room = this.#window - this.#inFlightBytes - EVENT_COST_BYTES;
    return room < this.#window / 4 ? 0 : room;
  }

  /** What one event should carry at most: the first is acknowledged while others are on their way, and its own length delays it little. */
  get eventBytes(): number {
    return Math.max(MIN_WINDOW_BYTES / 2, Math.floor(this.#window / EVENTS_PER_WINDOW));
  }

  /** An event with so much in it is on its way; whoever has parsed it acknowledges `end` or more. */
  sent(end: number, bytes: number): void {
    const cost = bytes + EVENT_COST_BYTES;
    const atMs = this.#now();
    if (this.#inFlight.length === 0) this.#deliveredMs = atMs;
    this.#inFlightBytes += cost;
    this.#inFlight.push({
      end,
      bytes: cost,
      atMs,
      isLimited: this.#inFlightBytes >= this.#window * LIMITED,
      delivered: this.#delivered,
      deliveredMs: this.#deliveredMs,
    });
  }

  /** Cumulative. True when something was acknowledged. */
  acknowledge(offset: number): boolean {
    let count = 0;
    let bytes = 0;
    for (const sent of this.#inFlight) {
      if (sent.end > offset) break;
      count += 1;
      bytes += sent.bytes;
    }
    const newest = this.#inFlight[count - 1];
    if (newest === undefined) return false;
    this.#inFlight.splice(0, count);
    this.#inFlightBytes -= bytes;
    const nowMs = this.#now();
    this.#delivered += bytes;
    this.#deliveredMs = nowMs;
    const tookMs = nowMs - newest.deliveredMs;
    if (bytes >= MIN_SAMPLE_BYTES && tookMs > 0) {
      this.#rates = [...this.#rates, ((this.#delivered - newest.delivered) * 1000) / tookMs].slice(-RATE_SAMPLES);
    }
    this.#adapt(nowMs - newest.atMs, newest.isLimited, bytes, nowMs);
    return true;
  }

  /** Beyond this distance (bytes) the present screen is sent instead of what lies between. */
  get farBytes(): number {
    const rate = this.bytesPerSecond;
    if (rate === undefined) return UNKNOWN_FAR_BYTES;
    return Math.floor(Math.min(MAX_FAR_BYTES, Math.max(MIN_FAR_BYTES, (rate * SKIP_MS) / 1000)));
  }

  /** What a screen and the lines above it should take at most (bytes). The screen itself is sent whatever it takes. */
  get screenBytes(): number {
    const rate = this.bytesPerSecond;
    return rate === undefined ? UNKNOWN_SCREEN_BYTES : Math.max(UNKNOWN_SCREEN_BYTES, (rate * LINES_MS) / 1000);
  }

  /** Lines above the screen that come with it without keeping an echo waiting. */
  linesThatFit(wanted: number): number {
    const rate = this.bytesPerSecond;
    return rate === undefined ? wanted : Math.min(wanted, Math.floor((rate * LINES_MS) / 1000 / LINE_BYTES));
  }

  #adapt(delayMs: number, isLimited: boolean, bytes: number, nowMs: number): void {
    if (nowMs - this.#delayMs.sinceMs > DELAY_MEMORY_MS) this.#delayMs = { recent: delayMs, before: this.#delayMs.recent, sinceMs: nowMs };
    this.#delayMs.recent = Math.min(this.#delayMs.recent, delayMs);
    const shortestMs = Math.min(this.#delayMs.recent, this.#delayMs.before);
    const queuedMs = delayMs - shortestMs;
    if (queuedMs > AIM_QUEUED_MS) {
      // The newest rate: the best one may be that of a link which is gone.
      const carried = ((this.#rates.at(-1) ?? 0) * (shortestMs + AIM_QUEUED_MS)) / 1000;
      this.#window = Math.min(this.#window, carried);
    } else if (isLimited && queuedMs <= AIM_QUEUED_MS / 2) {
      this.#window = Math.min(this.#window + bytes, MAX_WINDOW_BYTES);
    }
    this.#window = Math.floor(Math.max(this.#window, MIN_WINDOW_BYTES));
  }
}
