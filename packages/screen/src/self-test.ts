// Owns the question asked at start: is the xterm.js in this process the one whose states these are? It goes through everything that could
// have changed: version, private names, and one screen taken, stored, read back and gone on from.
import { decodeState } from './decode.ts';
import { encodeState } from './encode.ts';
import { dumpScreen } from './dump.ts';
import { hashScreen } from './hash.ts';
import { restoreScreen } from './restore.ts';
import { EMULATOR_VERSION } from './state.ts';
import { TailScanner } from './tail-scanner.ts';
import { coreOf, missingInternals } from './xterm-internals.ts';
import type { ScreenTerminal } from './xterm-internals.ts';

export type ScreenProblemCode = 'EMULATOR_VERSION' | 'EMULATOR_INTERNALS' | 'UNICODE_VERSION' | 'ROUND_TRIP';

export interface ScreenProblem {
  readonly code: ScreenProblemCode;
  readonly message: string;
  readonly hint: string;
}

export interface SelfTestOptions {
  /** Of the xterm.js package in use, from its package.json. */
  readonly version: string;
  /** A new terminal, as the product makes them, with Unicode 11 active and the proposed API allowed. In a page it need not be opened. */
  readonly makeTerminal: (size: { readonly cols: number; readonly rows: number }) => ScreenTerminal & { dispose(): void };
}

const COLS = 20;
const ROWS = 6;
const CSI = '\u001b[';
const BEFORE = [
  `one\r\ntwo\r\nthree\r\nfour\r\nfive\r\nsix\r\nseven\r\n`,
  `${CSI}1;3;38;2;10;20;30;48;5;99mcolour${CSI}4:3m${CSI}58;5;9m curly${CSI}0m and a line that wraps\r\n`,
  `\u001b]8;id=x;https://example.org/\u001b\\link\u001b]8;;\u001b\\ 漢字 e\u0301 👍🏽 \u001b(0lqk\u001b(B\r\n`,
  `\u001b]2;title\u0007${CSI}2;5r${CSI}?6h${CSI}3;3H\u001b7${CSI}?1;1002;1006;2004h${CSI}4 q${CSI}3g${CSI}7G\u001bH`,
  `${CSI}?1049h alternate ${CSI}1"q protected${CSI}38;5;1`,
].join('');
const AFTER = `2mafter${CSI}?1049l and back\u001b8here\ttab${CSI}5b\r\n`;

/** null: everything is as it must be. Takes some milliseconds; never throws for what it is asked about. */
export function selfTest({ version, makeTerminal }: SelfTestOptions): ScreenProblem | null {
  if (version !== EMULATOR_VERSION) {
    const hint = `Install xterm.js ${EMULATOR_VERSION} exactly, on both ends.`;
    return { code: 'EMULATOR_VERSION', message: `xterm.js ${version} is not ${EMULATOR_VERSION}`, hint };
  }
  const uncut = makeTerminal({ cols: COLS, rows: ROWS });
  const restored = makeTerminal({ cols: COLS + 7, rows: ROWS + 3 });
  try {
    return check(uncut, restored);
  } catch (error) {
    return { code: 'ROUND_TRIP', message: `a screen did not survive: ${String(error)}`, hint: HINT };
  } finally {
    uncut.dispose();
    restored.dispose();
  }
}

const HINT = 'Report this with the versions of the browser or Node and of xterm.js.';

function check(uncut: ScreenTerminal, restored: ScreenTerminal): ScreenProblem | null {
  const missing = [...missingInternals(uncut), ...missingInternals(restored)];
  if (missing.length > 0) return { code: 'EMULATOR_INTERNALS', message: `xterm.js has no ${missing.join(', ')}`, hint: HINT };
  const unicode = coreOf(uncut).unicodeService.activeVersion;
  if (unicode !== '11') {
    return {
      code: 'UNICODE_VERSION',
      message: `widths are counted by Unicode ${unicode}`,
      hint: 'Load @xterm/addon-unicode11 and make it active.',
    };
  }
  const encoder = new TextEncoder();
  const scanner = new TailScanner();
  const before = encoder.encode(BEFORE);
  scanner.push(before);
  coreOf(uncut)._inputHandler.parse(before);
  const state = decodeState(encodeState(dumpScreen(uncut, { tail: scanner.tail() })));
  restoreScreen(restored, state);
  const after = encoder.encode(AFTER);
  for (const terminal of [uncut, restored]) coreOf(terminal)._inputHandler.parse(after);
  if (!areEqual(encodeState(dumpScreen(uncut)), encodeState(dumpScreen(restored)))) {
    return { code: 'ROUND_TRIP', message: 'a restored screen went on in another way than the one it was taken from', hint: HINT };
  }
  return hashScreen(uncut) === hashScreen(restored)
    ? null
    : { code: 'ROUND_TRIP', message: 'equal screens have different fingerprints', hint: HINT };
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
