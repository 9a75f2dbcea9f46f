// Owns the JSON head of a stored state: everything but the lines and the tail. Reads it back field by field, so that what was damaged or
// made up is refused here and not met inside the emulator. Must not know the layout around it.
import { corrupt } from './bytes.ts';
import {
  CHARSET_NAMES,
  CURSOR_COLOR,
  CURSOR_STYLES,
  MAX_COLS,
  MAX_LINES,
  MAX_LINKS,
  MAX_ROWS,
  MAX_STRING_CHARS,
  MAX_TITLE_STACK,
  MIN_COLS,
  MOUSE_ENCODINGS,
  MOUSE_PROTOCOLS,
} from './state.ts';
import type { BufferState, LinkPlace, LinkState, ModeState, PaletteEntry, Pen, Rgb, ScreenState, TitleState } from './state.ts';

export type BufferHead = Omit<BufferState, 'lines'>;
export type Head = Omit<ScreenState, 'emulator' | 'tail' | 'normal' | 'alternate'> & {
  readonly normal: BufferHead;
  readonly alternate: BufferHead;
};

const UINT32 = 0xffff_ffff;
const MAX_UNICODE_NAME_CHARS = 64;
/** A link is written on as many lines as there are, and a few more that were trimmed. */
const MAX_LINK_LINES = 2 * MAX_LINES;
const PLACES: readonly LinkPlace[] = ['normal', 'alternate', 'gone'];

export function headToJson(state: ScreenState): string {
  const { emulator: _emulator, tail: _tail, normal, alternate, links, palette, ...rest } = state;
  return JSON.stringify({
    ...rest,
    normal: withoutLines(normal),
    alternate: withoutLines(alternate),
    // One flat list each: a screen can have thousands.
    links: links.map(({ number, id, uri, lines }) => [number, id, uri, ...lines.flatMap(([place, line]) => [PLACES.indexOf(place), line])]),
    palette: palette.map(({ index, rgb }) => [index, ...rgb]),
  });
}

function withoutLines({ lines: _lines, ...head }: BufferState): BufferHead {
  return head;
}

/** Throws ScreenError SCREEN_CORRUPT. */
export function headFromJson(json: string): Head {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw corrupt('its head is no JSON', error);
  }
  const head = object(value, 'head');
  const cols = integer(head['cols'], MIN_COLS, MAX_COLS, 'cols');
  const rows = integer(head['rows'], 1, MAX_ROWS, 'rows');
  return {
    unicode: text(head['unicode'], MAX_UNICODE_NAME_CHARS, 'unicode'),
    cols,
    rows,
    active: oneOf(head['active'], ['normal', 'alternate'] as const, 'active'),
    normal: readBuffer(head['normal'], cols, rows, 'normal'),
    alternate: readBuffer(head['alternate'], cols, rows, 'alternate'),
    alternateMaxLines: integer(head['alternateMaxLines'], 1, MAX_LINES + MAX_ROWS, 'alternateMaxLines'),
    pen: readPen(head['pen']),
    charsets: readCharsets(head['charsets']),
    modes: readModes(head['modes']),
    titles: readTitles(head['titles']),
    links: list(head['links'], MAX_LINKS, 'links').map(readLink),
    nextLink: integer(head['nextLink'], 1, UINT32, 'nextLink'),
    palette: list(head['palette'], CURSOR_COLOR + 1, 'palette').map(readPaletteEntry),
    joinState: integer(head['joinState'], 0, UINT32, 'joinState'),
  };
}

/**
 * The cursor's column is the number of columns where the next character wraps, and one more behind a mark that joins nothing: that takes a cell of its
 * own there without wrapping.
 */
const BEYOND_COLS = 1;

function readBuffer(value: unknown, cols: number, rows: number, what: string): BufferHead {
  const buffer = object(value, what);
  const scrollBottom = integer(buffer['scrollBottom'], 0, rows - 1, 'scrollBottom');
  return {
    base: integer(buffer['base'], 0, MAX_LINES, 'base'),
    x: integer(buffer['x'], 0, cols + BEYOND_COLS, 'x'),
    y: integer(buffer['y'], 0, rows - 1, 'y'),
    scrollTop: integer(buffer['scrollTop'], 0, scrollBottom, 'scrollTop'),
    scrollBottom,
    tabs: list(buffer['tabs'], MAX_COLS + 1, 'tabs').map((column) => integer(column, 0, MAX_COLS, 'tab')),
    savedX: integer(buffer['savedX'], 0, MAX_COLS + BEYOND_COLS, 'savedX'),
    savedY: integer(buffer['savedY'], 0, MAX_LINES + MAX_ROWS, 'savedY'),
    savedFg: integer(buffer['savedFg'], 0, UINT32, 'savedFg'),
    savedBg: integer(buffer['savedBg'], 0, UINT32, 'savedBg'),
    savedCharset: oneOf(buffer['savedCharset'], CHARSET_NAMES, 'savedCharset'),
  };
}

function readPen(value: unknown): Pen {
  const pen = object(value, 'pen');
  return {
    fg: integer(pen['fg'], 0, UINT32, 'fg'),
    bg: integer(pen['bg'], 0, UINT32, 'bg'),
    ext: integer(pen['ext'], 0, UINT32, 'ext'),
    link: integer(pen['link'], 0, UINT32, 'link'),
  };
}

function readCharsets(value: unknown): Head['charsets'] {
  const charsets = object(value, 'charsets');
  const designated = list(charsets['designated'], 4, 'designated').map((name) => oneOf(name, CHARSET_NAMES, 'charset'));
  if (designated.length !== 4) throw corrupt('not four charsets');
  return { designated, level: integer(charsets['level'], 0, 3, 'level'), current: oneOf(charsets['current'], CHARSET_NAMES, 'charset') };
}

function readModes(value: unknown): ModeState {
  const modes = object(value, 'modes');
  const flag = (name: keyof ModeState): boolean => boolean(modes[name], name);
  return {
    insertMode: flag('insertMode'),
    convertEol: flag('convertEol'),
    applicationCursorKeys: flag('applicationCursorKeys'),
    applicationKeypad: flag('applicationKeypad'),
    bracketedPasteMode: flag('bracketedPasteMode'),
    origin: flag('origin'),
    reverseWraparound: flag('reverseWraparound'),
    sendFocus: flag('sendFocus'),
    synchronizedOutput: flag('synchronizedOutput'),
    wraparound: flag('wraparound'),
    cursorStyle: modes['cursorStyle'] === null ? null : oneOf(modes['cursorStyle'], CURSOR_STYLES, 'cursorStyle'),
    cursorBlink: modes['cursorBlink'] === null ? null : flag('cursorBlink'),
    blinkOption: flag('blinkOption'),
    cursorHidden: flag('cursorHidden'),
    cursorInitialized: flag('cursorInitialized'),
    mouseProtocol: oneOf(modes['mouseProtocol'], MOUSE_PROTOCOLS, 'mouseProtocol'),
    mouseEncoding: oneOf(modes['mouseEncoding'], MOUSE_ENCODINGS, 'mouseEncoding'),
  };
}

function readTitles(value: unknown): TitleState {
  const titles = object(value, 'titles');
  const title = (given: unknown): string => text(given, MAX_STRING_CHARS, 'title');
  return {
    window: title(titles['window']),
    icon: title(titles['icon']),
    windowStack: list(titles['windowStack'], MAX_TITLE_STACK, 'windowStack').map(title),
    iconStack: list(titles['iconStack'], MAX_TITLE_STACK, 'iconStack').map(title),
  };
}

function readLink(value: unknown): LinkState {
  const [number, id, uri, ...pairs] = list(value, MAX_LINK_LINES * 2 + 3, 'link');
  const lines: [LinkPlace, number][] = [];
  for (let at = 0; at + 1 < pairs.length; at += 2) {
    const place = PLACES[integer(pairs[at], 0, PLACES.length - 1, 'place')];
    if (place) lines.push([place, integer(pairs[at + 1], 0, UINT32, 'link line')]);
  }
  return {
    number: integer(number, 1, UINT32, 'link number'),
    id: id === null ? null : text(id, MAX_STRING_CHARS, 'link id'),
    uri: text(uri, MAX_STRING_CHARS, 'link address'),
    lines,
  };
}

function readPaletteEntry(value: unknown): PaletteEntry {
  const [index, red, green, blue] = list(value, 4, 'palette entry');
  const rgb: Rgb = [integer(red, 0, 255, 'red'), integer(green, 0, 255, 'green'), integer(blue, 0, 255, 'blue')];
  return { index: integer(index, 0, CURSOR_COLOR, 'palette index'), rgb };
}

function object(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw corrupt(`${what} is no object`);
  return value as Record<string, unknown>;
}

function list(value: unknown, maxLength: number, what: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length > maxLength) throw corrupt(`${what} is no list of at most ${maxLength}`);
  return value;
}

function integer(value: unknown, min: number, max: number, what: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
    throw corrupt(`${what} is no number from ${min} to ${max}`);
  return value;
}

function boolean(value: unknown, what: string): boolean {
  if (typeof value !== 'boolean') throw corrupt(`${what} is neither true nor false`);
  return value;
}

function text(value: unknown, maxChars: number, what: string): string {
  if (typeof value !== 'string' || value.length > maxChars) throw corrupt(`${what} is no text of at most ${maxChars} characters`);
  return value;
}

function oneOf<T extends string>(value: unknown, known: readonly T[], what: string): T {
  const found = known.find((candidate) => candidate === value);
  if (found === undefined) throw corrupt(`${what} is unknown`);
  return found;
}
