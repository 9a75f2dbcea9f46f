// Owns the emulator of one session in this page: its options, what goes into it in which order, and what may come out.
// Must not know sessions, connections or offsets.
//
// Invariant: writes, resizes and resets take effect in the order of the calls, though the emulator parses later.
import { Unicode11Addon } from '@xterm/addon-unicode11';
import { Terminal } from '@xterm/xterm';
import type { IDisposable, ITheme } from '@xterm/xterm';
import { Utf8Feeder } from './feeder.ts';
import { FONT_FAMILY, FONT_PX, LINE_HEIGHT } from './font.ts';
import { isFocusReport, swallowQueries } from './queries.ts';
import { openUnderPolicy, resizeWhole } from './xterm-internals.ts';

/** Lines kept above the screen. Older ones stay in the journal. */
const SCROLLBACK_LINES = 5000;
/** WCAG 2.2 AA: programs choose colours without knowing our background. */
const MINIMUM_CONTRAST = 4.5;
/** CAN: ends an unfinished control sequence or string (ECMA-48 8.3.6). */
const CANCEL = '\u0018';

export interface TerminalOptions {
  readonly cols: number;
  readonly rows: number;
  readonly theme: ITheme;
  readonly cursorBlink: boolean;
  /** What the person typed; replies to queries never come here. */
  readonly onText: (text: string) => void;
  /** Reports that are no text, one character per byte. */
  readonly onBytes: (bytes: string) => void;
  readonly onLink: (text: string) => void;
}

export interface TerminalHandle {
  readonly xterm: Terminal;
  open(parent: HTMLElement): void;
  /** `parsed` is called when everything up to here has taken effect. */
  write(bytes: Uint8Array, parsed: () => void): void;
  resize(cols: number, rows: number): void;
  /** A blank terminal of this size, whatever was unfinished. */
  reset(cols: number, rows: number): void;
  /** A dim line of ours between lines of the program. */
  writeNote(text: string): void;
  /** Scrollback and screen of the buffer in use, without trailing blanks. */
  lines(): string[];
  dispose(): void;
}

export function createTerminal(options: TerminalOptions): TerminalHandle {
  const xterm = new Terminal({
    cols: options.cols,
    rows: options.rows,
    theme: options.theme,
    cursorBlink: options.cursorBlink,
    fontFamily: FONT_FAMILY,
    fontSize: FONT_PX,
    lineHeight: LINE_HEIGHT,
    scrollback: SCROLLBACK_LINES,
    minimumContrastRatio: MINIMUM_CONTRAST,
    // Widths of Unicode 11 and the parser's hooks are "proposed" API.
    allowProposedApi: true,
    convertEol: false,
    linkHandler: { activate: (_event, text) => options.onLink(text), allowNonHttpProtocols: false },
  });
  xterm.loadAddon(new Unicode11Addon());
  xterm.unicode.activeVersion = '11';

  const feeder = new Utf8Feeder();
  const disposables: IDisposable[] = [
    ...swallowQueries(xterm.parser),
    xterm.onData((text) => {
      if (!isFocusReport(text)) options.onText(text);
    }),
    xterm.onBinary(options.onBytes),
  ];
  let policySheets: IDisposable | undefined;

  /** Runs after everything written so far and before everything written later. */
  const inOrder = (action: () => void): void => xterm.write('', action);

  return {
    xterm,
    open: (parent) => {
      policySheets = openUnderPolicy(xterm, parent);
    },
    write: (bytes, parsed) => xterm.write(feeder.take(bytes), parsed),
    resize: (cols, rows) => inOrder(() => resizeWhole(xterm, cols, rows)),
    reset: (cols, rows) => {
      feeder.clear();
      xterm.write(CANCEL);
      inOrder(() => {
        xterm.reset();
        resizeWhole(xterm, cols, rows);
      });
    },
    writeNote: (text) => {
      feeder.clear();
      // Control characters in a note would act.
      const plain = text.replaceAll(/\p{Cc}/gu, ' ');
      xterm.write(`${CANCEL}\u001b[0m\u001b[2m${plain}\u001b[0m\r\n`);
    },
    lines: () => {
      const { active } = xterm.buffer;
      return Array.from({ length: active.length }, (_, y) => active.getLine(y)?.translateToString(true) ?? '');
    },
    dispose: () => {
      for (const disposable of disposables) disposable.dispose();
      xterm.dispose();
      policySheets?.dispose();
    },
  };
}
