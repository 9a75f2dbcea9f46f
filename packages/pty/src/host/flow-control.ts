// Owns when a terminal is paused because storing lags behind. Must not know viewers: a slow viewer never pauses a program.
// Invariant: a paused terminal is looked at again by a timer, so that it cannot stay paused because a report was missed.
import type { Clock, Timer } from './clock.ts';

/** How often a paused terminal is looked at again without a commit: rare enough to cost nothing, short enough not to be felt. */
const RECHECK_MS = 250;

export interface FlowControlOptions {
  /** Appended and not yet committed. */
  readonly pendingBytes: () => number;
  readonly pause: () => void;
  readonly resume: () => void;
  readonly bounds: () => { readonly highBytes: number; readonly lowBytes: number };
  readonly clock: Clock;
}

export class FlowControl {
  readonly #options: FlowControlOptions;
  #recheck: Timer | undefined;

  constructor(options: FlowControlOptions) {
    this.#options = options;
  }

  get paused(): boolean {
    return this.#recheck !== undefined;
  }

  /** Call after each append. */
  appended(): void {
    if (this.paused || this.#options.pendingBytes() < this.#options.bounds().highBytes) return;
    this.#options.pause();
    this.#arm();
  }

  /** Call after each commit. */
  committed(): void {
    if (!this.paused || this.#options.pendingBytes() > this.#options.bounds().lowBytes) return;
    this.#recheck?.cancel();
    this.#recheck = undefined;
    this.#options.resume();
  }

  close(): void {
    this.#recheck?.cancel();
    this.#recheck = undefined;
  }

  #arm(): void {
    this.#recheck = this.#options.clock.after(RECHECK_MS, () => {
      this.#arm();
      this.committed();
    });
  }
}
