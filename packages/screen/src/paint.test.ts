import { expect, test } from 'vitest';
import { SYNTHETIC } from '../test/support/synthetic.ts';
import { feed, makeEmulator } from '../test/support/terminal.ts';
import type { Emulator } from '../test/support/terminal.ts';
import { sgr } from './ansi.ts';
import { dumpScreen } from './dump.ts';
import { isBareBlank } from './look.ts';
import { enterPaint, leavePaint, paintModes, paintRows } from './paint.ts';
import { readLines } from './rows.ts';
import { CELL_WORDS, CODE_POINT_MASK, COMBINED_FLAG, WIDTH_SHIFT } from './state.ts';
import type { ScreenState } from './state.ts';

/** A terminal that somebody sits at: it gets nothing but what is painted. */
class Desk {
  readonly emulator: Emulator;
  #rows: readonly string[] = [];

  constructor(cols: number, rows: number) {
    this.emulator = makeEmulator(cols, rows);
    this.feed(enterPaint);
  }

  feed(text: string): void {
    feed(this.emulator, Buffer.from(text));
  }

  paint(state: ScreenState, view = { top: 0, left: 0 }): void {
    const { cols: width, rows: height } = this.emulator.terminal;
    const rows = paintRows(state, { ...view, width, height });
    rows.forEach((row, y) => {
      if (row !== this.#rows[y]) this.feed(`\u001b[${y + 1};1H${row}`);
    });
    this.#rows = rows;
  }

  get state(): ScreenState {
    return dump(this.emulator);
  }
}

const dump = (emulator: Emulator): ScreenState =>
  dumpScreen(emulator.terminal, { scrollback: 0, tail: emulator.scanner.tail(), palette: emulator.palette.entries() });
/** What an eye sees, row by row: each stretch of one look behind the bytes that set it. Of a bare blank it sees nothing. */
const rowsOf = (state: ScreenState): string[] =>
  readLines(state, { joinWrapped: false, keepBlankEnd: true }).map((spans) => {
    let [row, style] = ['', ''];
    for (const { text, look } of spans) {
      // The colour of no underline shows nothing, and xterm.js keeps it only sometimes.
      const shown = sgr(look.underline === 'none' ? { ...look, underlineColor: null } : look);
      for (const character of text) {
        const next = character === ' ' && isBareBlank(look) ? '' : shown;
        row += next === style ? character : `<${next.slice(1)}>${character}`;
        style = next;
      }
    }
    return row;
  });
/** A mark with nothing before it: a terminal puts it onto whatever it printed last, so a blank stands in its place. */
function withoutLoneMarks(state: ScreenState): ScreenState {
  for (const { cells } of state[state.active].lines) {
    for (let at = 0; at < cells.length; at += CELL_WORDS) {
      const content = cells[at] ?? 0;
      if (content >>> WIDTH_SHIFT === 0 && (content & (CODE_POINT_MASK | COMBINED_FLAG)) !== 0) cells[at] = 1 << WIDTH_SHIFT;
    }
  }
  return state;
}
const screenOf = (text: string, cols = 20, rows = 4): ScreenState => {
  const emulator = makeEmulator(cols, rows);
  feed(emulator, Buffer.from(text));
  return dump(emulator);
};

test('whatever a program prints, a terminal on which each change was painted shows the same screen', () => {
  const program = makeEmulator(SYNTHETIC.cols, SYNTHETIC.rows);
  const desk = new Desk(SYNTHETIC.cols, SYNTHETIC.rows);
  const step = Math.ceil(SYNTHETIC.bytes.length / 300);
  let compared = 0;
  for (let at = 0; at < SYNTHETIC.bytes.length; at += step) {
    feed(program, SYNTHETIC.bytes.subarray(at, at + step));
    const state = dump(program);
    desk.paint(state);
    expect(rowsOf(desk.state), `at ${at}`).toEqual(rowsOf(withoutLoneMarks(state)));
    compared += 1;
  }
  expect(compared).toBeGreaterThan(200);
});

test('wide and joined characters stand in their columns also where the terminal takes them for narrower', () => {
  const [row = ''] = paintRows(screenOf('漢字 é👍🏽|x'), { top: 0, left: 0, width: 20, height: 1 });
  const narrow = new Desk(20, 4);
  // Each character that is not plain ASCII as one column: a terminal with another table of widths.
  // oxlint-disable-next-line no-control-regex -- all but ASCII.
  narrow.feed(row.replaceAll(/[^\u0000-\u007f]+/gu, '.'));
  const text = narrow.emulator.terminal.buffer.active.getLine(0)?.translateToString(true) ?? '';
  expect(text.indexOf('|')).toBe(2 * 2 + 1 + 1 + 4);
  expect(text.indexOf('x')).toBe(text.indexOf('|') + 1);
});

test('of a larger screen a part is shown, and a wide character that is cut is a blank', () => {
  const state = screenOf('a漢b漢\r\n0123456789\r\nlast', 10, 4);
  const desk = new Desk(3, 2);
  desk.paint(state, { top: 0, left: 2 });
  expect(rowsOf(desk.state)).toEqual([' b', '234']);
  desk.paint(state, { top: 1, left: 0 });
  expect(rowsOf(desk.state)).toEqual(['012', 'las']);
});

test('nothing that a program asks or sets beside its screen is painted', () => {
  const asks = [
    '[c',
    '[>c',
    '[6n',
    '[?1004h',
    ']10;?\u0007',
    ']52;c;?\u0007',
    ']52;c;aGk=\u0007',
    'P$qm\u001b\\',
    '[5i',
    ']0;title\u0007',
    '[18t',
  ];
  const state = screenOf(`${asks.map((ask) => `\u001b${ask}`).join('')}\u0005shown`);
  const painted = [...paintRows(state, { top: 0, left: 0, width: 20, height: 4 }), ...Object.values(paintModes(state, { mouse: true }))];
  // oxlint-disable-next-line no-control-regex -- control sequences are what this is about.
  const harmless = /\u001b(?:\[[\d;:]*[mKG]|\[\?[\d;]+[hl]|\[\d q|[=>])/g;
  // oxlint-disable-next-line no-control-regex -- as above.
  expect(painted.join('').replaceAll(harmless, '')).not.toMatch(/[\u0000-\u001f]/);
  expect(painted.join('')).not.toMatch(/title|aGk|\?1004/);
});

test('keys, mouse, paste and cursor are as the program wants them, and as before when it is left', () => {
  const wanted = '\u001b[?1h\u001b=\u001b[?2004h\u001b[?1002h\u001b[?1006h\u001b[?25l\u001b[5 q\u001b[?1049hfull';
  const program = makeEmulator(20, 4);
  feed(program, Buffer.from(wanted));
  const desk = new Desk(20, 4);
  const before = makeEmulator(20, 4);
  desk.feed(Object.values(paintModes(dump(program), { mouse: true })).join(''));
  const { modes } = desk.state;
  expect(modes).toMatchObject({
    applicationCursorKeys: true,
    applicationKeypad: true,
    bracketedPasteMode: true,
    mouseProtocol: 'DRAG',
    mouseEncoding: 'SGR',
    cursorStyle: 'bar',
  });
  desk.feed(paintModes(dump(program), { mouse: false }).mouse);
  expect(desk.state.modes.mouseProtocol).toBe('NONE');
  desk.feed(leavePaint);
  expect(desk.state.active).toBe('normal');
  const left = { ...desk.state.modes, cursorInitialized: true, cursorBlink: null };
  expect(left).toEqual({ ...dump(before).modes, cursorInitialized: true, cursorBlink: null });
});
