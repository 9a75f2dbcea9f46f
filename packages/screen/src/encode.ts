// Owns the layout of a stored state, version 1, as written. decode.ts reads it; change both, the number and this table together.
// Compression is the caller's (deflate-raw: about 1 KB for a screen, 9 KB with 1000 lines).
//
//   order  type        what
//   1      varint      layout, 1
//   2      text        version of the emulator
//   3      text        head: JSON (head.ts)
//   4      block       tail: bytes of an unfinished sequence
//   5      block       tail: first bytes of an unfinished character
//   6      varint n    attributes; n times: varint fg, varint bg
//   7      varint n    extended attributes; n times: varint ext, varint link
//   8      varint n    lines of the normal screen, oldest first; n times: line
//   9      varint n    lines of the alternate screen; n times: line
//
//   line   varint      cells * 8 + other length * 4 + has extras * 2 + wrapped; empty cells at the end are not counted
//          varint      length, if other than the terminal's columns
//          runs        until all cells are there: varint attribute, varint cells of this run, then each cell's character:
//                      one byte 0x20-0x7e for ASCII of width 1, else varint code point * 8 + width * 2 + combined
//                      (below 0x20 or above 0x7f: no code points below 16 but 0 exist here)
//          extras      varint n, n times: varint column, text of a combined cell;
//                      varint n, n times: varint column, varint cells, varint extended attribute of that many cells
//
//   varint: bytes.ts · text, block: varint length in bytes, then the bytes (text is UTF-8)
// Invariant: nothing else follows, and a blob decodes if and only if every number is within the limits of state.ts.
import { ByteWriter } from './bytes.ts';
import { ScreenError } from './errors.ts';
import { headToJson } from './head.ts';
import { CELL_WORDS, CODE_POINT_MASK, COMBINED_FLAG, WIDTH_SHIFT } from './state.ts';
import type { LineState, ScreenState } from './state.ts';

export const STATE_LAYOUT = 1;
/** Of an encoded state, before compression. The worst of 1000 lines measured has 228 KB; three full screens of 1000 x 1000 are 24 MB. */
export const MAX_STATE_BYTES = 32 * 1024 * 1024;
/** Cells of both buffers: a decoded cell takes 12 bytes. */
export const MAX_STATE_CELLS = 4_000_000;

const ASCII_FIRST = 0x20;
const ASCII_LAST = 0x7e;

/** Throws ScreenError SCREEN_TOO_LARGE. */
export function encodeState(state: ScreenState): Uint8Array {
  const attributes = new Numbering();
  const extended = new Numbering();
  // The tables stand before the lines and are known after them.
  const lines = new ByteWriter(MAX_STATE_BYTES);
  let cells = 0;
  for (const buffer of [state.normal, state.alternate]) {
    lines.varint(buffer.lines.length);
    for (const line of buffer.lines) {
      cells += line.cells.length / CELL_WORDS;
      writeLine(lines, line, state.cols, attributes, extended);
    }
  }
  if (cells > MAX_STATE_CELLS) {
    throw new ScreenError('SCREEN_TOO_LARGE', `${cells} cells are over ${MAX_STATE_CELLS}`, { hint: 'Dump it with less scrollback.' });
  }
  const writer = new ByteWriter(MAX_STATE_BYTES);
  writer.varint(STATE_LAYOUT);
  writer.text(state.emulator);
  writer.text(headToJson(state));
  writer.block(state.tail.sequence);
  writer.block(state.tail.character);
  for (const table of [attributes, extended]) {
    writer.varint(table.pairs.length);
    for (const [first, second] of table.pairs) {
      writer.varint(first);
      writer.varint(second);
    }
  }
  writer.append(lines.written);
  return writer.finish();
}

/** Numbers distinct pairs of words, in the order of their first use. */
class Numbering {
  readonly pairs: (readonly [number, number])[] = [];
  readonly #numbers = new Map<number, Map<number, number>>();

  numberOf(first: number, second: number): number {
    let bySecond = this.#numbers.get(first);
    if (!bySecond) this.#numbers.set(first, (bySecond = new Map()));
    let number = bySecond.get(second);
    if (number === undefined) {
      number = this.pairs.length;
      bySecond.set(second, number);
      this.pairs.push([first, second]);
    }
    return number;
  }
}

function writeLine(writer: ByteWriter, line: LineState, cols: number, attributes: Numbering, extended: Numbering): void {
  const { cells } = line;
  const otherLength = line.length === cols ? 0 : 1;
  const hasExtras = line.combined.length > 0 || line.extended.length > 0 ? 1 : 0;
  writer.varint((cells.length / CELL_WORDS) * 8 + otherLength * 4 + hasExtras * 2 + (line.wrapped ? 1 : 0));
  if (otherLength === 1) writer.varint(line.length);
  for (let start = 0; start < cells.length;) {
    const fg = cells[start + 1] ?? 0;
    const bg = cells[start + 2] ?? 0;
    let end = start + CELL_WORDS;
    while (end < cells.length && cells[end + 1] === fg && cells[end + 2] === bg) end += CELL_WORDS;
    writer.varint(attributes.numberOf(fg, bg));
    writer.varint((end - start) / CELL_WORDS);
    for (let at = start; at < end; at += CELL_WORDS) writeCharacter(writer, cells[at] ?? 0);
    start = end;
  }
  if (hasExtras === 1) writeExtras(writer, line, extended);
}

function writeCharacter(writer: ByteWriter, content: number): void {
  const codePoint = content & CODE_POINT_MASK;
  const width = content >>> WIDTH_SHIFT;
  const combined = (content & COMBINED_FLAG) === 0 ? 0 : 1;
  if (width === 1 && combined === 0 && codePoint >= ASCII_FIRST && codePoint <= ASCII_LAST) writer.byte(codePoint);
  else writer.varint(codePoint * 8 + width * 2 + combined);
}

function writeExtras(writer: ByteWriter, { combined, extended }: LineState, numbering: Numbering): void {
  writer.varint(combined.length);
  for (const [column, text] of combined) {
    writer.varint(column);
    writer.text(text);
  }
  const runs: [column: number, count: number, attribute: number][] = [];
  for (let at = 0; at < extended.length; at += 3) {
    const column = extended[at] ?? 0;
    const attribute = numbering.numberOf(extended[at + 1] ?? 0, extended[at + 2] ?? 0);
    const last = runs.at(-1);
    if (last && last[0] + last[1] === column && last[2] === attribute) last[1] += 1;
    else runs.push([column, 1, attribute]);
  }
  writer.varint(runs.length);
  for (const run of runs) for (const value of run) writer.varint(value);
}
