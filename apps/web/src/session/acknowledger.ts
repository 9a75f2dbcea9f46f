// Owns when the server is told how far this terminal has parsed. Acknowledgements are cumulative: a lost one does no harm.

/** At most ten a second while little comes … */
const INTERVAL_MS = 100;
/** … and at least one each quarter of the server's window of 256 KiB, so that a flood never waits for us. */
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

  /** A new attachment begins at `offset`, which needs no acknowledgement. */
  startAt(offset: number): void {
    this.stop();
    this.#parsed = offset;
    this.#acknowledged = offset;
  }

  /** Everything before `offset` has been parsed. */
  parsed(offset: number): void {
    this.#parsed = Math.max(this.#parsed, offset);
    if (this.#parsed === this.#acknowledged) return;
    const waitMs = this.#sentAt + INTERVAL_MS - performance.now();
    if (this.#parsed - this.#acknowledged >= STEP_BYTES || waitMs <= 0) this.#flush();
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
