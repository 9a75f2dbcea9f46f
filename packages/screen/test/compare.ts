// Owns the question whether two emulators are the same, field by field in their own objects: it shares nothing with the code that dumps and
// restores. Runs under Node and in a page.
//
// Invariant: every field of every object it visits is either compared or named here with the reason why not; a field that nobody has
// decided about is reported like a difference.
import type { Terminal } from '@xterm/headless';

type Fields = Record<string, unknown>;
type Compare = (a: unknown, b: unknown, path: string, found: string[]) => void;

/** Differences told at most: one is enough to fail, a few help to see why. */
const MAX_DIFFERENCES = 20;
const CELL_WORDS = 3;
const COMBINED = 0x200000;
const EXTENDED = 0x10000000;
const GROUND = 0;
const SOS_PM_APC_STRING = 7;
const OSC_STRING = 8;
const DCS_PASSTHROUGH = 13;

/** Paths of what differs, with both values; none when they are the same. */
export function compareTerminals(a: Terminal, b: Terminal): string[] {
  const found: string[] = [];
  const coreA = fieldsOf(fieldsOf(a)['_core']);
  const coreB = fieldsOf(fieldsOf(b)['_core']);
  const both = (name: string, compare: Compare): void => compare(coreA[name], coreB[name], name, found);
  both('coreService', object({ modes: object({}), decPrivateModes: object({}) }, SERVICE));
  both('coreMouseService', object({}, [...SERVICE, '_protocols', '_encodings']));
  both('_charsetService', object({ _charsets: charsets, charset: same }, SERVICE));
  both('unicodeService', object({}, [...SERVICE, '_providers', '_activeProvider']));
  both('_oscLinkService', (x, y, path) => links(x, y, path, found, coreA, coreB));
  // Cached and checked again at each use: _cachedBlankLine.
  both('_bufferService', object({ buffers }, [...SERVICE, '_cachedBlankLine']));
  both('_inputHandler', inputHandler);
  both('optionsService', object({ rawOptions: object({ ...NESTED_OPTIONS }, ['rows', 'cols']) }, [...SERVICE, 'options']));
  return found.slice(0, MAX_DIFFERENCES);
}

/** Emitters and their events, what they must dispose of, and other services (each visited once, from the core). */
const SERVICE = [
  ...['serviceBrand', '_store', '_isDisposed'],
  ...[
    '_bufferService',
    '_charsetService',
    '_coreService',
    '_logService',
    '_optionsService',
    '_oscLinkService',
    '_coreMouseService',
    '_unicodeService',
  ],
];
/** Options that are objects; given by the caller and the same for both. */
const NESTED_OPTIONS: Record<string, Compare> = Object.fromEntries(
  ['theme', 'windowOptions', 'windowsPty', 'overviewRuler', 'linkHandler', 'logger', 'documentOverride'].map((name) => [name, same]),
);

/** All own fields, each compared by the one named for it, as plain values otherwise; but for the ignored ones, functions and emitters. */
function object(nested: Record<string, Compare>, ignored: readonly string[] = []): Compare {
  return (a, b, path, found) => {
    const [x, y] = [fieldsOf(a), fieldsOf(b)];
    for (const name of new Set([...Object.keys(x), ...Object.keys(y)])) {
      if (ignored.includes(name) || /^_?on[A-Z]/.test(name)) continue;
      const [left, right] = [x[name], y[name]];
      if (typeof left === 'function' && typeof right === 'function') continue;
      const compare = nested[name];
      if (compare) compare(left, right, `${path}.${name}`, found);
      else if (isPlain(left) && isPlain(right)) plain(left, right, `${path}.${name}`, found);
      else found.push(`${path}.${name}: nobody has decided how to compare it`);
    }
  };
}

function isPlain(value: unknown): boolean {
  return value === null || typeof value !== 'object';
}

function plain(a: unknown, b: unknown, path: string, found: string[]): void {
  if (!Object.is(a, b) && a !== b) found.push(`${path}: ${show(a)} is not ${show(b)}`);
}

/** By content. */
function same(a: unknown, b: unknown, path: string, found: string[]): void {
  const [x, y] = [JSON.stringify(a), JSON.stringify(b)];
  if (x !== y) found.push(`${path}: ${show(x)} is not ${show(y)}`);
}

function show(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

/** G0 to G3; one that was never designated is the default. */
function charsets(a: unknown, b: unknown, path: string, found: string[]): void {
  for (const level of [0, 1, 2, 3]) same(fieldsOf(a)[level], fieldsOf(b)[level], `${path}[${level}]`, found);
}

function inputHandler(a: unknown, b: unknown, path: string, found: string[]): void {
  object(
    {
      _curAttrData: attributes,
      _windowTitleStack: same,
      _iconNameStack: same,
      _utf8Decoder: object({ interim: (x, y, at) => same([...(x as Uint8Array)], [...(y as Uint8Array)], at, found) }),
      _stringDecoder: object({}),
      _parseStack: object({}, ['cursorStartX', 'cursorStartY', 'decodedLength', 'position']),
      _activeBuffer: (x, y, at) => plain(fieldsOf(x)['_hasScrollback'], fieldsOf(y)['_hasScrollback'], at, found),
      _parser: parser,
      _specialColors: same,
    },
    [
      ...SERVICE,
      // A work buffer, and what the last write has drawn.
      ...['_parseBuffer', '_dirtyRowTracker'],
      // Made anew from _curAttrData at each use.
      '_eraseAttrDataInternal',
    ],
  )(a, b, path, found);
}

function attributes(a: unknown, b: unknown, path: string, found: string[]): void {
  object({ extended: object({}) })(a, b, path, found);
}

function parser(a: unknown, b: unknown, path: string, found: string[]): void {
  const state = fieldsOf(a)['currentState'];
  // What a finished sequence has left behind is cleared before the next one that collects any.
  const leftovers = state === GROUND || state === SOS_PM_APC_STRING || state === OSC_STRING ? ['_params', '_collect'] : [];
  object(
    {
      _params: parameters,
      _parseStack: object({ handlers: same }, ['chunkPos', 'handlerPos', 'transition']),
      _oscParser: (left, right, at) => (state === OSC_STRING ? string(left, right, at, found) : undefined),
      _dcsParser: (left, right, at) => (state === DCS_PASSTHROUGH ? string(left, right, at, found) : undefined),
    },
    [
      ...leftovers,
      ...SERVICE,
      // Tables and handlers: the same code.
      ...['_transitions', '_executeHandlers', '_csiHandlers', '_escHandlers'],
      ...['_printHandlerFb', '_executeHandlerFb', '_csiHandlerFb', '_escHandlerFb', '_errorHandlerFb', '_printHandler', '_errorHandler'],
    ],
  )(a, b, path, found);
}

function parameters(a: unknown, b: unknown, path: string, found: string[]): void {
  type Params = {
    readonly length: number;
    toArray(): unknown;
    readonly _rejectDigits: boolean;
    readonly _rejectSubDigits: boolean;
    readonly _digitIsSub: boolean;
  };
  const [x, y] = [a as Params, b as Params];
  const told = (p: Params): unknown => [p.length, p.toArray(), p._rejectDigits, p._rejectSubDigits, p._digitIsSub];
  same(told(x), told(y), path, found);
}

/** The parser of a string, in the middle of one: which it is and what it has collected for the handlers of the emulator. */
function string(a: unknown, b: unknown, path: string, found: string[]): void {
  const told = (value: unknown): unknown => {
    const { _state, _id, _ident, _active } = fieldsOf(value);
    const collected = (_active as Fields[]).map(({ _data, _hitLimit }) => [_data, _hitLimit]);
    return [_state, _id, _ident, collected[0]];
  };
  same(told(a), told(b), path, found);
}

const buffers: Compare = (a, b, path, found) => {
  const [x, y] = [fieldsOf(a), fieldsOf(b)];
  plain(x['_activeBuffer'] === x['_alt'], y['_activeBuffer'] === y['_alt'], `${path}.alternate is active`, found);
  for (const name of ['_normal', '_alt']) buffer(x[name], y[name], `${path}.${name}`, found);
  object({}, [...SERVICE, '_normal', '_alt', '_activeBuffer'])(a, b, path, found);
};

const buffer: Compare = object(
  {
    lines,
    tabs: (a, b, path, found) => same(stops(a), stops(b), path, found),
    savedCurAttrData: attributes,
    savedCharset: same,
    markers: (a, b, path, found) => same(markerLines(a), markerLines(b), path, found),
  },
  // Work cells, and the freeing of memory after a resize.
  [...SERVICE, '_nullCell', '_whitespaceCell', '_memoryCleanupQueue', '_memoryCleanupPosition', '_isClearing'],
);

function stops(tabs: unknown): unknown {
  return Object.entries(fieldsOf(tabs)).filter(([, set]) => set === true);
}

function markerLines(markers: unknown): number[] {
  return (markers as { line: number }[]).map(({ line }) => line).sort((x, y) => x - y);
}

interface Ring {
  readonly length: number;
  readonly maxLength: number;
  get(index: number): Line | undefined;
}

interface Line {
  readonly length: number;
  readonly isWrapped: boolean;
  readonly _data: Uint32Array;
  readonly _combined: Record<number, string>;
  readonly _extendedAttrs: Record<number, unknown>;
}

function lines(a: unknown, b: unknown, path: string, found: string[]): void {
  const [x, y] = [a as Ring, b as Ring];
  plain(x.length, y.length, `${path}.length`, found);
  plain(x.maxLength, y.maxLength, `${path}.maxLength`, found);
  for (let index = 0; index < Math.min(x.length, y.length) && found.length < MAX_DIFFERENCES; index += 1) {
    const [left, right] = [x.get(index), y.get(index)];
    if (left && right) line(left, right, `${path}[${index}]`, found);
    else plain(left, right, `${path}[${index}]`, found);
  }
}

function line(a: Line, b: Line, path: string, found: string[]): void {
  plain(a.length, b.length, `${path}.length`, found);
  plain(a.isWrapped, b.isWrapped, `${path}.isWrapped`, found);
  const words = Math.min(a.length, b.length) * CELL_WORDS;
  for (let at = 0; at < words && found.length < MAX_DIFFERENCES; at += 1) {
    const [left, right] = [a._data[at] ?? 0, b._data[at] ?? 0];
    const column = Math.floor(at / CELL_WORDS);
    if (left !== right) found.push(`${path}[${column}] word ${at % CELL_WORDS}: ${left.toString(16)} is not ${right.toString(16)}`);
    if (at % CELL_WORDS === 0 && (left & COMBINED) !== 0) plain(a._combined[column], b._combined[column], `${path}[${column}] text`, found);
    if (at % CELL_WORDS === 2 && (left & EXTENDED) !== 0) {
      object({})(a._extendedAttrs[column], b._extendedAttrs[column], `${path}[${column}] extended`, found);
    }
  }
  // Also texts of cells overwritten since: the emulator may move them when it wraps lines anew. Attributes are moved only with their cell.
  same(a._combined, b._combined, `${path} texts`, found);
}

interface Link {
  readonly id: number;
  readonly key?: string;
  readonly data: { readonly id?: string; readonly uri: string };
  readonly lines: readonly { readonly line: number }[];
}

function links(a: unknown, b: unknown, path: string, found: string[], coreA: Fields, coreB: Fields): void {
  const told = (value: unknown, core: Fields): unknown => {
    const service = fieldsOf(value);
    const places = new Map<unknown, string>();
    const set = fieldsOf(fieldsOf(core['_bufferService'])['buffers']);
    for (const name of ['_normal', '_alt']) for (const marker of fieldsOf(set[name])['markers'] as object[]) places.set(marker, name);
    const byNumber = [...(service['_dataByLinkId'] as Map<number, Link>)].map(([number, { id, key, data, lines: markers }]) => {
      const where = markers.map((marker) => `${places.get(marker) ?? 'gone'} ${marker.line}`).sort();
      return { number, id, key, data, where };
    });
    // A link without a name, in a buffer that was thrown away: nothing leads to it, and xterm.js keeps it for ever.
    const reachable = byNumber.filter(({ data, where }) => data.id !== undefined || where.some((place) => !place.startsWith('gone')));
    const byKey = [...(service['_entriesWithId'] as Map<string, Link>)].map(([key, { id }]) => [key, id]);
    return {
      next: service['_nextId'],
      links: reachable.sort((x, y) => x.number - y.number),
      keys: byKey.sort(([x], [y]) => (String(x) < String(y) ? -1 : 1)),
    };
  };
  const [x, y] = [told(a, coreA), told(b, coreB)];
  same(x, y, path, found);
  object({}, [...SERVICE, '_nextId', '_entriesWithId', '_dataByLinkId'])(a, b, path, found);
}

function fieldsOf(value: unknown): Fields {
  return (value ?? {}) as Fields;
}

/** What a program has made of the colours: the emulator keeps none, it only tells. Watches from now on. */
export function watchColors(terminal: Terminal): () => string {
  const colors = new Map<number, string>();
  type Event = readonly { readonly type: number; readonly index?: number; readonly color?: readonly number[] }[];
  const input = fieldsOf(fieldsOf(terminal)['_core'])['_inputHandler'] as { onColor(listener: (event: Event) => void): void };
  input.onColor((event) => {
    for (const { type, index, color } of event) {
      if (type === 1 && index !== undefined) colors.set(index, (color ?? []).join(','));
      else if (type === 2 && index !== undefined) colors.delete(index);
      else if (type === 2) for (let known = 0; known < 256; known += 1) colors.delete(known);
    }
  });
  return () => JSON.stringify([...colors].sort(([x], [y]) => x - y));
}
