// Owns emulators for tests, and feeding them at once: through the emulator's own parser, without its queue and its timers.
import unicode11 from '@xterm/addon-unicode11';
import headless from '@xterm/headless';
import type { Terminal } from '@xterm/headless';
import { boundOutput } from '../../src/bounds.ts';
import { watchPalette } from '../../src/palette.ts';
import type { PaletteWatch } from '../../src/palette.ts';
import { mendPrint } from '../../src/print-mend.ts';
import { resizeScreen } from '../../src/resize.ts';
import { TailScanner } from '../../src/tail-scanner.ts';
import { Utf8Feeder } from '../../src/utf8-feeder.ts';
import { coreOf } from '../../src/xterm-internals.ts';
import { watchColors } from '../compare.ts';
import type { Stream } from './stream.ts';

export const SCROLLBACK = 1000;

export interface Emulator {
  readonly terminal: Terminal;
  readonly scanner: TailScanner;
  readonly feeder: Utf8Feeder;
  readonly palette: PaletteWatch;
  /** Colours as compare.ts sees them. */
  readonly colors: () => string;
}

export function makeTerminal(cols: number, rows: number, scrollback = SCROLLBACK): Terminal {
  const windowOptions = { pushTitle: true, popTitle: true, getWinSizeChars: true };
  const terminal = new headless.Terminal({ cols, rows, scrollback, allowProposedApi: true, logLevel: 'off', windowOptions });
  terminal.loadAddon(new unicode11.Unicode11Addon());
  terminal.unicode.activeVersion = '11';
  return terminal;
}

export function makeEmulator(cols: number, rows: number, scrollback = SCROLLBACK): Emulator {
  const terminal = makeTerminal(cols, rows, scrollback);
  boundOutput(terminal);
  mendPrint(terminal);
  return { terminal, scanner: new TailScanner(), feeder: new Utf8Feeder(), palette: watchPalette(terminal), colors: watchColors(terminal) };
}

/** At once. */
export function feed({ terminal, scanner, feeder }: Emulator, bytes: Uint8Array): void {
  scanner.push(bytes);
  for (const piece of feeder.take(bytes)) coreOf(terminal)._inputHandler.parse(piece);
}

/** Sizes of the chunks a stream is cut into: how the kernel or the network would. */
export type Chunking = () => number;

/** Bytes `from` to `to` of a stream, and the resizes in between: one at `from` has happened, one at `to` happens. */
export function feedRange(
  emulator: Emulator,
  stream: Stream,
  range: { readonly from: number; readonly to: number; readonly chunking: Chunking },
): void {
  const { to, chunking } = range;
  let at = range.from;
  const feedTo = (end: number): void => {
    while (at < end) {
      const next = Math.min(end, at + Math.max(1, chunking()));
      feed(emulator, stream.bytes.subarray(at, next));
      at = next;
    }
  };
  for (const { offset, cols, rows } of stream.resizes) {
    if (offset <= range.from && !(offset === 0 && range.from === 0)) continue;
    if (offset > to) break;
    feedTo(offset);
    resizeScreen(emulator.terminal, cols, rows);
  }
  feedTo(to);
}
