// Owns the emulator of one session in this page: its options, what goes into it in which order, and what may come out.
// Must not know sessions or connections.
//
// Invariant: writes, resizes, resets and restores take effect in the order of the calls, though the emulator parses later.
import { hashScreen, makeLiveScreen, ScreenError, swallowQueries } from '@cotg/screen';
import type { ScreenState } from '@cotg/screen';
import { Unicode11Addon } from '@xterm/addon-unicode11';
import { Terminal } from '@xterm/xterm';
import type { IDisposable, ITheme, ITerminalInitOnlyOptions, ITerminalOptions } from '@xterm/xterm';
import { FONT_FAMILY, FONT_PX, LINE_HEIGHT } from './font.ts';
import { openUnderPolicy, scrollAtOnce } from './xterm-internals.ts';

/** Lines kept above the screen. Older ones stay in the journal. */
const SCROLLBACK_LINES = 5000;
/** WCAG 2.2 AA: programs choose colours without knowing our background. */
const MINIMUM_CONTRAST = 4.5;
/** SGR 2 and 0 (ECMA-48 8.3.117). */
const DIM = '\u001b[2m';
const PLAIN = '\u001b[0m';

export interface TerminalOptions {
  readonly cols: number;
  readonly rows: number;
  readonly theme: ITheme;
  readonly cursorBlink: boolean;
  /** What the person typed; replies to queries never come here. */
  readonly onText: (text: string) => void;
  /** Reports of the mouse that are no text, one character per byte. */
  readonly onBytes: (bytes: string) => void;
  readonly onLink: (text: string) => void;
}

export interface RestoreOutcome {
  readonly done: () => void;
  /** A ScreenError: the screen is still the old one, or worth nothing. */
  readonly failed: (error: unknown) => void;
}

export interface TerminalHandle {
  readonly xterm: Terminal;
  open(parent: HTMLElement): void;
  /** `parsed` is called when everything up to here has taken effect. */
  write(bytes: Uint8Array, parsed: () => void): void;
  resize(cols: number, rows: number): void;
  /** A blank terminal of this size, whatever was unfinished; with a dim line of ours at its top. */
  reset(cols: number, rows: number, note?: string): void;
  /** Replaces everything at once: no frame shows a blank between. The reader stays as far above the bottom as before. */
  restore(state: ScreenState, outcome: RestoreOutcome): void;
  /** What it shows, as a fingerprint; null when this page's emulator is another one than the server's. */
  screen(): { readonly hash: string; readonly cols: number; readonly rows: number } | null;
  /** Scrollback and screen of the buffer in use, without trailing blanks. */
  lines(): string[];
  dispose(): void;
}

export function createTerminal(options: TerminalOptions): TerminalHandle {
  const { cols, rows, theme, cursorBlink } = options;
  const xterm = makeXterm({
    cols,
    rows,
    theme,
    cursorBlink,
    linkHandler: { activate: (_event, text) => options.onLink(text), allowNonHttpProtocols: false },
  });
  const { buffer } = xterm;
  const screen = makeLiveScreen(xterm);
  const disposables: IDisposable[] = [
    swallowQueries(xterm),
    xterm.onData((text) => {
      if (!isFocusReport(text)) options.onText(text);
    }),
    xterm.onBinary(options.onBytes),
  ];
  let policySheets: IDisposable | undefined;

  return {
    xterm,
    open: (parent) => {
      policySheets = openUnderPolicy(xterm, parent);
    },
    write: (bytes, parsed) => screen.write(bytes, parsed),
    resize: (newCols, newRows) => screen.resize(newCols, newRows),
    reset: (newCols, newRows, note) => {
      screen.reset(newCols, newRows, { cursorBlink });
      // Not of the program, so not through `screen`: its bytes have no offsets. Control characters in it would act.
      if (note !== undefined) xterm.write(`${DIM}${note.replaceAll(/\p{Cc}/gu, ' ')}${PLAIN}\r\n`);
    },
    restore: (state, { done, failed }) => {
      let linesBelow = 0;
      // In the turn of the restore, behind everything written before it.
      xterm.write('', () => {
        linesBelow = buffer.active.baseY - buffer.active.viewportY;
      });
      screen.restore(state, {
        // Whoever feeds this terminal counts the offsets; nobody asks `screen` for them.
        offset: 0,
        cursorBlink,
        done: () => {
          if (linesBelow > 0) scrollAtOnce(xterm, -linesBelow);
          done();
        },
        failed,
      });
    },
    screen: () => {
      try {
        return { hash: hashScreen(xterm), cols: xterm.cols, rows: xterm.rows };
      } catch (error) {
        if (error instanceof ScreenError) return null;
        throw error;
      }
    },
    lines: () => {
      const { active } = buffer;
      return Array.from({ length: active.length }, (_, y) => active.getLine(y)?.translateToString(true) ?? '');
    },
    dispose: () => {
      screen.dispose();
      for (const disposable of disposables) disposable.dispose();
      xterm.dispose();
      policySheets?.dispose();
    },
  };
}

/** As this page has them all: the widths of Unicode 11, one font, one scrollback. */
export function makeXterm(options: ITerminalOptions & ITerminalInitOnlyOptions): Terminal {
  const xterm = new Terminal({
    fontFamily: FONT_FAMILY,
    fontSize: FONT_PX,
    lineHeight: LINE_HEIGHT,
    scrollback: SCROLLBACK_LINES,
    minimumContrastRatio: MINIMUM_CONTRAST,
    // Widths of Unicode 11 and the parser's hooks are "proposed" API.
    allowProposedApi: true,
    convertEol: false,
    // What a program prints is no error of the page.
    logLevel: 'off',
    ...options,
  });
  xterm.loadAddon(new Unicode11Addon());
  xterm.unicode.activeVersion = '11';
  return xterm;
}

/**
 * Focus reports (CSI I, CSI O). Nobody types them, and here they would say whether a keyboard is up, not whether a person looks; several
 * pages on one session would contradict each other. No key sends these.
 */
function isFocusReport(text: string): boolean {
  return text === '\u001b[I' || text === '\u001b[O';
}

/** What a mouse does, as text (SGR, CSI < … M or m): no key sends it either, and a mouse that merely passes does. */
export function isMouseReport(text: string): boolean {
  return text.startsWith('\u001b[<') && /^\d+;\d+;\d+[Mm]$/.test(text.slice(3));
}
