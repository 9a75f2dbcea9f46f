// Owns a recording of a session as asciicast v2 (docs.asciinema.org/manual/asciicast/v2): a JSON line with the size, then one for each event:
// [seconds, "o" output | "r" resize | "m" marker, text]. Timing is the journal's: a time mark each quarter of a second of output.
import type { HostSession } from '@cotg/pty/client';
import { screenAnsi } from '@cotg/screen';
import type { ScreenState } from '@cotg/screen';
import type { StreamEntry } from './entries.ts';

/** Entering or leaving the alternate screen (xterm ctlseqs: DECSET 47, 1047, 1049). */
const ESC = '\u001b';
const ALTERNATE = new RegExp(`${ESC}\\[\\?(?:1049|1047|47)([hl])`, 'g');
/** Longest of those sequences: it may lie across two pieces of output. */
const MAX_SEQUENCE_CHARS = 8;

export interface HistoryCast {
  head(title: string): string;
  /** What a recording begins with whose beginning is gone: a marker, and the screen as it was there. */
  trimmed(firstOffset: number, state: ScreenState | null): string;
  take(entry: StreamEntry): string;
  end(): string;
}

/** Draws the rows of a state and puts the cursor where it was. */
function screenOutput(state: ScreenState): string {
  const { x, y } = state.active === 'alternate' ? state.alternate : state.normal;
  const alternate = state.active === 'alternate' ? `${ESC}[?1049h` : '';
  const rows = screenAnsi(state, { joinWrapped: false, keepBlankEnd: true }).join('\r\n');
  return `${alternate}${ESC}[H${ESC}[2J${rows}${ESC}[${y + 1};${x + 1}H`;
}

export function makeHistoryCast(
  session: Pick<HostSession, 'createdAt'>,
  size: { readonly cols: number; readonly rows: number },
): HistoryCast {
  // A character split over pieces is held back until it is whole; a byte that is none becomes U+FFFD, as JSON can hold no other.
  const decoder = new TextDecoder();
  let startMs: number | undefined;
  let nowMs = 0;
  let carry = '';

  const line = (code: 'o' | 'r' | 'm', text: string): string => `${JSON.stringify([Number((nowMs / 1000).toFixed(3)), code, text])}\n`;
  const output = (bytes: Uint8Array, options: { stream: boolean }): string => {
    const text = decoder.decode(bytes, options);
    if (text === '') return '';
    const seen = carry + text;
    const before = carry.length;
    carry = seen.slice(-(MAX_SEQUENCE_CHARS - 1));
    // A marker stands where its sequence does; of one that lies across two pieces, where the second begins.
    let events = '';
    let at = 0;
    for (const match of seen.matchAll(ALTERNATE)) {
      if (match.index + match[0].length <= before) continue;
      const place = Math.max(0, match.index - before);
      if (place > at) events += line('o', text.slice(at, place));
      events += line('m', match[1] === 'h' ? 'full-screen program' : 'back to the shell');
      at = place;
    }
    return events + line('o', text.slice(at));
  };

  return {
    head: (title) =>
      `${JSON.stringify({ version: 2, width: size.cols, height: size.rows, timestamp: Math.floor(session.createdAt / 1000), title, env: { TERM: 'xterm-256color' } })}\n`,
    trimmed(firstOffset, state) {
      const marker = line('m', `history before offset ${firstOffset} is no longer kept`);
      return state ? marker + line('o', screenOutput(state)) : marker;
    },
    take(entry) {
      if (entry.kind === 'output') return output(entry.bytes, { stream: true });
      const mark = entry.entry;
      // What the first mark says is 0; a clock that was set back stands still.
      if (mark.at > 0) {
        startMs ??= mark.at;
        nowMs = Math.max(nowMs, mark.at - startMs);
      }
      switch (mark.kind) {
        case 'resize':
          return line('r', `${mark.cols}x${mark.rows}`);
        case 'gap':
          return mark.lostBytes === 0 ? '' : line('m', `${mark.lostBytes} bytes of output are missing here`);
        case 'seam':
          return line('m', `run ${mark.run}: ${mark.note}`);
        case 'time':
        case 'exit':
          return '';
      }
    },
    end: () => output(new Uint8Array(0), { stream: false }),
  };
}
