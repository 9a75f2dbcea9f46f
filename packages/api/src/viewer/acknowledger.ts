// Owns when the server is told how far this terminal has parsed. Acknowledgements are cumulative: a lost one does no harm.

/** At most ten a second while little comes (ms) … */
const INTERVAL_MS = 100;
/** … at once when everything that came has been parsed and that was half of the server's smallest window: it may be waiting for us (bytes) … */
const HALF_WINDOW_BYTES = 4 * 1024;
/** … and one for so much in any case (bytes): a flood never waits for us. */
const STEP_BYTES = 64 * 1024;

export class Acknowledger {
  readonly #send: (offset: number) => void;
  #parsed = 0;
  #acknowledged = 0;
  #sentAt = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(send: (offset: number) => void) {
    this.#send = send;
  }

  /** New content begins at `offset`: what was parsed of the old one is of no interest. */
  startAt(offset: number): void {
    this.stop();
    this.#parsed = offset;
    this.#acknowledged = offset;
  }

  /** A screen is shown that stands for everything before `offset`: the server waits for that before it sends the next. */
  shown(offset: number): void {
    this.#parsed = Math.max(this.#parsed, offset);
    this.#flush();
  }

  /** Everything before `offset` has been parsed; `isAll`: of what came. */
  parsed(offset: number, isAll: boolean): void {
    this.#parsed = Math.max(this.#parsed, offset);
    if (this.#parsed === this.#acknowledged) return;
    const waitMs = this.#sentAt + INTERVAL_MS - performance.now();
    const bytes = this.#parsed - this.#acknowledged;
    if (bytes >= (isAll ? HALF_WINDOW_BYTES : STEP_BYTES) || waitMs <= 0) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), waitMs);
  }

  /** Says again how far we are: the acknowledgements of a lost connection may not have arrived. */
  repeat(): void {
    this.#flush();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #flush(): void {
    this.stop();
    this.#acknowledged = this.#parsed;
    this.#sentAt = performance.now();
    this.#send(this.#parsed);
  }
}
