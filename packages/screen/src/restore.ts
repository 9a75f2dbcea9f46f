// Owns putting a state into an emulator, fresh or used, headless or in a page. Must not know where the state comes from.
//
// Synchronous: no frame shows anything between the old screen and the new one. The order matters: everything old is forgotten while the
// buffers are empty, the size comes before the lines, lines before what points into them, modes before the bytes of the tail (a mode can
// change what they mean), and mode 2026 last, for it stops painting.
import { ScreenError } from './errors.ts';
import { restorePalette } from './palette.ts';
import { resizeScreen } from './resize.ts';
import { CELL_WORDS, CHARSET_NAMES } from './state.ts';
import type { BufferState, CharsetName, LineState, LinkPlace, ScreenState } from './state.ts';
import { charsetTables, coreOf } from './xterm-internals.ts';
import type { Charset, Core, CoreBuffer, CoreLine, CoreMarker, ExtendedAttrs, LinkEntry, ScreenTerminal } from './xterm-internals.ts';
import { Utf8Feeder } from './utf8-feeder.ts';

export interface RestoreOptions {
  /** What the reader prefers where the program did not ask for a blinking cursor. */
  readonly cursorBlink?: boolean;
}

/**
 * Replaces everything the terminal holds by `state`, at once. What is queued in `write` is parsed after it: call it in the callback of
 * `write('', …)` to keep the order. Lines over the terminal's own scrollback are dropped, the oldest first.
 *
 * In a page, open the terminal first: one restored before shows nothing until it is scrolled. Afterwards the caller must:
 * - reset the Utf8Feeder in front of this terminal with `state.tail.character`, and a TailScanner with `state.tail`;
 * - take title and icon from `state.titles`: no event tells of them (nor does the terminal send anything);
 * - bring the reader back to where they were by `scrollLines`: the terminal stands at its bottom, nothing is selected.
 *
 * Throws ScreenError SCREEN_UNICODE, before anything has changed.
 */
export function restoreScreen(terminal: ScreenTerminal, state: ScreenState, options: RestoreOptions = {}): void {
  const core = coreOf(terminal);
  if (core.unicodeService.activeVersion !== state.unicode) {
    throw new ScreenError(
      'SCREEN_UNICODE',
      `the state counts widths by Unicode ${state.unicode}, this terminal by ${core.unicodeService.activeVersion}`,
      {
        hint: 'Load @xterm/addon-unicode11 and make it active on both ends.',
      },
    );
  }
  resetScreen(terminal, state.cols, state.rows, options);
  if (state.active === 'alternate') core.buffers.activateAltBuffer();

  const charsets = new Map([...charsetTables(core, CHARSET_NAMES)].map(([table, name]) => [name, table]));
  const tableOf = (name: CharsetName): Charset | undefined => charsets.get(name);
  const lineMaker = new LineMaker(core, state.cols);
  const { normal, alt } = core.buffers;
  const room = state.rows + core.optionsService.rawOptions.scrollback;
  const dropped = Math.max(0, state.normal.lines.length - room);
  restoreBuffer(normal, state.normal, { dropped, maxLines: room, lineMaker, tableOf });
  restoreBuffer(alt, state.alternate, {
    dropped: 0,
    maxLines: Math.max(state.alternateMaxLines, state.alternate.lines.length),
    lineMaker,
    tableOf,
  });
  restoreLinks(core, state, dropped);
  restoreModes(core, state);
  restorePen(core, state, tableOf);
  restorePalette(core, state.palette);

  const input = core._inputHandler;
  for (const piece of new Utf8Feeder().take(state.tail.sequence)) input.parse(piece);
  input._parser.precedingJoinState = state.joinState;
  // In a page: the cursor's place, then the whole screen in the next frame.
  input._onCursorMove.fire();
  core.refresh?.(0, state.rows - 1);
  if (state.modes.synchronizedOutput) core._renderService?._renderRows(0, state.rows - 1);
  core.coreService.decPrivateModes.synchronizedOutput = state.modes.synchronizedOutput;
}

/** A terminal as new, of this size, whatever it held and was in the middle of. What is queued in `write` is parsed after it. */
export function resetScreen(terminal: ScreenTerminal, cols: number, rows: number, options: RestoreOptions = {}): void {
  const core = coreOf(terminal);
  const input = core._inputHandler;
  core.buffers.normal.clearAllMarkers();
  core.buffers.alt.clearAllMarkers();
  // Otherwise the next lines are not painted.
  core.coreService.decPrivateModes.synchronizedOutput = false;
  terminal.reset();
  // From here on: what reset() leaves behind.
  input._parser.reset();
  input._utf8Decoder.clear();
  input._stringDecoder.clear();
  input._windowTitle = '';
  input._iconName = '';
  input._windowTitleStack = [];
  input._iconNameStack = [];
  core.coreService.isCursorHidden = false;
  // A page sets it when it is focused: taking it back would hide a cursor that is in use.
  if (core.element === undefined) core.coreService.isCursorInitialized = false;
  core._bufferService._cachedBlankLine = undefined;
  core._oscLinkService._dataByLinkId.clear();
  core._oscLinkService._entriesWithId.clear();
  core._oscLinkService._nextId = 1;
  setOption(core, 'cursorBlink', options.cursorBlink ?? false);
  setOption(core, 'convertEol', false);
  restorePalette(core, []);
  resizeScreen(terminal, cols, rows);
  // A wider terminal's stops stay beyond the last column.
  for (const buffer of [core.buffers.normal, core.buffers.alt]) {
    buffer.tabs = {};
    for (let column = 0; column < cols; column += core.optionsService.rawOptions.tabStopWidth) buffer.tabs[column] = true;
  }
}

/** A page redraws at every change of an option. */
function setOption(core: Core, name: 'cursorBlink' | 'convertEol', value: boolean): void {
  const { options } = core.optionsService;
  if (options[name] !== value) options[name] = value;
}

/** Makes lines as the emulator does, by copying one. */
class LineMaker {
  readonly #blank: CoreLine;
  readonly #extended: ExtendedAttrs;
  /** By style, then by link. Shared: the emulator clones before it changes. */
  readonly #shared = new Map<number, Map<number, ExtendedAttrs>>();
  readonly #empty: Uint32Array;

  constructor(core: Core, cols: number) {
    const pen = core._inputHandler._curAttrData;
    this.#blank = core.buffers.normal.getBlankLine(pen);
    this.#blank.isWrapped = false;
    this.#extended = pen.extended;
    this.#empty = this.#blank._data.slice(0, CELL_WORDS);
    if (this.#blank.length !== cols) throw new ScreenError('SCREEN_EMULATOR', 'the terminal did not take the size of the state');
  }

  make(state: LineState): CoreLine {
    const line = this.#blank.clone();
    if (state.length !== line.length) this.#stretch(line, state.length);
    line._data.set(state.cells);
    line.isWrapped = state.wrapped;
    for (const [column, text] of state.combined) line._combined[column] = text;
    const { extended } = state;
    for (let at = 0; at < extended.length; at += 3) {
      line._extendedAttrs[extended[at] ?? 0] = this.extended(extended[at + 1] ?? 0, extended[at + 2] ?? 0);
    }
    return line;
  }

  extended(ext: number, link: number): ExtendedAttrs {
    let byLink = this.#shared.get(ext);
    if (!byLink) this.#shared.set(ext, (byLink = new Map()));
    let shared = byLink.get(link);
    if (!shared) {
      shared = this.#extended.clone();
      // The emulator computes these with bit operations: signed.
      shared._ext = ext | 0;
      shared._urlId = link;
      byLink.set(link, shared);
    }
    return shared;
  }

  #stretch(line: CoreLine, length: number): void {
    const data = new Uint32Array(length * CELL_WORDS);
    for (let at = 0; at < data.length; at += CELL_WORDS) data.set(this.#empty, at);
    line._data = data;
    line.length = length;
  }
}

interface BufferContext {
  readonly dropped: number;
  readonly maxLines: number;
  readonly lineMaker: LineMaker;
  readonly tableOf: (name: CharsetName) => Charset | undefined;
}

function restoreBuffer(buffer: CoreBuffer, state: BufferState, { dropped, maxLines, lineMaker, tableOf }: BufferContext): void {
  const { lines } = buffer;
  lines.length = 0;
  lines.maxLength = maxLines;
  for (let y = dropped; y < state.lines.length; y += 1) {
    const line = state.lines[y];
    if (line) lines.push(lineMaker.make(line));
  }
  buffer.ybase = Math.max(0, state.base - dropped);
  buffer.ydisp = buffer.ybase;
  buffer.x = state.x;
  buffer.y = state.y;
  buffer.scrollTop = state.scrollTop;
  buffer.scrollBottom = state.scrollBottom;
  buffer.tabs = {};
  for (const column of state.tabs) buffer.tabs[column] = true;
  buffer.savedX = state.savedX;
  buffer.savedY = Math.max(0, state.savedY - dropped);
  buffer.savedCurAttrData.fg = state.savedFg | 0;
  buffer.savedCurAttrData.bg = state.savedBg | 0;
  buffer.savedCharset = tableOf(state.savedCharset);
}

/** With markers of their own, so that a link is forgotten when its last line is. */
function restoreLinks(core: Core, state: ScreenState, dropped: number): void {
  const service = core._oscLinkService;
  for (const { number, id, uri, lines } of state.links) {
    const entry: LinkEntry = {
      id: number,
      ...(id === null ? {} : { key: `${id};;${uri}` }),
      data: { id: id ?? undefined, uri },
      lines: [],
    };
    for (const [place, line] of lines) {
      const at = place === 'normal' ? line - dropped : line;
      if (at >= 0) entry.lines.push(place === 'gone' ? { line } : markerOf(core, entry, place, at));
    }
    if (entry.lines.length === 0) continue;
    service._dataByLinkId.set(number, entry);
    if (entry.key !== undefined) service._entriesWithId.set(entry.key, entry);
  }
  service._nextId = state.nextLink;
}

function markerOf(core: Core, entry: LinkEntry, place: LinkPlace, line: number): CoreMarker {
  const buffer = place === 'normal' ? core.buffers.normal : core.buffers.alt;
  const marker = buffer.addMarker(line);
  marker.onDispose(() => core._oscLinkService._removeMarkerFromLink(entry, marker));
  return marker;
}

function restoreModes(core: Core, { modes }: ScreenState): void {
  const { coreService, coreMouseService } = core;
  const target = coreService.decPrivateModes;
  coreService.modes.insertMode = modes.insertMode;
  target.applicationCursorKeys = modes.applicationCursorKeys;
  target.applicationKeypad = modes.applicationKeypad;
  target.bracketedPasteMode = modes.bracketedPasteMode;
  target.origin = modes.origin;
  target.reverseWraparound = modes.reverseWraparound;
  target.sendFocus = modes.sendFocus;
  target.wraparound = modes.wraparound;
  target.cursorStyle = modes.cursorStyle ?? undefined;
  target.cursorBlink = modes.cursorBlink ?? undefined;
  coreService.isCursorHidden = modes.cursorHidden;
  coreService.isCursorInitialized ||= modes.cursorInitialized;
  // Through the setters: a page listens for the mouse, or not.
  coreMouseService.activeProtocol = modes.mouseProtocol;
  coreMouseService.activeEncoding = modes.mouseEncoding;
  if (modes.blinkOption) setOption(core, 'cursorBlink', true);
  setOption(core, 'convertEol', modes.convertEol);
}

function restorePen(core: Core, { pen, charsets, titles }: ScreenState, tableOf: BufferContext['tableOf']): void {
  const input = core._inputHandler;
  input._curAttrData.fg = pen.fg | 0;
  input._curAttrData.bg = pen.bg | 0;
  input._curAttrData.extended._ext = pen.ext | 0;
  input._curAttrData.extended._urlId = pen.link;
  const service = core._charsetService;
  service._charsets = charsets.designated.map((name) => tableOf(name));
  service.glevel = charsets.level;
  service.charset = tableOf(charsets.current);
  input._windowTitle = titles.window;
  input._iconName = titles.icon;
  input._windowTitleStack = [...titles.windowStack];
  input._iconNameStack = [...titles.iconStack];
}
