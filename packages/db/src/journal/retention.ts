// Owns the decision what of a session's output is kept: how much, and where the kept part may begin. Pure.
//
// A kept part begins where the terminal's state is known: at a base checkpoint that an emulator has left while it parsed. Those are offered
// about every step of output, so what is kept lies between the limit less a step and the limit. Where none was offered (no emulator ran),
// twice the limit is kept (of a small limit a little more: an emulator that is just being started must not come too late), then the limit,
// and restoring begins with a blank terminal.

/** Of the limit: 50 candidates of about 10 KB for a full history are a tenth of what it takes compressed, and no more than a fiftieth is missing. */
const STEPS = 50;
/** A dump takes as long as parsing about so much: a smaller step makes parsing more than twice as dear, and is taken only where it must be. */
const USUAL_STEP_BYTES = 64 * 1024;
/** Of a small limit: whatever it is, seven eighths of it are kept. */
const LEAST_STEPS = 8;
/** Kept at the most when nobody offers a beginning, times the limit. */
const WITHOUT_BASE = 2;
/** Half a second of a flood at 30 MB/s: an emulator's process starts in a quarter of a second, and then sets the pace (bytes). */
const START_BYTES = 16 * 1024 * 1024;

/** Output between two candidates (bytes): a fiftieth of the limit, of a limit below 3.2 MB up to an eighth. The emulator offers as often. */
export function stepBytes(maxHistoryBytes: number): number {
  return Math.max(Math.floor(maxHistoryBytes / STEPS), Math.min(USUAL_STEP_BYTES, Math.floor(maxHistoryBytes / LEAST_STEPS)));
}

export interface Kept {
  readonly firstOffset: number;
  readonly endOffset: number;
  readonly maxHistoryBytes: number;
  /** Offsets at which the kept part may begin, ascending. */
  readonly candidates: readonly number[];
}

export type TrimDecision =
  | { readonly kind: 'keep' }
  /** Begin at this candidate. */
  | { readonly kind: 'base'; readonly offset: number }
  /** Begin about here, with a blank terminal. */
  | { readonly kind: 'blank'; readonly offset: number };

export function decideTrim({ firstOffset, endOffset, maxHistoryBytes, candidates }: Kept): TrimDecision {
  if (endOffset - firstOffset <= maxHistoryBytes) return { kind: 'keep' };
  const least = endOffset - maxHistoryBytes;
  const offset = candidates.find((candidate) => candidate >= least && candidate <= endOffset);
  if (offset !== undefined) return { kind: 'base', offset };
  const most = Math.max(WITHOUT_BASE * maxHistoryBytes, maxHistoryBytes + START_BYTES);
  return endOffset - firstOffset > most ? { kind: 'blank', offset: least } : { kind: 'keep' };
}

/** Whether a state at `offset` is worth keeping as a candidate. */
export function isWanted({ firstOffset, maxHistoryBytes, candidates }: Omit<Kept, 'endOffset'>, offset: number): boolean {
  const newest = candidates.at(-1) ?? firstOffset;
  return offset - newest >= stepBytes(maxHistoryBytes);
}
