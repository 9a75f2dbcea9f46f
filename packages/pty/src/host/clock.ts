// Owns time as the host sees it, so that tests can move it. Invariant: a cancelled timer never runs.

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Epoch milliseconds, for records that people read. */
  now(): number;
  /** Milliseconds that only grow, whatever happens to the computer's clock: for everything that measures. */
  monotonic(): number;
  /** Runs once after `ms`. */
  after(ms: number, run: () => void): Timer;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};
