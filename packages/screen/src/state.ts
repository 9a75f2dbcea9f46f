// Owns what an emulator's state is: the list of its fields, and the limits of each. Must not know where xterm.js keeps them
// (xterm-internals.ts) nor how they are stored (encode.ts).
//
// Invariant: two emulators of the same version and options whose states are equal draw the same screen now, and after any further
// output. What is missing here on purpose: where the reader has scrolled to, selection, focus, theme (they belong to a viewer).

/** The one xterm.js these states are made by and for: both ends pin it exactly. A new one is a new number here, and old blobs are refused. */
export const EMULATOR_VERSION = '6.0.0';

/** Columns and rows of a terminal; xterm.js draws no wide character in fewer than 2 columns. */
export const MIN_COLS = 2;
export const MAX_COLS = 1000;
export const MAX_ROWS = 1000;
/** Lines of one buffer, scrollback included: ten times the largest setting anybody offers. */
export const MAX_LINES = 100_000;
/** UTF-16 units of a title or a link. Longer ones are refused by boundOutput before they are state, and cut here where it was not used. */
export const MAX_STRING_CHARS = 8192;
/** UTF-16 units of one cell: a base character and its marks. Real text needs under 50; a program could pile up millions. */
export const MAX_CELL_CHARS = 128;
/** Columns of such cells: what was cut off can lie beyond the line. */
export const MAX_COMBINED_COLUMN = 4 * MAX_COLS;
/** Links in one state: 20 in each of 1000 lines (`ls --hyperlink`) are 20,000. */
export const MAX_LINKS = 32_768;
/** UTF-16 units of all of them together: an address has 50 to 100 where there are many. */
export const MAX_LINK_CHARS = 4 * 1024 * 1024;
/**
 * Bytes of an unfinished sequence that are kept. Every string that takes effect is shorter than MAX_STRING_CHARS, at up to 4 bytes each; of a
 * longer one its beginning is enough to be refused again.
 */
export const MAX_TAIL_BYTES = 64 * 1024;
/** xterm.js keeps this many titles of each kind. */
export const MAX_TITLE_STACK = 10;

/** One 24-bit colour. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** 0-255: the palette (OSC 4). */
export const FOREGROUND_COLOR = 256;
export const BACKGROUND_COLOR = 257;
export const CURSOR_COLOR = 258;

/** A colour that a program has set (OSC 4, 10, 11, 12) and not reset. */
export interface PaletteEntry {
  readonly index: number;
  readonly rgb: Rgb;
}

/** `B` is US-ASCII, the default; the rest are the final bytes of ESC ( … (ISO 2022). */
export const CHARSET_NAMES = ['B', '0', 'A', '4', 'C', '5', 'R', 'Q', 'K', 'Y', 'E', '6', 'Z', 'H', '7', '='] as const;
export type CharsetName = (typeof CHARSET_NAMES)[number];

export interface CharsetState {
  /** G0 to G3. */
  readonly designated: readonly CharsetName[];
  readonly level: number;
  /** What characters go through now. Mostly the designated one of the level; DECRC brings back another. */
  readonly current: CharsetName;
}

/** The attribute words of xterm.js: colour and flags, as unsigned 32-bit numbers. */
export interface Pen {
  readonly fg: number;
  readonly bg: number;
  /** Underline style and colour. */
  readonly ext: number;
  /** Number of the link being written, 0 for none. */
  readonly link: number;
}

export interface LineState {
  /** content, fg, bg of each cell, without the empty cells at the end. */
  readonly cells: Uint32Array;
  /** Cells that the line has. Not the terminal's columns after the alternate screen was narrowed: what was right of it stays. */
  readonly length: number;
  /** Continues the line before it. */
  readonly wrapped: boolean;
  /**
   * Characters of more than one code point, by column. Also of cells overwritten or cut off since: xterm.js 6.0.0 moves them along with
   * others when it wraps lines anew, and sometimes into a cell that has one.
   */
  readonly combined: readonly CombinedCell[];
  /** column, ext, link of each cell that has them. */
  readonly extended: Uint32Array;
}

export type CombinedCell = readonly [column: number, text: string];

export interface BufferState {
  /** From the oldest line of the scrollback; none for an alternate screen that is not in use. */
  readonly lines: readonly LineState[];
  /** Lines above the screen (ybase). */
  readonly base: number;
  readonly x: number;
  readonly y: number;
  readonly scrollTop: number;
  readonly scrollBottom: number;
  /** Columns of the tab stops, ascending. */
  readonly tabs: readonly number[];
  readonly savedX: number;
  /** Counted from the oldest line, as xterm.js does. */
  readonly savedY: number;
  readonly savedFg: number;
  readonly savedBg: number;
  readonly savedCharset: CharsetName;
}

export const MOUSE_PROTOCOLS = ['NONE', 'X10', 'VT200', 'DRAG', 'ANY'] as const;
export type MouseProtocol = (typeof MOUSE_PROTOCOLS)[number];
export const MOUSE_ENCODINGS = ['DEFAULT', 'SGR', 'SGR_PIXELS'] as const;
export type MouseEncoding = (typeof MOUSE_ENCODINGS)[number];
export const CURSOR_STYLES = ['block', 'underline', 'bar'] as const;
export type CursorStyle = (typeof CURSOR_STYLES)[number];

/** Named as xterm.js does. DEC private modes, but for insertMode (IRM) and convertEol (LNM). */
export interface ModeState {
  readonly insertMode: boolean;
  readonly convertEol: boolean;
  readonly applicationCursorKeys: boolean;
  readonly applicationKeypad: boolean;
  readonly bracketedPasteMode: boolean;
  readonly origin: boolean;
  readonly reverseWraparound: boolean;
  readonly sendFocus: boolean;
  readonly synchronizedOutput: boolean;
  readonly wraparound: boolean;
  /** DECSCUSR; null: the viewer's own. */
  readonly cursorStyle: CursorStyle | null;
  readonly cursorBlink: boolean | null;
  /** ?12: blinking asked for by the program, whatever the viewer prefers. */
  readonly blinkOption: boolean;
  readonly cursorHidden: boolean;
  readonly cursorInitialized: boolean;
  readonly mouseProtocol: MouseProtocol;
  readonly mouseEncoding: MouseEncoding;
}

export interface TitleState {
  readonly window: string;
  readonly icon: string;
  /** Pushed by CSI 22 t, oldest first. */
  readonly windowStack: readonly string[];
  readonly iconStack: readonly string[];
}

/** Where a link was written. `gone`: in a buffer that a full reset has thrown away; only its name lives on. */
export type LinkPlace = 'normal' | 'alternate' | 'gone';

export interface LinkState {
  readonly number: number;
  /** `id=` of OSC 8; links of one id and address are one link. */
  readonly id: string | null;
  readonly uri: string;
  readonly lines: readonly (readonly [place: LinkPlace, line: number])[];
}

/** What was fed and has not taken effect: replayed after a restore. */
export interface Tail {
  /** Bytes of an escape sequence that has not ended, without control characters that were executed on the way. */
  readonly sequence: Uint8Array;
  /** 1-3 first bytes of a UTF-8 character, or none: for the Utf8Feeder, never for the terminal. */
  readonly character: Uint8Array;
}

export const NO_TAIL: Tail = { sequence: new Uint8Array(0), character: new Uint8Array(0) };

export interface ScreenState {
  /** xterm.js version. */
  readonly emulator: string;
  /** Version of the table of character widths. */
  readonly unicode: string;
  readonly cols: number;
  readonly rows: number;
  readonly active: 'normal' | 'alternate';
  readonly normal: BufferState;
  readonly alternate: BufferState;
  /** Most lines that the alternate screen may hold: its rows, but for a stale number of xterm.js (resize.ts). The normal one's follows from options. */
  readonly alternateMaxLines: number;
  readonly pen: Pen;
  readonly charsets: CharsetState;
  readonly modes: ModeState;
  readonly titles: TitleState;
  readonly links: readonly LinkState[];
  readonly nextLink: number;
  /** Ascending by index. */
  readonly palette: readonly PaletteEntry[];
  /** Whether and how a combining character would join the last one (an opaque word of xterm.js). */
  readonly joinState: number;
  readonly tail: Tail;
}

/** Words of a cell without content and attributes. */
export const EMPTY_CONTENT = 0x400000;
export const CELL_WORDS = 3;
/** Of a cell's content word. */
export const COMBINED_FLAG = 0x200000;
export const CODE_POINT_MASK = 0x1fffff;
export const WIDTH_SHIFT = 22;
/** Of a cell's bg word: there is underline style, underline colour or a link. */
export const EXTENDED_FLAG = 0x10000000;

export function bufferInUse(state: ScreenState): BufferState {
  return state.active === 'normal' ? state.normal : state.alternate;
}
