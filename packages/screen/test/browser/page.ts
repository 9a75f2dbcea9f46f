// Owns what runs inside the browser in these tests: terminals as the product opens them, restored from states that a headless one has made.
/// <reference lib="dom" />
import { Unicode11Addon } from '@xterm/addon-unicode11';
import { Terminal } from '@xterm/xterm';
import style from '@xterm/xterm/css/xterm.css?inline';
import {
  boundOutput,
  decodeState,
  encodeState,
  hashScreen,
  makeLiveScreen,
  mendPrint,
  resizeScreen,
  selfTest,
  swallowQueries,
  Utf8Feeder,
  EMULATOR_VERSION,
} from '../../src/index.ts';
import type { LiveScreen, ScreenState } from '../../src/index.ts';
import { coreOf } from '../../src/xterm-internals.ts';
import { compareTerminals } from '../compare.ts';
import { makeRandom } from '../support/random.ts';
import type { Random } from '../support/random.ts';
import type { Resize, Stream } from '../support/stream.ts';
import type { Check, CheckResult, PageApi, StreamMessage } from './protocol.ts';

const OPTIONS = {
  scrollback: 1000,
  allowProposedApi: true,
  fontSize: 13,
  fontFamily: 'monospace',
  logLevel: 'off' as const,
  windowOptions: { pushTitle: true, popTitle: true, getWinSizeChars: true },
};

/** After this long a page paints although the program has not said that its frame is complete (ms); less, to be on the safe side. */
const SYNCHRONIZED_OUTPUT_MS = 800;

function openTerminal(cols: number, rows: number): Terminal {
  const terminal = new Terminal({ ...OPTIONS, cols, rows });
  terminal.loadAddon(new Unicode11Addon());
  terminal.unicode.activeVersion = '11';
  const parent = document.createElement('div');
  // One over the other: what is out of sight is not drawn.
  parent.style.cssText = 'position:absolute;top:0;left:0';
  document.body.append(parent);
  terminal.open(parent);
  // As after a focus, which is the reader's and not in a state.
  coreOf(terminal).coreService.isCursorInitialized = true;
  return terminal;
}

function closeTerminal(terminal: Terminal): void {
  const parent = terminal.element?.parentElement;
  terminal.dispose();
  parent?.remove();
}

/** Never cut and never restored: fed from the beginning, at once. */
class Reference {
  readonly terminal: Terminal;
  readonly #stream: Stream;
  readonly #feeder = new Utf8Feeder();
  #at = 0;

  constructor(stream: Stream) {
    this.#stream = stream;
    this.terminal = openTerminal(stream.cols, stream.rows);
    boundOutput(this.terminal);
    mendPrint(this.terminal);
    swallowQueries(this.terminal);
  }

  advance(to: number): void {
    for (const { offset, cols, rows } of this.#stream.resizes.filter((resize) => resize.offset > this.#at && resize.offset <= to)) {
      this.#feed(offset);
      resizeScreen(this.terminal, cols, rows);
    }
    this.#feed(to);
  }

  #feed(to: number): void {
    for (const piece of this.#feeder.take(this.#stream.bytes.subarray(this.#at, to))) coreOf(this.terminal)._inputHandler.parse(piece);
    this.#at = to;
  }
}

let stream: Stream | undefined;
let reference: Reference | undefined;
/** Used for one restore after the other, as the product does. */
let reused: { readonly terminal: Terminal; readonly live: LiveScreen } | undefined;
const sent: string[] = [];

function makeLive(terminal: Terminal): LiveScreen {
  const live = makeLiveScreen(terminal);
  swallowQueries(terminal);
  terminal.onData((data) => sent.push(data));
  return live;
}

const api: PageApi = {
  load({ name, cols, rows, bytes, resizes }: StreamMessage): void {
    stream = { name, cols, rows, bytes: fromBase64(bytes), resizes };
    if (reference) closeTerminal(reference.terminal);
    reference = new Reference(stream);
    if (!reused) {
      const terminal = openTerminal(cols, rows);
      reused = { terminal, live: makeLive(terminal) };
    }
  },
  check: (check) => runCheck(check),
  selfTest: () =>
    selfTest({
      version: EMULATOR_VERSION,
      makeTerminal: ({ cols, rows }) => {
        const terminal = new Terminal({ ...OPTIONS, cols, rows });
        terminal.loadAddon(new Unicode11Addon());
        terminal.unicode.activeVersion = '11';
        return terminal;
      },
    }),
  replay: (times) => runReplay(times),
};
Object.assign(window, { fidelity: api });
document.head.append(Object.assign(document.createElement('style'), { textContent: style }));

/** What one message of the stream holds at most, as in the product. */
const EVENT_BYTES = 64 * 1024;

async function runReplay(times: number): Promise<number> {
  if (!stream) throw new Error('no stream was loaded');
  const { bytes, cols, rows } = stream;
  const terminal = openTerminal(cols, rows);
  const live = makeLive(terminal);
  const started = performance.now();
  for (let n = 0; n < times; n += 1) {
    for (let at = 0; at < bytes.length; at += EVENT_BYTES) {
      const part = bytes.subarray(at, at + EVENT_BYTES);
      await new Promise<void>((done) => live.write(part, done));
    }
  }
  await nextFrame();
  const ms = performance.now() - started;
  closeTerminal(terminal);
  return ms;
}

async function runCheck({ cut, blob, hash, end, endBlob, endHash, fresh, seed }: Check): Promise<CheckResult> {
  if (!stream || !reference || !reused) throw new Error('no stream was loaded');
  const random = makeRandom(seed);
  const problems: string[] = [];
  const { terminal, live } = fresh ? openFresh(random) : reused;
  if (!fresh) await useForSomethingElse(terminal, live, random);
  sent.length = 0;

  reference.advance(cut);
  const started = performance.now();
  const state = decodeState(fromBase64(blob));
  const decoded = performance.now();
  await new Promise<void>((done) => live.restore(state, { offset: cut, done }));
  const restored = performance.now();
  // A page ends mode 2026 by itself, a second after it has begun: this one may have waited longer for its turn, until this very moment.
  if (state.modes.synchronizedOutput) coreOf(reference.terminal).coreService.decPrivateModes.synchronizedOutput = true;
  problems.push(...compareTerminals(terminal as never, reference.terminal as never).map((difference) => `at once: ${difference}`));
  problems.push(...compareDump(live, state).map((difference) => `at once: ${difference}`));
  if (hashScreen(terminal) !== hash) problems.push('at once: another fingerprint');
  problems.push(...compareColors(terminal, reference.terminal));

  await nextFrame();
  const painted = performance.now();
  problems.push(...compareLooks(terminal, reference.terminal, state));

  await feedRange(live, stream, { from: cut, to: end, random });
  const last = decodeState(fromBase64(endBlob));
  if (performance.now() - restored > SYNCHRONIZED_OUTPUT_MS && last.modes.synchronizedOutput)
    coreOf(terminal).coreService.decPrivateModes.synchronizedOutput = true;
  problems.push(...compareDump(live, last).map((difference) => `after ${end - cut} bytes: ${difference}`));
  if (hashScreen(terminal) !== endHash) problems.push(`after ${end - cut} bytes: another fingerprint`);
  if (live.offset !== end) problems.push(`the offset is ${live.offset}, not ${end}`);
  if (sent.length > 0) problems.push(`the page sent ${JSON.stringify(sent)}`);
  if (fresh) closeTerminal(terminal);
  return { problems, decodeMs: decoded - started, restoreMs: restored - decoded, paintMs: painted - restored };
}

function openFresh(random: Random): { readonly terminal: Terminal; readonly live: LiveScreen } {
  const terminal = openTerminal(40 + random.below(80), 10 + random.below(40));
  return { terminal, live: makeLive(terminal) };
}

const USED = [
  '\u001b[?1049h\u001b[?1003h\u001b[?25l\u001b[3;9r\u001b[4h\u001b(0\u001b[?6h left here \u001b[38;5',
  '\u001b]8;id=a;https://example.org/a\u001b\\a link\r\n\r\n\u001b]2;another title\u0007\u001b[20h\u001b[?12h\u001b]4;1;#abcdef\u0007\u001b]11;#123456',
  '\u001b[?2026h\u001b[?45h\u001b[?66h\u001b[?7l\u001b[3g\u001b[5 q\u001b7\u001bP$q\u00e9',
];

/** Another size, another screen, scrolled up, something selected, in the middle of a sequence and of a character. */
async function useForSomethingElse(terminal: Terminal, live: LiveScreen, random: Random): Promise<void> {
  live.resize(40 + random.below(80), 10 + random.below(40));
  const lines = Array.from({ length: 30 + random.below(100) }, (_, index) => `line ${index}\r\n`).join('');
  await written(live, new TextEncoder().encode(`\u001b[?1049l\u001b[m${lines}${random.pick(USED)}`));
  await written(live, Uint8Array.of(0xf0, 0x9f));
  terminal.select(1, 1, 30);
  terminal.scrollLines(-random.below(20));
}

function written(live: LiveScreen, bytes: Uint8Array): Promise<void> {
  return new Promise((parsed) => live.write(bytes, parsed));
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly random: Random;
}

async function feedRange(live: LiveScreen, { bytes, resizes }: Stream, { from, to, random }: Range): Promise<void> {
  const within: readonly Resize[] = resizes.filter(({ offset }) => offset > from && offset <= to);
  let at = from;
  const feedTo = (end: number): void => {
    while (at < end) {
      const next = Math.min(end, at + 1 + random.below(random.pick([3, 200, 5000, 200_000])));
      live.write(bytes.subarray(at, next));
      at = next;
    }
  };
  for (const { offset, cols, rows } of within) {
    feedTo(offset);
    live.resize(cols, rows);
  }
  feedTo(to);
  await written(live, new Uint8Array(0));
}

function nextFrame(): Promise<void> {
  return new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
}

/** Rows as drawn: the same as a terminal that was never restored draws, and the text that is in the buffer. */
function compareLooks(terminal: Terminal, other: Terminal, state: ScreenState): string[] {
  const problems: string[] = [];
  const rows = drawnRows(terminal);
  const buffer = terminal.buffer.active;
  if (rows.length !== state.rows) problems.push(`${rows.length} rows are drawn, not ${state.rows}`);
  if (buffer.viewportY !== buffer.baseY) problems.push('it does not stand at its bottom');
  if (terminal.hasSelection()) problems.push('something is selected');
  // The other one was fed in the middle of a frame that waits for its end (mode 2026): it has not been drawn.
  const expected = state.modes.synchronizedOutput ? undefined : drawnRows(other);
  rows.forEach((row, y) => {
    const theirs = expected?.[y];
    if (theirs && theirs.innerHTML !== row.innerHTML)
      problems.push(`row ${y} is drawn as ${row.innerHTML.slice(0, 300)}, not ${theirs.innerHTML.slice(0, 300)}`);
    const line = buffer.getLine(buffer.viewportY + y);
    if (!line || !isDrawnAsText(line)) return;
    const drawn = (row.textContent ?? '').replaceAll('\u00a0', ' ').trimEnd();
    const text = line.translateToString(true).replaceAll('\u00a0', ' ').trimEnd();
    if (drawn !== text) problems.push(`row ${y} shows ${JSON.stringify(drawn)}, not ${JSON.stringify(text)}`);
  });
  const scrollable = terminal.element?.querySelector('.xterm-scrollable-element');
  if (!scrollable) problems.push('nothing scrolls');
  const scroll = scrollOf(terminal);
  if (scroll.height !== buffer.length || scroll.top !== buffer.baseY)
    problems.push(`it scrolls over ${scroll.height} lines and is at ${scroll.top}`);
  const mouse = terminal.element?.classList.contains('enable-mouse-events');
  if (mouse !== other.element?.classList.contains('enable-mouse-events'))
    problems.push(`it ${mouse ? 'listens' : 'does not listen'} to the mouse`);
  return problems;
}

/** xterm.js itself draws hidden text, marks without a character and halves of wide characters in other ways than it tells their text. */
function isDrawnAsText(line: NonNullable<ReturnType<Terminal['buffer']['active']['getLine']>>): boolean {
  for (let x = 0; x < line.length; x += 1) {
    const cell = line.getCell(x);
    if (!cell) continue;
    if (cell.isInvisible() !== 0) return false;
    const next = line.getCell(x + 1);
    if (cell.getWidth() === 2 && (!next || next.getWidth() !== 0)) return false;
    if (cell.getWidth() === 0 && (cell.getChars() !== '' || x === 0 || line.getCell(x - 1)?.getWidth() !== 2)) return false;
  }
  return true;
}

function drawnRows(terminal: Terminal): readonly Element[] {
  return [...(terminal.element?.querySelector('.xterm-rows')?.children ?? [])];
}

interface Scrollable {
  readonly _viewport: {
    readonly _scrollableElement: {
      getScrollDimensions(): { readonly scrollHeight: number };
      getScrollPosition(): { readonly scrollTop: number };
    };
  };
  readonly _renderService: { readonly dimensions: { readonly css: { readonly cell: { readonly height: number } } } };
}

/** In lines. */
function scrollOf(terminal: Terminal): { readonly height: number; readonly top: number } {
  const { _viewport: viewport, _renderService: renderer } = coreOf(terminal) as unknown as Scrollable;
  const lines = (pixels: number): number => Math.round(pixels / renderer.dimensions.css.cell.height);
  const { _scrollableElement: element } = viewport;
  return { height: lines(element.getScrollDimensions().scrollHeight), top: lines(element.getScrollPosition().scrollTop) };
}

function compareColors(terminal: Terminal, other: Terminal): string[] {
  const told = (one: Terminal): string => {
    const colors = coreOf(one)._themeService?._colors as unknown as Record<string, { readonly css: string }> & {
      readonly ansi: readonly { readonly css: string }[];
    };
    return JSON.stringify([colors['foreground']?.css, colors['background']?.css, colors['cursor']?.css, colors.ansi.map(({ css }) => css)]);
  };
  return told(terminal) === told(other) ? [] : [`its colours are ${told(terminal)}, not ${told(other)}`];
}

/** By their bytes; but for whether the cursor was ever shown, which a page knows better. */
function compareDump(live: LiveScreen, state: ScreenState): string[] {
  const [mine, theirs] = [live.dump(), state].map((one) => ({ ...one, modes: { ...one.modes, cursorInitialized: true } })) as [
    ScreenState,
    ScreenState,
  ];
  const [bytes, expected] = [encodeState(mine), encodeState(theirs)];
  if (bytes.length === expected.length && bytes.every((byte, index) => byte === expected[index])) return [];
  return [`the page's dump is another one: ${firstDifference(mine, theirs)}`];
}

function firstDifference(a: unknown, b: unknown, path = ''): string {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null)
    return Object.is(a, b) ? '' : `${path}: ${String(a)} is not ${String(b)}`;
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const found = firstDifference(Reflect.get(a, name), Reflect.get(b, name), `${path}.${name}`);
    if (found !== '') return found;
  }
  return '';
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
