// Owns whom the kernel ends first when memory runs out. The host holds the terminals and must be the last of ours; the screens process is started again
// by itself, and a server that dies costs a moment. The programs in the terminals keep what the host has.
// Linux only. An unprivileged process may raise its score and go back to where it began, not below.
import { readFileSync, writeFileSync } from 'node:fs';

const PATH = '/proc/self/oom_score_adj';

/** In thousandths of the machine's memory: the host counts as that much smaller than the server, and a program that eats memory is still larger. */
export const SERVER_POINTS = 20;
/** On top of the server's. */
export const SCREENS_POINTS = 80;

/** The score of this process; null where there is none. */
export function oomScore(): number | null {
  try {
    return Number(readFileSync(PATH, 'utf8'));
  } catch {
    return null;
  }
}

/** Without effect where it cannot be set: it is a preference. */
export function setOomScore(score: number): void {
  try {
    writeFileSync(PATH, String(Math.min(1000, score)));
  } catch {
    // Not Linux, or not allowed.
  }
}
