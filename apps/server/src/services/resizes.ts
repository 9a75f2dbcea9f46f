// Owns how often a terminal is resized: the first size takes effect at once, of a storm of them only the newest one after a pause. Every one is a
// mark in the journal and a redraw of the program.
import type { HostSession } from '@cotg/pty/client';

/** Between two sizes of one session (ms). */
const RESIZE_INTERVAL_MS = 100;

export interface Grid {
  readonly cols: number;
  readonly rows: number;
}

interface Pending {
  grid: Grid;
  readonly done: Promise<HostSession>;
}

export class Resizes {
  readonly #apply: (sessionId: string, grid: Grid) => Promise<HostSession>;
  readonly #lastMs = new Map<string, number>();
  readonly #pending = new Map<string, Pending>();

  constructor(apply: (sessionId: string, grid: Grid) => Promise<HostSession>) {
    this.#apply = apply;
  }

  /** The session with the size that won. Rejects with what applying rejects with. */
  resize(sessionId: string, grid: Grid): Promise<HostSession> {
    const pending = this.#pending.get(sessionId);
    if (pending) {
      pending.grid = grid;
      return pending.done;
    }
    const waitMs = (this.#lastMs.get(sessionId) ?? -Infinity) + RESIZE_INTERVAL_MS - performance.now();
    if (waitMs <= 0) return this.#now(sessionId, grid);
    const waiting: Pending = {
      grid,
      done: new Promise((resolve) => setTimeout(resolve, waitMs)).then(() => {
        this.#pending.delete(sessionId);
        return this.#now(sessionId, waiting.grid);
      }),
    };
    this.#pending.set(sessionId, waiting);
    return waiting.done;
  }

  forget(sessionId: string): void {
    this.#lastMs.delete(sessionId);
  }

  #now(sessionId: string, grid: Grid): Promise<HostSession> {
    this.#lastMs.set(sessionId, performance.now());
    return this.#apply(sessionId, grid);
  }
}
