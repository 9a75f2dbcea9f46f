// Owns every name of xterm.js 6.0.0 behind its public API: the only file that reaches into a Terminal. Written by hand from its sources;
// these names are the same in both bundles (headless and browser). selfTest asks missingInternals before anybody relies on them.
import type { Terminal } from '@xterm/headless';

/** What both Terminals (@xterm/headless and @xterm/xterm) have of the public API, and this package needs. */
export type ScreenTerminal = Pick<
  Terminal,
  'cols' | 'rows' | 'resize' | 'reset' | 'write' | 'parser' | 'unicode' | 'onBell' | 'onTitleChange' | 'onData'
>;

export interface Disposable {
  dispose(): void;
}

export interface Core {
  readonly buffers: {
    readonly normal: CoreBuffer;
    readonly alt: CoreBuffer;
    readonly active: CoreBuffer;
    activateAltBuffer(): void;
  };
  readonly coreService: {
    isCursorHidden: boolean;
    isCursorInitialized: boolean;
    readonly modes: { insertMode: boolean };
    readonly decPrivateModes: DecPrivateModes;
  };
  readonly coreMouseService: { activeProtocol: string; activeEncoding: string };
  readonly unicodeService: { readonly activeVersion: string; wcwidth(code: number): number };
  readonly optionsService: { readonly options: CoreOptions; readonly rawOptions: CoreOptions };
  readonly _bufferService: { _cachedBlankLine: unknown };
  readonly _charsetService: CharsetService;
  readonly _oscLinkService: OscLinkService;
  readonly _inputHandler: InputHandler;
  /** Browser only, after open(). */
  readonly element?: unknown;
  readonly _renderService?: RenderService;
  readonly _themeService?: ThemeService;
  /** Browser only. */
  refresh?(start: number, end: number): void;
  _reportFocus?: () => void;
}

export interface CoreOptions {
  cursorBlink: boolean;
  convertEol: boolean;
  readonly scrollback: number;
  readonly tabStopWidth: number;
}

export interface DecPrivateModes {
  applicationCursorKeys: boolean;
  applicationKeypad: boolean;
  bracketedPasteMode: boolean;
  cursorBlink: boolean | undefined;
  cursorStyle: string | undefined;
  origin: boolean;
  reverseWraparound: boolean;
  sendFocus: boolean;
  synchronizedOutput: boolean;
  wraparound: boolean;
}

export interface CoreBuffer {
  readonly lines: LineRing;
  ybase: number;
  ydisp: number;
  x: number;
  y: number;
  scrollTop: number;
  scrollBottom: number;
  tabs: Record<number, boolean | undefined>;
  savedX: number;
  savedY: number;
  readonly savedCurAttrData: { fg: number; bg: number };
  savedCharset: Charset | undefined;
  readonly markers: readonly CoreMarker[];
  getBlankLine(attributes: AttributeData): CoreLine;
  addMarker(line: number): CoreMarker;
  clearAllMarkers(): void;
}

export interface LineRing {
  length: number;
  maxLength: number;
  get(index: number): CoreLine | undefined;
  push(line: CoreLine): void;
}

export interface CoreLine {
  length: number;
  isWrapped: boolean;
  _data: Uint32Array;
  _combined: Record<number, string>;
  _extendedAttrs: Record<number, ExtendedAttrs | undefined>;
  clone(): CoreLine;
}

export interface ExtendedAttrs {
  _ext: number;
  _urlId: number;
  clone(): ExtendedAttrs;
}

export interface AttributeData {
  fg: number;
  bg: number;
  extended: ExtendedAttrs;
}

export interface CoreMarker {
  readonly line: number;
  onDispose(listener: () => void): unknown;
}

export type Charset = Readonly<Record<string, string>>;

export interface CharsetService {
  charset: Charset | undefined;
  glevel: number;
  _charsets: (Charset | undefined)[];
}

export interface LinkEntry {
  readonly id: number;
  readonly key?: string;
  readonly data: { readonly id: string | undefined; readonly uri: string };
  readonly lines: Pick<CoreMarker, 'line'>[];
}

export interface OscLinkService {
  _nextId: number;
  readonly _entriesWithId: Map<string, LinkEntry>;
  readonly _dataByLinkId: Map<number, LinkEntry>;
  _removeMarkerFromLink(entry: LinkEntry, marker: CoreMarker): void;
}

/** ColorRequestType of xterm.js. */
export const COLOR_REPORT = 0;
export const COLOR_SET = 1;
export const COLOR_RESTORE = 2;

export interface ColorRequest {
  readonly type: number;
  readonly index?: number;
  readonly color?: readonly [number, number, number];
}

/** The parameters that a handler is given; changing them changes what the next handler sees. */
export interface CoreParams {
  readonly length: number;
  readonly params: ArrayLike<number> & Record<number, number>;
}

export type PrintHandler = (codes: Uint32Array, start: number, end: number) => void;

export interface Parser {
  readonly currentState: number;
  precedingJoinState: number;
  reset(): void;
  setPrintHandler(handler: PrintHandler): void;
  readonly _oscParser: OscParser;
  readonly _dcsParser: DcsParser;
}

/** Strings on their way to whoever acts on them, in pieces. */
export interface OscParser {
  start: () => void;
  put: PrintHandler;
}

export interface DcsParser {
  hook: (ident: number, params: unknown) => void;
  put: PrintHandler;
}

export interface InputHandler {
  _windowTitle: string;
  _iconName: string;
  _windowTitleStack: string[];
  _iconNameStack: string[];
  readonly _curAttrData: AttributeData;
  readonly _utf8Decoder: { clear(): void };
  readonly _stringDecoder: { clear(): void };
  readonly _parser: Parser;
  readonly _onColor: { fire(event: readonly ColorRequest[]): void };
  readonly _onCursorMove: { fire(): void };
  onColor(listener: (event: readonly ColorRequest[]) => void): Disposable;
  parse(bytes: Uint8Array): unknown;
  print: PrintHandler;
  registerCsiHandler(id: { readonly prefix?: string; readonly final: string }, handler: (params: CoreParams) => boolean): Disposable;
  selectCharset(collectAndFlag: string): boolean;
  setOrReportIndexedColor(text: string): boolean;
  setOrReportFgColor(text: string): boolean;
  setOrReportBgColor(text: string): boolean;
  setOrReportCursorColor(text: string): boolean;
}

export interface RenderService {
  readonly _renderer: { readonly value?: { _setDefaultSpacing?(): void } };
  _renderRows(start: number, end: number): void;
}

export interface ThemeService {
  readonly _colors: ThemeColors;
  readonly _restoreColors: ThemeColors;
}

export interface ThemeColors {
  readonly foreground: unknown;
  readonly background: unknown;
  readonly cursor: unknown;
  readonly ansi: readonly unknown[];
}

/** The parser's state between sequences (GROUND). */
export const PARSER_AT_REST = 0;

export function coreOf(terminal: ScreenTerminal): Core {
  return (terminal as unknown as { readonly _core: Core })._core;
}

const REQUIRED = {
  '': [
    'buffers',
    'coreService',
    'coreMouseService',
    'unicodeService',
    'optionsService',
    '_bufferService',
    '_charsetService',
    '_oscLinkService',
    '_inputHandler',
  ],
  _inputHandler: [
    ...[
      '_windowTitle',
      '_iconName',
      '_windowTitleStack',
      '_iconNameStack',
      '_curAttrData',
      '_utf8Decoder',
      '_stringDecoder',
      '_parser',
      '_onColor',
    ],
    ...[
      '_onCursorMove',
      'onColor',
      'parse',
      'print',
      'registerCsiHandler',
      'selectCharset',
      'setOrReportIndexedColor',
      'setOrReportFgColor',
      'setOrReportBgColor',
      'setOrReportCursorColor',
    ],
  ],
  '_inputHandler._parser': ['currentState', 'precedingJoinState', 'reset', 'setPrintHandler', '_oscParser', '_dcsParser'],
  '_inputHandler._parser._oscParser': ['start', 'put'],
  '_inputHandler._parser._dcsParser': ['hook', 'put'],
  '_inputHandler._curAttrData': ['fg', 'bg', 'extended'],
  '_inputHandler._curAttrData.extended': ['_ext', '_urlId', 'clone'],
  _charsetService: ['glevel', '_charsets'],
  _oscLinkService: ['_nextId', '_entriesWithId', '_dataByLinkId', '_removeMarkerFromLink'],
  coreService: ['isCursorHidden', 'isCursorInitialized', 'modes', 'decPrivateModes'],
  'coreService.decPrivateModes': [
    'applicationCursorKeys',
    'applicationKeypad',
    'bracketedPasteMode',
    'origin',
    'reverseWraparound',
    'sendFocus',
    'synchronizedOutput',
    'wraparound',
  ],
  coreMouseService: ['activeProtocol', 'activeEncoding'],
  buffers: ['normal', 'alt', 'active', 'activateAltBuffer'],
  'buffers.normal': [
    ...['lines', 'ybase', 'ydisp', 'x', 'y', 'scrollTop', 'scrollBottom', 'tabs', 'savedX', 'savedY', 'savedCurAttrData', 'markers'],
    ...['getBlankLine', 'addMarker', 'clearAllMarkers'],
  ],
  'buffers.normal.lines': ['length', 'maxLength', 'get', 'push'],
} as const;

/** Paths of what this package needs and the terminal does not have; none for the version it was written for. */
export function missingInternals(terminal: ScreenTerminal): readonly string[] {
  const missing: string[] = [];
  const core: unknown = coreOf(terminal);
  for (const [path, names] of Object.entries(REQUIRED)) {
    const owner = path === '' ? core : path.split('.').reduce(property, core);
    for (const name of names) {
      if (!has(owner, name)) missing.push(path === '' ? name : `${path}.${name}`);
    }
  }
  const line: unknown = missing.length === 0 ? coreOf(terminal).buffers.normal.lines.get(0) : undefined;
  if (missing.length === 0) {
    for (const name of ['length', 'isWrapped', '_data', '_combined', '_extendedAttrs', 'clone']) {
      if (!has(line, name)) missing.push(`line.${name}`);
    }
  }
  return missing;
}

function has(owner: unknown, name: string): boolean {
  return typeof owner === 'object' && owner !== null && name in owner;
}

function property(owner: unknown, name: string): unknown {
  return typeof owner === 'object' && owner !== null ? Reflect.get(owner, name) : undefined;
}

/** For each charset that a program can designate: the table that xterm.js has for it. US-ASCII has none. */
export function charsetTables(core: Core, names: readonly string[]): ReadonlyMap<Charset, string> {
  const service = core._charsetService;
  const saved = { charset: service.charset, glevel: service.glevel, charsets: service._charsets };
  const tables = new Map<Charset, string>();
  try {
    for (const name of names) {
      service._charsets = [];
      core._inputHandler.selectCharset(`(${name}`);
      const table = service._charsets[0];
      if (table && !tables.has(table)) tables.set(table, name);
    }
  } finally {
    service.charset = saved.charset;
    service.glevel = saved.glevel;
    service._charsets = saved.charsets;
  }
  return tables;
}
