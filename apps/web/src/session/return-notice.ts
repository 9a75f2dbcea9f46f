// Owns when a person who comes back is told how old the session's last sight is. Pure.
import { formatAge } from '../ui/relative-time.ts';

/** Shorter absences are not worth a word … */
const WORTH_TELLING_MS = 30_000;
/** … unless something was missed for longer than this: what came in a blink is on the screen already (ms). */
const MISSED_MS = 5000;

export interface Return {
  /** Since this device last saw the session live. */
  readonly awayMs: number;
  /** Output came meanwhile. */
  readonly missedOutput: boolean;
  /** The page itself is new: it was closed, or the browser dropped it. */
  readonly isNewPage: boolean;
}

/** The text to show, or undefined for silence. A new page had nothing of the session, so it always missed something. */
export function returnNotice({ awayMs, missedOutput, isNewPage }: Return): string | undefined {
  if (!isNewPage && awayMs <= (missedOutput ? MISSED_MS : WORTH_TELLING_MS)) return undefined;
  return `Reconnected to session (${formatAge(awayMs)} old)`;
}
