// Owns the limits on what one sequence of a program may do to an emulator. xterm.js 6.0.0 takes any number and any length: CSI 2147483647 S
// scrolls two thousand million times before it returns, CSI 2147483647 b asks for 8 GB, a title may have ten million characters, and each of its
// handlers keeps them all.
// Must be installed in every emulator, on both ends alike: they must agree.
//
// Invariant: what a program asks for within a screen's size happens exactly; beyond it the same as at the limit, or nothing.
import { coreOf } from './xterm-internals.ts';
import type { CoreParams, Disposable, PrintHandler, ScreenTerminal } from './xterm-internals.ts';
import { MAX_STRING_CHARS } from './state.ts';

/** Lines that are inserted, deleted, scrolled (IL, DL, SU, SD): after as many as the screen has, nothing changes any more. */
const BY_ROWS = ['L', 'M', 'S', 'T'];
/** Tab stops passed (CHT, CBT): after as many as there are columns, the cursor is at an end. */
const BY_COLS = ['I', 'Z'];
/** REP: the character before, once more. Fills the largest screens there are. */
const MAX_REPEATS = 65_535;
/** Strings that xterm.js acts upon: titles, palette, links, colours and their resets. */
const STRINGS = [0, 1, 2, 4, 8, 10, 11, 12, 104];

/** More than any string that takes effect, its number included. */
const MAX_GIVEN_CODES = 2 * MAX_STRING_CHARS;

export function boundOutput(terminal: ScreenTerminal): Disposable {
  const input = coreOf(terminal)._inputHandler;
  // Not through the public API: its handlers get a copy of the parameters, and these are to be changed for the handler that acts.
  const limit = (final: string, max: () => number): Disposable => input.registerCsiHandler({ final }, (params) => lower(params, max()));
  const disposables = [
    ...BY_ROWS.map((final) => limit(final, () => terminal.rows)),
    ...BY_COLS.map((final) => limit(final, () => terminal.cols)),
    limit('b', () => MAX_REPEATS),
    ...cutStrings(terminal),
    ...STRINGS.map((code) => terminal.parser.registerOscHandler(code, (text) => text.length > MAX_STRING_CHARS)),
  ];
  return { dispose: () => disposables.forEach((disposable) => disposable.dispose()) };
}

/** Of a string that is too long whoever acts on it gets enough to refuse it: it is never collected. */
function cutStrings(terminal: ScreenTerminal): Disposable[] {
  const { _oscParser: osc, _dcsParser: dcs } = coreOf(terminal)._inputHandler._parser;
  let given = 0;
  const [start, putOsc, hook, putDcs] = [osc.start.bind(osc), osc.put.bind(osc), dcs.hook.bind(dcs), dcs.put.bind(dcs)];
  const cut =
    (put: PrintHandler): PrintHandler =>
    (codes, from, to) => {
      const end = Math.min(to, from + MAX_GIVEN_CODES - given);
      if (end <= from) return;
      given += end - from;
      put(codes, from, end);
    };
  osc.start = () => {
    given = 0;
    start();
  };
  dcs.hook = (ident, params) => {
    given = 0;
    hook(ident, params);
  };
  [osc.put, dcs.put] = [cut(putOsc), cut(putDcs)];
  return [
    {
      dispose: () => {
        [osc.start, osc.put, dcs.hook, dcs.put] = [start, putOsc, hook, putDcs];
      },
    },
  ];
}

/** Not handled: the next handler acts, on what is left. */
function lower({ params }: CoreParams, max: number): false {
  if ((params[0] ?? 0) > max) params[0] = max;
  return false;
}
