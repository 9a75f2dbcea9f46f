// Owns the silence of this emulator. Replies to terminal queries are given by exactly one party on the server, live only;
// a page that answered would type its replies once per viewer, and again at every replay of history.
import type { IDisposable, IFunctionIdentifier, IParser } from '@xterm/xterm';

/** Queries whose every form asks for a reply (xterm ctlseqs): DA1, DA2, DA3, DSR, DECDSR, DECRQM, XTVERSION, DECREQTPARM, kitty keyboard. */
const CSI_QUERIES: readonly IFunctionIdentifier[] = [
  { final: 'c' },
  { prefix: '>', final: 'c' },
  { prefix: '=', final: 'c' },
  { final: 'n' },
  { prefix: '?', final: 'n' },
  { intermediates: '$', final: 'p' },
  { prefix: '?', intermediates: '$', final: 'p' },
  { prefix: '>', final: 'q' },
  { final: 'x' },
  { prefix: '?', final: 'u' },
];
/** XTWINOPS (CSI … t) that report; the others move, resize or keep titles. */
const WINDOW_REPORTS: ReadonlySet<number> = new Set([11, 13, 14, 15, 16, 18, 19, 20, 21]);
/** DECRQSS and XTGETTCAP. */
const DCS_QUERIES: readonly IFunctionIdentifier[] = [
  { intermediates: '$', final: 'q' },
  { intermediates: '+', final: 'q' },
];
/** Colours: palette, special colours, foreground to selection. They set or, with "?", ask. */
const COLOR_OSC = [4, 5, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19];
/** Font query, and the clipboard: neither read nor written by a program. */
const IGNORED_OSC = [50, 52];

const swallow = (): boolean => true;

/** Handlers that end these sequences here. The returned disposables take them away again. */
export function swallowQueries(parser: IParser): readonly IDisposable[] {
  return [
    ...CSI_QUERIES.map((id) => parser.registerCsiHandler(id, swallow)),
    parser.registerCsiHandler({ final: 't' }, ([operation]) => typeof operation === 'number' && WINDOW_REPORTS.has(operation)),
    ...DCS_QUERIES.map((id) => parser.registerDcsHandler(id, swallow)),
    ...COLOR_OSC.map((code) => parser.registerOscHandler(code, (text) => text.split(';').includes('?'))),
    ...IGNORED_OSC.map((code) => parser.registerOscHandler(code, swallow)),
  ];
}

/**
 * Focus reports (CSI I, CSI O): besides real changes of focus the emulator sends one when a program asks for them, also
 * in a replay, and no parser handler can take out that mode alone. No key sends these.
 */
export function isFocusReport(text: string): boolean {
  return text === '\u001b[I' || text === '\u001b[O';
}
