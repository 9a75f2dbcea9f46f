// Owns when a person who comes back is told how old the session's last sight is. Pure.
import { formatAge } from '../ui/relative-time.ts';

/** Shorter absences are not worth a word, unless something was missed. */
const WORTH_TELLING_MS = 30_000;

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
  if (!isNewPage && !missedOutput && awayMs <= WORTH_TELLING_MS) return undefined;
  return `Reconnected to session (${formatAge(awayMs)} old)`;
}
