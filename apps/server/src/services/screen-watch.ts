// Owns finding a line in what a terminal shows: lines on its screen and lines that have left it, never its escape sequences. Fed piece by piece; a
// look at the screen follows each piece. Must not know where the pieces come from.
import { setImmediate } from 'node:timers/promises';
import { screenText } from '@cotg/screen';
import type { StreamEntry } from './entries.ts';
import { makeHistoryLines } from './history-lines.ts';
import type { HistoryStart } from './history-lines.ts';

/** Looked at between two pieces: what a program prints and takes back within one may be missed. The host reads terminals in pieces of this size. */
export const PIECE_BYTES = 4096;
/** Matching gives others their turn after this (ms). */
const SLICE_MS = 10;

export interface ScreenWatch {
  /** The first line that matches on the screen as it is. */
  look(): Promise<string | undefined>;
  /** The first line that matches in or behind this entry. Entries are at most PIECE_BYTES. */
  take(entry: StreamEntry): Promise<string | undefined>;
  close(): void;
}

export async function makeScreenWatch(start: HistoryStart, matches: (line: string) => boolean): Promise<ScreenWatch> {
  const lines = await makeHistoryLines(start, {
    lines: (state) => screenText(state, { scrollback: 0, keepBlankEnd: true }),
    note: () => '',
  });
  /** On the screen at the last look: they did not match then. */
  let known: ReadonlySet<string> = new Set();

  const firstOf = async (some: readonly string[]): Promise<string | undefined> => {
    let until = performance.now() + SLICE_MS;
    for (const line of some) {
      if (known.has(line)) continue;
      if (matches(line)) return line;
      if (performance.now() < until) continue;
      await setImmediate();
      until = performance.now() + SLICE_MS;
    }
    return undefined;
  };
  const look = async (): Promise<string | undefined> => {
    const shown = lines.screen();
    const found = await firstOf(shown);
    known = new Set(shown);
    return found;
  };

  return {
    look,
    async take(entry) {
      const left = await lines.take(entry);
      return (await firstOf(left)) ?? look();
    },
    close: () => void lines.end(),
  };
}
