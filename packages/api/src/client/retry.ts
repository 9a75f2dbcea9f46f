// Owns the pauses between attempts to connect.

/** A server that restarts is back within a second; somebody is looking, so never wait longer than that. */
const RETRY_DELAYS_MS = [250, 500, 1000] as const;
/** Many clients must not come back in step. */
const RETRY_JITTER = 0.2;

/** Milliseconds before attempt number `attempt` (from 0): 0.25, 0.5, then 1 s, each ± 20 %. */
export function retryDelayMs(attempt: number, random: () => number = Math.random): number {
  const base = RETRY_DELAYS_MS[Math.min(attempt, RETRY_DELAYS_MS.length - 1)] ?? 1000;
  return Math.round(base * (1 + RETRY_JITTER * (2 * random() - 1)));
}
