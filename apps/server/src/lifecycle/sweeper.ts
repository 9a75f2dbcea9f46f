// Owns when ended sessions are looked at and removed. Must not know how long they stay (dead-grace.ts) nor what a session is beyond that.
// Invariant: only what the host has just said is ended is removed; a host that does not answer means nothing is.
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';

export interface SweptSessions {
  /** Ended sessions whose time is up, as the host says now. Rejects when it does not answer. */
  due(): Promise<readonly string[]>;
  /** The host refuses when it lives again. */
  removeSwept(id: string): Promise<void>;
}

export interface SweepCounts {
  readonly sweeps: number;
  readonly removed: number;
  readonly failed: number;
}

export class Sweeper {
  readonly #sessions: SweptSessions;
  readonly #log: Logger;
  readonly #timer: ReturnType<typeof setInterval>;
  #sweeping: Promise<void> | undefined;
  #counts = { sweeps: 0, removed: 0, failed: 0 };

  constructor(options: { readonly sessions: SweptSessions; readonly intervalMs: number; readonly log: Logger }) {
    this.#sessions = options.sessions;
    this.#log = options.log;
    this.#timer = setInterval(() => void this.sweep(), options.intervalMs);
    this.#timer.unref();
    void this.sweep();
  }

  get counts(): SweepCounts {
    return this.#counts;
  }

  /** One at a time. Never rejects. */
  sweep(): Promise<void> {
    this.#sweeping ??= this.#sweep().finally(() => {
      this.#sweeping = undefined;
    });
    return this.#sweeping;
  }

  async #sweep(): Promise<void> {
    try {
      for (const id of await this.#sessions.due()) {
        await this.#sessions.removeSwept(id);
        this.#counts = { ...this.#counts, removed: this.#counts.removed + 1 };
        this.#log.info({ session: id }, 'removed an ended session: its time is up');
      }
      this.#counts = { ...this.#counts, sweeps: this.#counts.sweeps + 1 };
    } catch (error) {
      // Unknown is not dead: the next sweep asks again.
      this.#counts = { ...this.#counts, failed: this.#counts.failed + 1 };
      this.#log.warn({ error: messageOf(error) }, 'a sweep broke off');
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sweeping;
  }
}
