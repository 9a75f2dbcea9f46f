// Owns reading the whole state of an emulator, at the byte that it has parsed last. Changes nothing. Must not know how states are stored.
import { ScreenError } from './errors.ts';
import { isReachable } from './scrollback.ts';
import {
  CELL_WORDS,
  CHARSET_NAMES,
  EMPTY_CONTENT,
  EMULATOR_VERSION,
  EXTENDED_FLAG,
  MAX_CELL_CHARS,
  MAX_COMBINED_COLUMN,
  MAX_LINK_CHARS,
  MAX_LINKS,
  MAX_STRING_CHARS,
  NO_TAIL,
} from './state.ts';
import type {
  BufferState,
  CharsetName,
  CharsetState,
  CombinedCell,
  CursorStyle,
  LineState,
  LinkPlace,
  LinkState,
  ModeState,
  MouseEncoding,
  MouseProtocol,
  PaletteEntry,
  ScreenState,
  Tail,
} from './state.ts';
import { charsetTables, coreOf, PARSER_AT_REST } from './xterm-internals.ts';
import type { Charset, Core, CoreBuffer, CoreLine, ScreenTerminal } from './xterm-internals.ts';

export interface DumpOptions {
  /** Most lines above the screen; all by default. */
  readonly scrollback?: number;
  /** What TailScanner found in the bytes parsed so far. */
  readonly tail?: Tail;
  /** From watchPalette. */
  readonly palette?: readonly PaletteEntry[];
}

/**
 * The state after the last byte parsed: what is queued in `write` is not in it. Throws ScreenError SCREEN_TAIL when the parser is inside a
 * sequence whose bytes are not in `tail`.
 */
export function dumpScreen(terminal: ScreenTerminal, options: DumpOptions = {}): ScreenState {
  const core = coreOf(terminal);
  const input = core._inputHandler;
  const tail = options.tail ?? NO_TAIL;
  if ((input._parser.currentState === PARSER_AT_REST) !== (tail.sequence.length === 0)) {
    throw new ScreenError('SCREEN_TAIL', 'the tail does not belong to what the parser has seen', {
      hint: 'Feed the terminal through makeLiveScreen, or give each byte to a TailScanner when it has been parsed.',
    });
  }
  const { normal, alt } = core.buffers;
  const charsets = new Charsets(charsetTables(core, CHARSET_NAMES));
  const dropped = Math.max(0, normal.ybase - (options.scrollback ?? normal.ybase));
  return {
    emulator: EMULATOR_VERSION,
    unicode: core.unicodeService.activeVersion,
    cols: terminal.cols,
    rows: terminal.rows,
    active: core.buffers.active === alt ? 'alternate' : 'normal',
    normal: dumpBuffer(normal, dropped, charsets),
    alternate: dumpBuffer(alt, 0, charsets),
    alternateMaxLines: alt.lines.maxLength,
    pen: {
      fg: input._curAttrData.fg >>> 0,
      bg: input._curAttrData.bg >>> 0,
      ext: input._curAttrData.extended._ext >>> 0,
      link: input._curAttrData.extended._urlId,
    },
    charsets: dumpCharsets(core, charsets),
    modes: dumpModes(core),
    titles: {
      window: shorten(input._windowTitle, MAX_STRING_CHARS),
      icon: shorten(input._iconName, MAX_STRING_CHARS),
      windowStack: input._windowTitleStack.map((title) => shorten(title, MAX_STRING_CHARS)),
      iconStack: input._iconNameStack.map((title) => shorten(title, MAX_STRING_CHARS)),
    },
    links: dumpLinks(core, dropped),
    nextLink: core._oscLinkService._nextId,
    palette: options.palette ?? [],
    joinState: input._parser.precedingJoinState,
    tail,
  };
}

class Charsets {
  readonly #names: ReadonlyMap<Charset, string>;

  constructor(names: ReadonlyMap<Charset, string>) {
    this.#names = names;
  }

  nameOf(table: Charset | undefined): CharsetName {
    return table ? ((this.#names.get(table) ?? 'B') as CharsetName) : 'B';
  }
}

function dumpBuffer(buffer: CoreBuffer, dropped: number, charsets: Charsets): BufferState {
  const lines: LineState[] = [];
  for (let y = dropped; y < buffer.lines.length; y += 1) {
    const line = buffer.lines.get(y);
    if (line) lines.push(dumpLine(line));
  }
  return {
    lines,
    base: buffer.ybase - dropped,
    x: buffer.x,
    y: buffer.y,
    scrollTop: buffer.scrollTop,
    scrollBottom: buffer.scrollBottom,
    tabs: Object.keys(buffer.tabs)
      .map(Number)
      .filter((column) => buffer.tabs[column] === true),
    savedX: buffer.savedX,
    savedY: Math.max(0, buffer.savedY - dropped),
    savedFg: buffer.savedCurAttrData.fg >>> 0,
    savedBg: buffer.savedCurAttrData.bg >>> 0,
    savedCharset: charsets.nameOf(buffer.savedCharset),
  };
}

function dumpLine(line: CoreLine): LineState {
  const { _data: data } = line;
  let end = line.length * CELL_WORDS;
  while (end > 0 && data[end - CELL_WORDS] === EMPTY_CONTENT && data[end - 2] === 0 && data[end - 1] === 0) end -= CELL_WORDS;
  const cells = data.slice(0, end);
  const extended: number[] = [];
  for (let at = 0; at < end; at += CELL_WORDS) {
    if (((cells[at + 2] ?? 0) & EXTENDED_FLAG) === 0) continue;
    const attributes = line._extendedAttrs[at / CELL_WORDS];
    extended.push(at / CELL_WORDS, (attributes?._ext ?? 0) >>> 0, attributes?._urlId ?? 0);
  }
  return { cells, length: line.length, wrapped: line.isWrapped, combined: dumpCombined(line), extended: Uint32Array.from(extended) };
}

const NONE: readonly CombinedCell[] = [];

function dumpCombined(line: CoreLine): readonly CombinedCell[] {
  let combined: CombinedCell[] | undefined;
  for (const key in line._combined) {
    const column = Number(key);
    const text = line._combined[column];
    if (column <= MAX_COMBINED_COLUMN && text !== undefined) (combined ??= []).push([column, shorten(text, MAX_CELL_CHARS)]);
  }
  return combined ?? NONE;
}

function dumpCharsets(core: Core, charsets: Charsets): CharsetState {
  const service = core._charsetService;
  return {
    designated: [0, 1, 2, 3].map((level) => charsets.nameOf(service._charsets[level])),
    level: service.glevel,
    current: charsets.nameOf(service.charset),
  };
}

function dumpModes(core: Core): ModeState {
  const modes = core.coreService.decPrivateModes;
  const { rawOptions } = core.optionsService;
  return {
    insertMode: core.coreService.modes.insertMode,
    convertEol: rawOptions.convertEol,
    applicationCursorKeys: modes.applicationCursorKeys,
    applicationKeypad: modes.applicationKeypad,
    bracketedPasteMode: modes.bracketedPasteMode,
    origin: modes.origin,
    reverseWraparound: modes.reverseWraparound,
    sendFocus: modes.sendFocus,
    synchronizedOutput: modes.synchronizedOutput,
    wraparound: modes.wraparound,
    cursorStyle: (modes.cursorStyle as CursorStyle | undefined) ?? null,
    cursorBlink: modes.cursorBlink ?? null,
    blinkOption: rawOptions.cursorBlink,
    cursorHidden: core.coreService.isCursorHidden,
    cursorInitialized: core.coreService.isCursorInitialized,
    mouseProtocol: core.coreMouseService.activeProtocol as MouseProtocol,
    mouseEncoding: core.coreMouseService.activeEncoding as MouseEncoding,
  };
}

/** Links of lines that are not in the dump go with their lines, as they would when these are trimmed. */
function dumpLinks(core: Core, dropped: number): readonly LinkState[] {
  const places = new Map<unknown, LinkPlace>();
  for (const marker of core.buffers.normal.markers) places.set(marker, 'normal');
  for (const marker of core.buffers.alt.markers) places.set(marker, 'alternate');
  const links: LinkState[] = [];
  for (const { id: number, data, lines } of core._oscLinkService._dataByLinkId.values()) {
    const kept: [LinkPlace, number][] = [];
    for (const marker of lines) {
      const place = places.get(marker) ?? 'gone';
      const line = place === 'normal' ? marker.line - dropped : marker.line;
      if (line >= 0) kept.push([place, line]);
    }
    if (isReachable(data.id, kept) && data.uri.length <= MAX_STRING_CHARS)
      links.push({ number, id: data.id ?? null, uri: data.uri, lines: kept });
  }
  return newest(links);
}

/** What a line of a link takes in a stored state, about. */
const LINK_LINE_CHARS = 8;

/** Of too many the oldest go: their cells stay, and lead nowhere. */
function newest(links: readonly LinkState[]): readonly LinkState[] {
  let chars = 0;
  let first = links.length;
  while (first > 0 && links.length - first < MAX_LINKS) {
    const link = links[first - 1];
    chars += (link?.uri.length ?? 0) + (link?.id?.length ?? 0) + (link?.lines.length ?? 0) * LINK_LINE_CHARS;
    if (chars > MAX_LINK_CHARS) break;
    first -= 1;
  }
  return first === 0 ? links : links.slice(first);
}

/** Never between the halves of a surrogate pair. */
function shorten(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const last = text.charCodeAt(maxChars - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? maxChars - 1 : maxChars);
}
