// Owns what an emulator may answer to the program in it: replies of a fixed form, made of numbers. A reply is typed into the terminal, so a
// program that can have its own bytes sent back (a title, a font, a terminal's answerback) can have commands typed by whoever looks at its
// output. Attach it to the one emulator of a session that follows live output, and to nothing else.
//
// Invariant: a reply contains no byte that was in the output, but for numbers.
import { BACKGROUND_COLOR, CURSOR_COLOR, FOREGROUND_COLOR } from './state.ts';
import type { Rgb } from './state.ts';
import { COLOR_REPORT, coreOf } from './xterm-internals.ts';
import type { Disposable, ScreenTerminal } from './xterm-internals.ts';

export interface AnswerOptions {
  /** To be typed into the terminal once. ASCII. */
  readonly onReply: (reply: string) => void;
  /**
   * What to say of a colour (0-255 of the palette, FOREGROUND_COLOR and so on); undefined: nothing, as a terminal without colours.
   * Programs ask for the background to choose between dark and light.
   */
  readonly colorOf?: (index: number) => Rgb | undefined;
}

const ESC = '\\u001b';
/** xterm ctlseqs names each; nothing else leaves the emulator. */
const FIXED_FORMS: readonly RegExp[] = [
  // DA1, DA2
  String.raw`\[\?1;2c`,
  String.raw`\[>0;276;0c`,
  // DSR, CPR, DECXCPR
  String.raw`\[0n`,
  String.raw`\[\??\d{1,4};\d{1,4}R`,
  // DECRPM
  String.raw`\[\??\d{1,10};[0-4]\$y`,
  // XTWINOPS 18
  String.raw`\[8;\d{1,4};\d{1,4}t`,
  // DECRPSS: protection, conformance, margins, SGR, cursor, and what is not known
  String.raw`P1\$r(?:[01]"q|61;1"p|\d{1,4};\d{1,4}r|0m|[1-6] q)${ESC}\\`,
  String.raw`P0\$r${ESC}\\`,
].map((form) => new RegExp(`^${ESC}${form}$`));

export function isFixedReply(reply: string): boolean {
  return FIXED_FORMS.some((form) => form.test(reply));
}

/** Replies to what this terminal parses from now on. Does not go together with swallowQueries in one terminal. */
export function answerQueries(terminal: ScreenTerminal, { onReply, colorOf }: AnswerOptions): Disposable {
  const subscriptions = [
    terminal.onData((reply) => {
      if (isFixedReply(reply)) onReply(reply);
    }),
    coreOf(terminal)._inputHandler.onColor((requests) => {
      for (const { type, index } of requests) {
        const color = type === COLOR_REPORT && index !== undefined ? colorOf?.(index) : undefined;
        if (color && index !== undefined) onReply(colorReply(index, color));
      }
    }),
  ];
  return { dispose: () => subscriptions.forEach((subscription) => subscription.dispose()) };
}

function colorReply(index: number, [red, green, blue]: Rgb): string {
  const spec = [red, green, blue].map((value) => (value & 0xff).toString(16).padStart(2, '0').repeat(2)).join('/');
  return `\u001b]${colorCode(index)};rgb:${spec}\u001b\\`;
}

function colorCode(index: number): string {
  if (index === FOREGROUND_COLOR) return '10';
  if (index === BACKGROUND_COLOR) return '11';
  return index === CURSOR_COLOR ? '12' : `4;${index}`;
}
