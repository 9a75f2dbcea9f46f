// Owns how long each session has been idle: nobody looks, nothing is typed, nothing is printed. Pure: told when time may have passed.
//
// Idle time adds up on the monotonic clock and only while the host runs: a tick that comes late (a suspended computer, a stopped process)
// counts as one tick, and a jump of the wall clock as nothing. Invariant: no session is idle longer than the host has watched it be so.
import type { SessionId } from '../protocol/messages.ts';

/** How often idle time is counted (ms): an eighth of the shortest time-out, which is a second at least. */
export const IDLE_TICK_MS = 125;
/** A new session with a short time-out is met within it. */
const MAX_TICK_MS = 1000;
const TICKS_PER_TIMEOUT = 8;
/** A late tick counts as this many at the most. */
const MAX_LATE_TICKS = 4;

/** Until the next tick (ms). */
export function tickMs(timeoutsMs: readonly number[]): number {
  const shortest = Math.min(...timeoutsMs.filter((timeoutMs) => timeoutMs > 0), MAX_TICK_MS * TICKS_PER_TIMEOUT);
  return Math.max(IDLE_TICK_MS, Math.min(MAX_TICK_MS, shortest / TICKS_PER_TIMEOUT));
}

export interface IdleState {
  readonly id: SessionId;
  /** 0: never. */
  readonly timeoutMs: number;
  /** Changes with every byte typed or printed. */
  readonly activity: number;
  readonly viewers: number;
}

interface Idle {
  activity: number;
  idleMs: number;
}

export class IdleClock {
  readonly #idle = new Map<SessionId, Idle>();
  #lastMs: number;
  #nextMs = IDLE_TICK_MS;

  constructor(monotonicMs: number) {
    this.#lastMs = monotonicMs;
  }

  /** When to tick again (ms from now). */
  get nextMs(): number {
    return this.#nextMs;
  }

  /** Counts what has passed; returns the sessions whose time is up. Sessions that are not named are forgotten. */
  tick(monotonicMs: number, sessions: readonly IdleState[]): readonly SessionId[] {
    const passedMs = Math.min(Math.max(0, monotonicMs - this.#lastMs), MAX_LATE_TICKS * this.#nextMs);
    this.#lastMs = monotonicMs;
    const known = new Set<SessionId>();
    const due: SessionId[] = [];
    for (const { id, timeoutMs, activity, viewers } of sessions) {
      known.add(id);
      const idle = this.#idle.get(id);
      if (!idle || viewers > 0 || idle.activity !== activity) {
        this.#idle.set(id, { activity, idleMs: 0 });
        continue;
      }
      idle.idleMs += passedMs;
      if (timeoutMs > 0 && idle.idleMs >= timeoutMs) due.push(id);
    }
    for (const id of this.#idle.keys()) if (!known.has(id)) this.#idle.delete(id);
    this.#nextMs = tickMs(sessions.map(({ timeoutMs }) => timeoutMs));
    return due;
  }

  /** What is left until its time is up; null: never, or somebody looks. */
  leftMs({ id, timeoutMs, activity, viewers }: IdleState): number | null {
    if (timeoutMs === 0 || viewers > 0) return null;
    const idle = this.#idle.get(id);
    return Math.max(0, timeoutMs - (idle?.activity === activity ? idle.idleMs : 0));
  }
}
