// Owns how much of what is typed may be on its way, learnt from how long answers take. No I/O, no timers.
//
// All that is handed to the socket at once goes as one message, and while that is on a slow link no other sign of life comes through: a paste
// would look like a dead link, and be one when it is given up.

/** On any link that carries keys at all this arrives in about a second (bytes). */
export const MIN_WINDOW_BYTES = 4 * 1024;
/** More makes no link quicker (bytes). */
const MAX_WINDOW_BYTES = 128 * 1024;
/** An answer may take so much longer than the quickest one while the window grows, and so much before it shrinks (ms). */
const QUICK_MS = 200;
const SLOW_MS = 1000;

export class InputWindow {
  #bytes = MIN_WINDOW_BYTES;
  #shortestMs = Infinity;

  /** Bytes that may be on their way. */
  get bytes(): number {
    return this.#bytes;
  }

  /** An input of so many bytes was answered after so long; `isLimited`: more was waiting for the window. */
  answered(bytes: number, tookMs: number, isLimited: boolean): void {
    this.#shortestMs = Math.min(this.#shortestMs, tookMs);
    const queuedMs = tookMs - this.#shortestMs;
    if (queuedMs > SLOW_MS) this.#bytes = Math.max(MIN_WINDOW_BYTES, Math.floor(this.#bytes / 2));
    else if (isLimited && queuedMs <= QUICK_MS) this.#bytes = Math.min(MAX_WINDOW_BYTES, this.#bytes + bytes);
  }

  /** The connection was lost: the next one may be another link. */
  reset(): void {
    this.#bytes = MIN_WINDOW_BYTES;
    this.#shortestMs = Infinity;
  }
}
