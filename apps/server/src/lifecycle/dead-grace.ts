// Owns how long an ended session stays: counted from the first time a client saw it ended, or from its end when nobody has looked. Pure but for
// what it remembers of this process's own clock.
//
// Two clocks must agree. The monotonic one counts only while this server runs, so neither a jump of the wall clock nor a suspended night
// removes anything; the wall clock says how much of the grace had passed before this server started to count.
// Invariant: nothing is due earlier than its grace by either clock.

/** Unseen ended sessions are kept this long: somebody who is away for a week still finds what became of their build (ms). */
export const UNSEEN_MS = 7 * 24 * 60 * 60 * 1000;

export interface EndedSession {
  readonly id: string;
  readonly endedAt: number;
  /** When a client first saw it ended; null: nobody has. */
  readonly seenAt: number | null;
  readonly pinned: boolean;
}

export class DeadGrace {
  readonly #graceMs: number;
  /** Monotonic time at which each was first met in its present state. */
  readonly #met = new Map<string, { readonly key: string; readonly sinceMs: number }>();

  /** 0: for ever. */
  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  /** What is left (ms); null: it stays. */
  leftMs(session: EndedSession, nowMs: number, monotonicMs: number): number | null {
    if (session.pinned || this.#graceMs === 0) return null;
    const from = session.seenAt ?? session.endedAt;
    const key = `${session.endedAt} ${session.seenAt}`;
    let met = this.#met.get(session.id);
    if (met?.key !== key) {
      met = { key, sinceMs: monotonicMs };
      this.#met.set(session.id, met);
    }
    const graceMs = session.seenAt === null ? Math.max(UNSEEN_MS, this.#graceMs) : this.#graceMs;
    return Math.max(0, from + graceMs - nowMs, met.sinceMs + graceMs - monotonicMs);
  }

  forget(id: string): void {
    this.#met.delete(id);
  }
}
