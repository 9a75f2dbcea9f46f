// Owns the limit on marks that a program piles upon one character: xterm.js 6.0.0 keeps them all in one cell, so that a program that prints
// nothing else takes the memory of whoever shows it (CVE-2021-27135 is the like of it). A state keeps no more than the limit, either.
//
// Invariant: whether a mark is dropped depends on the cell alone, not on where a write ends: two emulators of one session agree.
import { COMBINED_FLAG, CELL_WORDS, MAX_CELL_CHARS } from './state.ts';
import type { Core, PrintHandler } from './xterm-internals.ts';

/** The first character that can be one (COMBINING GRAVE ACCENT): text below is printed as it is. */
const FIRST_MARK = 0x300;
/** As many in a row, in one write, cannot fill a cell. */
const FEW_MARKS = 16;
const WIDTH_MASK = 3;

/** `print` without the marks that do not fit. */
export function withBoundMarks(core: Core, print: PrintHandler): PrintHandler {
  const { unicodeService, _inputHandler: input } = core;
  const isMark = (code: number): boolean => code >= FIRST_MARK && unicodeService.wcwidth(code) === 0;

  const isCellFull = (): boolean => {
    // Joins nothing: it takes a cell of its own.
    if (((input._parser.precedingJoinState >> 1) & WIDTH_MASK) === 0) return false;
    const { active } = core.buffers;
    const line = active.lines.get(active.ybase + active.y);
    if (!line || active.x === 0) return false;
    const isWide = (line._data[(active.x - 1) * CELL_WORDS] ?? 0) >>> 22 === 0;
    const column = active.x - (isWide ? 2 : 1);
    const isCombined = ((line._data[column * CELL_WORDS] ?? 0) & COMBINED_FLAG) !== 0;
    return isCombined && (line._combined[column]?.length ?? 0) >= MAX_CELL_CHARS;
  };

  return (codes, start, end) => {
    let from = start;
    for (let at = start; at < end; at += 1) {
      if (!isMark(codes[at] ?? 0)) continue;
      let last = at + 1;
      while (last < end && isMark(codes[last] ?? 0)) last += 1;
      // A few in the middle of a text: the cell is new.
      if (at > from && last - at < FEW_MARKS) {
        at = last - 1;
        continue;
      }
      if (at > from) print(codes, from, at);
      for (; at < last; at += 1) if (!isCellFull()) print(codes, at, at + 1);
      from = last;
      at = last - 1;
    }
    if (end > from) print(codes, from, end);
  };
}
