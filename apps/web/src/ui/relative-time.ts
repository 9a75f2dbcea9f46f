// Owns how a length of time is said in the page: one unit, never a sentence. Pure.

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** "45 s", "5 min", "2h", "3 d"; at least "1 s", and a clock that went backwards counts as that. */
export function formatAge(ageMs: number): string {
  if (ageMs >= DAY_MS) return `${Math.floor(ageMs / DAY_MS)} d`;
  if (ageMs >= HOUR_MS) return `${Math.floor(ageMs / HOUR_MS)}h`;
  if (ageMs >= MINUTE_MS) return `${Math.floor(ageMs / MINUTE_MS)} min`;
  return `${Math.max(1, Math.floor(ageMs / SECOND_MS))} s`;
}
