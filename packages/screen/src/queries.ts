// Owns the questions a program can put to its terminal, and their silence in a viewer. They are answered by exactly one party, on the server,
// while the output is live (replies.ts); a page that answered too would type its replies once per viewer, and again at every replay.
//
// Invariant: whatever output is fed to a terminal under swallowQueries, nothing of it comes out of onData.
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
  { name: 'palette', kind: 'osc', code: 4, asks: hasQuestion },
  { name: 'special colours', kind: 'osc', code: 5, asks: hasQuestion },
  ...[10, 11, 12, 13, 14, 15, 16, 17, 18, 19].map((code): Query => ({
    name: `dynamic colour ${code}`,
    kind: 'osc',
    code,
    asks: hasQuestion,
  })),
  { name: 'font', kind: 'osc', code: 50 },
  { name: 'clipboard', kind: 'osc', code: 52 },
];

/** Handlers that end these sequences here. A colour that is set and asked for in one sequence is not set. */
export function swallowQueries(terminal: ScreenTerminal): Disposable {
  const disposables = QUERIES.map((query) => swallow(terminal, query));
  disposables.push(swallowFocusReport(terminal));
  return { dispose: () => disposables.forEach((disposable) => disposable.dispose()) };
}

function swallow({ parser }: ScreenTerminal, { kind, id, code, asks }: Query): Disposable {
  const ends = (value: string | number): boolean => asks?.(value) ?? true;
  if (kind === 'osc') return parser.registerOscHandler(code ?? 0, ends);
  const identifier = id ?? { final: 'c' };
  if (kind === 'dcs') return parser.registerDcsHandler(identifier, (text) => ends(text));
  return parser.registerCsiHandler(identifier, ([first]) => ends(typeof first === 'number' ? first : 0));
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
