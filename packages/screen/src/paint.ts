// Owns the bytes that make a real terminal show a screen: each row of it as one string that stands for itself, and the modes under which the
// terminal's keys and mouse do what the program asked for. Only what is written here reaches that terminal, never what the program sent: no
// query that it would answer a second time, no clipboard, nothing that stays behind.
//
// Invariant: a painted row begins and ends in the default look, writes no more than `width` columns, leaves nothing of what stood there, and puts each
// character into its own column, also on a terminal that takes some for wider or narrower than the emulator does.
import { sgr } from './ansi.ts';
import { isBareBlank, readLook } from './look.ts';
import { bufferInUse, CELL_WORDS, CODE_POINT_MASK, COMBINED_FLAG, WIDTH_SHIFT } from './state.ts';
import type { LineState, ModeState, ScreenState } from './state.ts';

/** The part of a screen that is shown. */
export interface PaintView {
  /** First row and column of the screen. */
  readonly top: number;
  readonly left: number;
  readonly width: number;
  readonly height: number;
}

const CSI = '\u001b[';
const PLAIN = `${CSI}0m`;
/** ECMA-48 EL: from the cursor to the end of the row. */
const ERASE_REST = `${CSI}K`;

/** `height` rows; to be written at the beginning of a row, in the default look. */
export function paintRows(state: ScreenState, view: PaintView): string[] {
  const { lines, base } = bufferInUse(state);
  return Array.from({ length: view.height }, (_, y) => {
    const row = view.top + y;
    const line = row < state.rows ? lines[base + row] : undefined;
    return line ? paintRow(line, view.left, Math.min(state.cols, view.left + view.width), view.width) : ERASE_REST;
  });
}

function paintRow(line: LineState, from: number, to: number, width: number): string {
  const { cells } = line;
  const texts = new Map(line.combined);
  const styles = new Map<number, number>();
  for (let at = 0; at < line.extended.length; at += 3) styles.set(line.extended[at] ?? 0, line.extended[at + 1] ?? 0);
  let out = '';
  let written = '';
  /** Where the terminal's own cursor surely is; -1 when it may take the last character for wider or narrower. */
  let cursor = 0;
  let column = from;
  while (column < to && column * CELL_WORDS < cells.length) {
    const at = column * CELL_WORDS;
    const content = cells[at] ?? 0;
    const cellWidth = Math.max(1, content >>> WIDTH_SHIFT);
    const look = readLook(cells[at + 1] ?? 0, cells[at + 2] ?? 0, styles.get(column) ?? 0);
    // The second half of a character that begins left of the view, and one that does not fit at its right end, are blanks.
    const text = content >>> WIDTH_SHIFT === 0 || column + cellWidth > to ? ' ' : textOf(content, texts.get(column));
    if (text !== ' ' || !isBareBlank(look)) {
      const place = column - from;
      if (cursor !== place) {
        // Blanks that stood between are cleared in the default look.
        if (written !== '') out += PLAIN;
        written = '';
        out += cursor >= 0 && place > cursor ? ' '.repeat(place - cursor) : `${CSI}${place + 1}G`;
      }
      const style = sgr(look);
      if (style !== written) out += `${written === '' ? '' : PLAIN}${style}`;
      written = style;
      cursor = isPlainAscii(text) ? place + 1 : -1;
      // A terminal that draws it narrower would leave there what stood there before.
      if (cursor === -1 && cellWidth > 1) out += `${' '.repeat(cellWidth)}${CSI}${place + 1}G`;
      out += text;
    } else if (cursor === -1) {
      if (written !== '') out += PLAIN;
      written = '';
      out += `${CSI}${column - from + 1}G `;
      cursor = column - from + 1;
    }
    column += cellWidth;
  }
  if (written !== '') out += PLAIN;
  if (cursor === -1 && column - from < width) out += `${CSI}${column - from + 1}G`;
  // At the end of a full row the cursor stands on its last column: erasing from there would take the last character with it.
  return cursor >= width || (cursor === -1 && column - from >= width) ? out : `${out}${ERASE_REST}`;
}

function textOf(content: number, combined: string | undefined): string {
  if ((content & COMBINED_FLAG) !== 0) return printableOr(combined ?? ' ');
  const codePoint = content & CODE_POINT_MASK;
  return codePoint === 0 ? ' ' : printableOr(String.fromCodePoint(codePoint));
}

/** An emulator keeps no control character in a cell; a state from elsewhere could, and it would act. */
function printableOr(text: string): string {
  return /\p{Cc}/u.test(text) ? ' ' : text;
}

function isPlainAscii(text: string): boolean {
  return text.length === 1 && text >= ' ' && text <= '~';
}

/** DEC private modes of xterm ctlseqs. */
const MOUSE_PROTOCOL_MODE: Readonly<Record<ModeState['mouseProtocol'], number | undefined>> = {
  NONE: undefined,
  X10: 9,
  VT200: 1000,
  DRAG: 1002,
  ANY: 1003,
};
const MOUSE_ENCODING_MODE: Readonly<Record<ModeState['mouseEncoding'], number | undefined>> = {
  DEFAULT: undefined,
  SGR: 1006,
  SGR_PIXELS: 1016,
};
/** DECSCUSR: the blinking one of each shape; the steady one is one more. */
const CURSOR_SHAPE = { block: 1, underline: 3, bar: 5 } as const;

/** What of a screen's modes concerns the terminal that shows it. Focus reports do not: several viewers of one program would contradict each other. */
export interface PaintModes {
  readonly cursorKeys: string;
  readonly keypad: string;
  readonly paste: string;
  readonly mouse: string;
  readonly wheel: string;
  readonly cursor: string;
}

/** Each as the bytes that set it. `mouse` false: reports would name other cells than those of the program. */
export function paintModes(state: ScreenState, options: { readonly mouse: boolean }): PaintModes {
  const { modes } = state;
  const protocol = options.mouse ? MOUSE_PROTOCOL_MODE[modes.mouseProtocol] : undefined;
  const encoding = MOUSE_ENCODING_MODE[modes.mouseEncoding];
  const blinks = modes.cursorBlink ?? modes.blinkOption;
  return {
    cursorKeys: `${CSI}?1${modes.applicationCursorKeys ? 'h' : 'l'}`,
    keypad: modes.applicationKeypad ? '\u001b=' : '\u001b>',
    paste: `${CSI}?2004${modes.bracketedPasteMode ? 'h' : 'l'}`,
    mouse: `${CSI}?9;1000;1002;1003l${CSI}?1006;1016l${
      protocol === undefined ? '' : `${encoding === undefined ? '' : `${CSI}?${encoding}h`}${CSI}?${protocol}h`
    }`,
    // xterm's "alternate scroll": the wheel presses arrow keys, which is wanted in a pager and not in a shell.
    wheel: `${CSI}?1007${state.active === 'alternate' ? 'h' : 'l'}`,
    cursor: modes.cursorStyle === null ? `${CSI}0 q` : `${CSI}${CURSOR_SHAPE[modes.cursorStyle] + (blinks ? 0 : 1)} q`,
  };
}

/** A terminal as a program finds it: what `enterPaint` takes over. */
const CLEAN = `${CSI}?9;1000;1002;1003l${CSI}?1006;1016l${CSI}?2004l${CSI}?1l\u001b>${PLAIN}`;

/** The alternate screen, blank; title and alternate scroll are kept aside (XTWINOPS 22, XTSAVE). */
export const enterPaint = `${CSI}22;0t${CSI}?1007s${CSI}?1049h${CLEAN}${CSI}?7h${CSI}4l${CSI}H${CSI}2J`;
/** Everything that painting can have set, back as it was. May be written at any moment, twice too. */
export const leavePaint = `\u001b\\${CSI}?2026l${CLEAN}${CSI}0 q${CSI}?1007r${CSI}?25h${CSI}?1049l${CSI}?25h${CSI}23;0t`;
