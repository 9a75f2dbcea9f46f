// Owns: deleting the rows of removed sessions, in steps short enough for the host's loop. What a step has deleted stays deleted; what
// is left after a crash is found again in the `purge` table.
import type { JournalWriter, LogEnds } from './writer.ts';

/** Pause between two steps of 1-3 ms (ms): at most a quarter of the loop. */
const STEP_PAUSE_MS = 10;
/** Pause after a step that failed, most likely on a full disk (ms). */
const RETRY_MS = 5000;

interface Purge {
  readonly session: number;
  /** The rows up to here are done, in both logs. */
  from: LogEnds;
  readonly until: LogEnds;
}

export class Purger {
  readonly #writer: JournalWriter;
  readonly #onStep: () => void;
  readonly #makeRoom: (error: unknown) => boolean;
  readonly #purges: Purge[] = [];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** `onStep`: something was committed. `makeRoom`: whether after this failure another attempt finds more space. */
  constructor(writer: JournalWriter, onStep: () => void, makeRoom: (error: unknown) => boolean) {
    this.#writer = writer;
    this.#onStep = onStep;
    this.#makeRoom = makeRoom;
  }

  get idle(): boolean {
    return this.#purges.length === 0;
  }

  /** The session's rows lie behind `from`, up to and including `until`. */
  add(session: number, from: LogEnds, until: LogEnds): void {
    this.#purges.push({ session, from, until });
    this.#arm(STEP_PAUSE_MS);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #arm(delayMs: number): void {
    if (this.#closed || this.#timer !== undefined || this.idle) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#arm(this.#step() ? STEP_PAUSE_MS : RETRY_MS);
    }, delayMs);
  }

  /** False when storing failed; the step then changed nothing. */
  #step(): boolean {
    const purge = this.#purges[0];
    if (purge === undefined) return true;
    try {
      const next = this.#writer.purgeStep(purge.session, purge.from, purge.until);
      if (next === null) this.#purges.shift();
      else purge.from = next;
    } catch (error) {
      // Nothing is lost by waiting, and the next commit of output reports the same trouble.
      return this.#makeRoom(error);
    }
    this.#onStep();
    return true;
  }
}
