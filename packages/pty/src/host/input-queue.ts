// Owns the bytes typed into one terminal and not yet taken by it. Must not know who typed them.
// Why not node-pty's own: it retries a full terminal with setImmediate and burns a core while the reader sleeps (measured: 2.5 s CPU in 3 s).
// Invariant: bytes leave in the order they were accepted, each once; nothing is accepted beyond the limit.
import type { Clock, Timer } from './clock.ts';

/** One write: the line discipline takes at most 4 KiB at a time (N_TTY_BUF_SIZE), larger pieces only end in partial writes. */
const PIECE_BYTES = 4096;
/** Written in one turn of the loop at most, so that a fast reader of a large paste does not hold up the other sessions. */
const TURN_BYTES = 64 * 1024;
/** Pauses when the terminal is full: first as short as a timer gets, then doubling; at 100 ms a sleeping reader costs nothing. */
const FIRST_RETRY_MS = 1;
const LAST_RETRY_MS = 100;

interface Piece {
  readonly bytes: Uint8Array;
  from: number;
  to: number;
}

export interface InputQueueOptions {
  /** Gives the terminal some bytes without waiting: how many it took, 0 when it is full. Throws when there is no terminal any more. */
  readonly write: (bytes: Uint8Array) => number;
  readonly clock: Clock;
  readonly limitBytes: number;
  /** The terminal is gone; what was queued is dropped, and so is whatever comes. */
  readonly failed: (error: unknown) => void;
}

export class InputQueue {
  readonly #options: InputQueueOptions;
  #pieces: Piece[] = [];
  #first = 0;
  #queuedBytes = 0;
  #retryMs = FIRST_RETRY_MS;
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: InputQueueOptions) {
    this.#options = options;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Copies and takes all of it, or nothing: false when it does not fit. */
  offer(bytes: Uint8Array): boolean {
    if (this.#queuedBytes + bytes.length > this.#options.limitBytes) return false;
    if (this.#closed) return true;
    for (let at = 0; at < bytes.length;) at += this.#append(bytes.subarray(at));
    this.#queuedBytes += bytes.length;
    if (!this.#timer) this.#flush();
    return true;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#pieces = [];
    this.#first = 0;
    this.#queuedBytes = 0;
  }

  /** Into pieces of our own: many single keys share one, and no read buffer of a socket is kept alive by them. */
  #append(bytes: Uint8Array): number {
    let last = this.#pieces.at(-1);
    if (!last || last.to === PIECE_BYTES) {
      last = { bytes: new Uint8Array(PIECE_BYTES), from: 0, to: 0 };
      this.#pieces.push(last);
    }
    const part = bytes.subarray(0, PIECE_BYTES - last.to);
    last.bytes.set(part, last.to);
    last.to += part.length;
    return part.length;
  }

  #flush(): void {
    let turn = 0;
    while (this.#queuedBytes > 0 && turn < TURN_BYTES) {
      const piece = this.#pieces[this.#first];
      if (!piece) return;
      let taken: number;
      try {
        taken = this.#options.write(piece.bytes.subarray(piece.from, piece.to));
      } catch (error) {
        this.close();
        this.#options.failed(error);
        return;
      }
      if (taken === 0) {
        this.#retry(this.#retryMs);
        this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
        return;
      }
      this.#retryMs = FIRST_RETRY_MS;
      this.#taken(piece, taken);
      turn += taken;
    }
    if (this.#queuedBytes > 0) this.#retry(0);
  }

  #taken(piece: Piece, bytes: number): void {
    piece.from += bytes;
    this.#queuedBytes -= bytes;
    if (piece.from < piece.to) return;
    this.#first += 1;
    if (this.#first < this.#pieces.length) return;
    this.#pieces = [];
    this.#first = 0;
  }

  #retry(ms: number): void {
    this.#timer = this.#options.clock.after(ms, () => {
      this.#timer = undefined;
      this.#flush();
    });
  }
}
