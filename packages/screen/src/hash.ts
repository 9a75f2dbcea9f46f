// Owns a fingerprint of what a terminal shows: two that show the same have the same, whichever end they are on. Not for strangers: anybody
// can make two screens of one fingerprint.
//
// In it: size, the rows of the screen in use (not the reader's place in the history), characters, colours, styles, that there is a link
// (not its number: a terminal that was fed in another way may count otherwise), the cursor's place and whether it is hidden.
import { CELL_WORDS, COMBINED_FLAG, EXTENDED_FLAG, MAX_CELL_CHARS } from './state.ts';
import { coreOf } from './xterm-internals.ts';
import type { CoreLine, ScreenTerminal } from './xterm-internals.ts';

/** 16 hexadecimal digits. About 0.1 ms for 80 x 24. Meaningful between the writes of a terminal whose sequences have all ended. */
export function hashScreen(terminal: ScreenTerminal): string {
  const { cols, rows } = terminal;
  const core = coreOf(terminal);
  const buffer = core.buffers.active;
  const mixer = new Mixer();
  mixer.add(cols);
  mixer.add(rows);
  mixer.add(buffer.x);
  mixer.add(buffer.y);
  mixer.add(core.coreService.isCursorHidden ? 1 : 0);
  for (let y = 0; y < rows; y += 1) {
    const line = buffer.lines.get(buffer.ybase + y);
    if (line) addLine(mixer, line, cols);
  }
  return mixer.digits();
}

function addLine(mixer: Mixer, line: CoreLine, cols: number): void {
  const { _data: data } = line;
  const words = Math.min(cols, line.length) * CELL_WORDS;
  for (let at = 0; at < words; at += CELL_WORDS) {
    const content = data[at] ?? 0;
    const bg = data[at + 2] ?? 0;
    mixer.add(content);
    mixer.add(data[at + 1] ?? 0);
    mixer.add(bg);
    if ((content & COMBINED_FLAG) !== 0) addText(mixer, line._combined[at / CELL_WORDS] ?? '');
    if ((bg & EXTENDED_FLAG) !== 0) {
      const extended = line._extendedAttrs[at / CELL_WORDS];
      mixer.add(extended?._ext ?? 0);
      mixer.add(extended?._urlId ? 1 : 0);
    }
  }
}

/** As much of it as a state keeps. */
function addText(mixer: Mixer, text: string): void {
  const end = Math.min(text.length, MAX_CELL_CHARS - 1);
  for (let at = 0; at < end; at += 1) mixer.add(text.charCodeAt(at));
}

/** Two lanes of 32 bits, each word into both, with the multipliers of MurmurHash3. */
class Mixer {
  #low = 0x9747b28c;
  #high = 0x1b873593;

  add(word: number): void {
    const first = Math.imul(this.#low ^ word, 0xcc9e2d51);
    this.#low = (first << 13) | (first >>> 19);
    const second = Math.imul(this.#high ^ word, 0x85ebca6b);
    this.#high = ((second << 15) | (second >>> 17)) + first;
  }

  digits(): string {
    return hex(finish(this.#low ^ finish(this.#high))) + hex(finish(this.#high ^ this.#low));
  }
}

function finish(value: number): number {
  const mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  const again = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return again ^ (again >>> 16);
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}
