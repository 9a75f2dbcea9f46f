// Owns the questions a program can put to its terminal, and their silence in a viewer. They are answered by exactly one party, on the server,
// while the output is live (replies.ts); a page that answered too would type its replies once per viewer, and again at every replay.
//
// Invariant: whatever output is fed to a terminal under swallowQueries, nothing of it comes out of onData.
import { MAX_STRING_CHARS } from './state.ts';
import { coreOf } from './xterm-internals.ts';
import type { Disposable, ScreenTerminal } from './xterm-internals.ts';

interface ControlFunction {
  readonly prefix?: string;
  readonly intermediates?: string;
  readonly final: string;
}

export interface Query {
  /** As in xterm ctlseqs. */
  readonly name: string;
  readonly kind: 'csi' | 'dcs' | 'osc';
  /** For csi and dcs. */
  readonly id?: ControlFunction;
  /** For osc. */
  readonly code?: number;
  /** Which forms ask; all where this is missing. The others set something and pass. */
  readonly asks?: (value: string | number) => boolean;
  /** What acts on a form that asks for one thing and sets another: it gets it without the questions. */
  readonly setter?: 'setOrReportIndexedColor' | 'setOrReportFgColor' | 'setOrReportBgColor' | 'setOrReportCursorColor';
}

/** XTWINOPS (CSI … t) that report; the others move, resize or keep titles. */
const WINDOW_REPORTS: ReadonlySet<string | number> = new Set([11, 13, 14, 15, 16, 18, 19, 20, 21]);
const hasQuestion = (text: string | number): boolean => /(^|;)\?(;|$)/.test(String(text));

/** What xterm.js 6.0.0 answers, and what a later one might begin to. */
export const QUERIES: readonly Query[] = [
  { name: 'DA1', kind: 'csi', id: { final: 'c' } },
  { name: 'DA2', kind: 'csi', id: { prefix: '>', final: 'c' } },
  { name: 'DA3', kind: 'csi', id: { prefix: '=', final: 'c' } },
  { name: 'DSR, CPR', kind: 'csi', id: { final: 'n' } },
  { name: 'DECDSR', kind: 'csi', id: { prefix: '?', final: 'n' } },
  { name: 'DECRQM (ANSI)', kind: 'csi', id: { intermediates: '$', final: 'p' } },
  { name: 'DECRQM (DEC)', kind: 'csi', id: { prefix: '?', intermediates: '$', final: 'p' } },
  { name: 'XTVERSION', kind: 'csi', id: { prefix: '>', final: 'q' } },
  { name: 'DECREQTPARM', kind: 'csi', id: { final: 'x' } },
  { name: 'XTSMGRAPHICS', kind: 'csi', id: { prefix: '?', final: 'S' } },
  { name: 'XTQMODKEYS', kind: 'csi', id: { prefix: '?', final: 'm' } },
  { name: 'kitty keyboard', kind: 'csi', id: { prefix: '?', final: 'u' } },
  { name: 'DECRQPSR', kind: 'csi', id: { intermediates: '$', final: 'w' } },
  { name: 'DECRQCRA', kind: 'csi', id: { intermediates: '*', final: 'y' } },
  { name: 'XTWINOPS', kind: 'csi', id: { final: 't' }, asks: (operation) => WINDOW_REPORTS.has(operation) },
  { name: 'DECRQSS', kind: 'dcs', id: { intermediates: '$', final: 'q' } },
  { name: 'XTGETTCAP', kind: 'dcs', id: { intermediates: '+', final: 'q' } },
  { name: 'palette', kind: 'osc', code: 4, asks: hasQuestion, setter: 'setOrReportIndexedColor' },
  { name: 'special colours', kind: 'osc', code: 5, asks: hasQuestion },
  { name: 'foreground', kind: 'osc', code: 10, asks: hasQuestion, setter: 'setOrReportFgColor' },
  { name: 'background', kind: 'osc', code: 11, asks: hasQuestion, setter: 'setOrReportBgColor' },
  { name: 'cursor colour', kind: 'osc', code: 12, asks: hasQuestion, setter: 'setOrReportCursorColor' },
  ...[13, 14, 15, 16, 17, 18, 19].map((code): Query => ({
    name: `dynamic colour ${code}`,
    kind: 'osc',
    code,
    asks: hasQuestion,
  })),
  { name: 'font', kind: 'osc', code: 50 },
  { name: 'clipboard', kind: 'osc', code: 52 },
];

/** Handlers that end these sequences here. */
export function swallowQueries(terminal: ScreenTerminal): Disposable {
  const disposables = QUERIES.map((query) => swallow(terminal, query));
  disposables.push(swallowFocusReport(terminal));
  return { dispose: () => disposables.forEach((disposable) => disposable.dispose()) };
}

function swallow(terminal: ScreenTerminal, query: Query): Disposable {
  const { parser } = terminal;
  const { kind, code = 0, id = { final: 'c' }, asks, setter } = query;
  const ends = (value: string | number): boolean => asks?.(value) ?? true;
  if (kind === 'csi') return parser.registerCsiHandler(id, ([first]) => ends(typeof first === 'number' ? first : 0));
  if (kind === 'dcs') return parser.registerDcsHandler(id, (text) => ends(text));
  return parser.registerOscHandler(code, (text) => {
    if (!ends(text)) return false;
    if (setter && text.length <= MAX_STRING_CHARS) coreOf(terminal)._inputHandler[setter](withoutQuestions(text));
    return true;
  });
}

/** An empty colour is none, and keeps the place of those behind it. */
function withoutQuestions(text: string): string {
  return text
    .split(';')
    .map((part) => (part === '?' ? '' : part))
    .join(';');
}

/**
 * Mode 1004 reports the focus at once when a program asks for it, in a replay too. No handler of the public API can take this one mode out
 * of a list of modes, so the report itself is taken out. What the focus does later is reported as before.
 */
function swallowFocusReport(terminal: ScreenTerminal): Disposable {
  const core = coreOf(terminal);
  const report = core._reportFocus;
  if (!report) return { dispose: () => undefined };
  core._reportFocus = () => undefined;
  return {
    dispose: () => {
      core._reportFocus = report;
    },
  };
}
