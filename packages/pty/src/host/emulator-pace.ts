// Owns what an emulator elsewhere has parsed of one session: up to where queries of the program have been answered, and whether the
// terminal must wait because the emulator is too far behind. Must not know what parses or how a terminal is paused.
//
// Invariant: replies to one query are typed once, whoever parses it again: only what lies behind `answered` is news.
import type { FlowControl } from './flow-control.ts';

/** An emulator that works reports every few milliseconds; one that says nothing for so long has stopped. */
const HUNG_MS = 5000;

export class EmulatorPace {
  /** Offset behind the last byte whose queries have been answered. Lives as long as the child: its successor asks anew. */
  #answered: number;
  #parsed: number | undefined;
  #heardAt = 0;
  #isAwaited = false;
  readonly #flow: FlowControl;
  readonly #appended: () => number;
  readonly #now: () => number;

  constructor(options: {
    readonly flow: (pendingBytes: () => number) => FlowControl;
    readonly appended: () => number;
    /** Where the child's output begins. */
    readonly from: number;
    /** Monotonic milliseconds. */
    readonly now: () => number;
  }) {
    this.#answered = options.from;
    this.#appended = options.appended;
    this.#now = options.now;
    // A program is held back by an emulator that lags, never by one that is missing or hangs.
    this.#flow = options.flow(() =>
      this.#parsed === undefined || this.#now() - this.#heardAt > HUNG_MS ? 0 : this.#appended() - this.#parsed,
    );
  }

  get answered(): number {
    return this.#answered;
  }

  /** Somebody waits for its screens, as of the last report. */
  get isAwaited(): boolean {
    return this.#isAwaited;
  }

  appended(): void {
    this.#flow.appended();
  }

  /** An emulator has parsed up to `offset`. True when what it has to say is news. */
  reached(offset: number, isAwaited = false): boolean {
    this.#heardAt = this.#now();
    this.#isAwaited = isAwaited;
    this.#parsed = Math.min(offset, this.#appended());
    this.#flow.committed();
    if (offset <= this.#answered) return false;
    this.#answered = this.#parsed;
    return true;
  }

  /** Nobody parses any more. */
  gone(): void {
    this.#parsed = undefined;
    this.#isAwaited = false;
    this.#flow.committed();
  }

  close(): void {
    this.#flow.close();
  }
}
