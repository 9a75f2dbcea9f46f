// Owns one headless emulator: made like the page's, fed in order, with the facts it learns on the way. Must not know sessions,
// hosts or channels.
import { createRequire } from 'node:module';
import headless from '@xterm/headless';
import unicode11 from '@xterm/addon-unicode11';
import { answerQueries, hashScreen, makeLiveScreen, plainLine, screenAnsi, selfTest, watchFacts } from '@cotg/screen';
import type { LiveScreen, ScreenFact, ScreenState } from '@cotg/screen';
import { rowsOf } from './state-views.ts';
import type { ScreenRows } from './state-views.ts';

/** Lines of a preview in the list, and how much of a line a phone shows. */
const PREVIEW_LINES = 2;
const PREVIEW_CHARS = 2000;
const ESC = '\u001b';
const UNFINISHED_COLOR = new RegExp(`${ESC}(?:\\[[\\d;:]*)?$`);
const DIM = `${ESC}[2m`;
const PLAIN = `${ESC}[0m`;
/** Answers wait for the end of a slice only; a program that asks for more in one slice is not answered further. */
const MAX_REPLY_BYTES = 64 * 1024;
const SELF_TEST_SCROLLBACK = 100;

export interface EmulatorOptions {
  readonly cols: number;
  readonly rows: number;
  readonly scrollback: number;
  /** Of the first byte that it will be fed. */
  readonly offset: number;
  readonly onFact: (fact: ScreenFact) => void;
}

export interface Emulator {
  readonly screen: LiveScreen;
  write(bytes: Uint8Array): Promise<void>;
  resize(cols: number, rows: number): Promise<void>;
  /** Bytes of the stream that nobody has. */
  skip(bytes: number): Promise<void>;
  /** A new run begins on a terminal as new, under a line that says so. */
  reset(note: string): Promise<void>;
  /** Rejects with ScreenError; then nothing has changed. */
  restore(state: ScreenState, offset: number): Promise<void>;
  /** What the program's queries were answered since the last call. */
  takeReplies(): Uint8Array;
  /** Tells the facts that were held back by their limits and are due; in how many ms more will be, null when none wait. */
  flushFacts(): number | null;
  hash(): string;
  /** The terminal's own title. */
  title(): string;
  /** How many lines are above the screen, that of the normal buffer. */
  linesAbove(): number;
  rows(format: 'text' | 'ansi'): ScreenRows;
  preview(): string[];
  dispose(): void;
}

function makeTerminal(size: { cols: number; rows: number }, scrollback: number): InstanceType<typeof headless.Terminal> {
  const terminal = new headless.Terminal({
    ...size,
    scrollback,
    allowProposedApi: true,
    windowOptions: { getWinSizeChars: true },
    // What a program prints is no error of ours: a DEL alone would put a page of the parser's state into the log.
    logLevel: 'off',
  });
  terminal.loadAddon(new unicode11.Unicode11Addon());
  terminal.unicode.activeVersion = '11';
  return terminal;
}

export function makeEmulator(options: EmulatorOptions): Emulator {
  const terminal = makeTerminal(options, options.scrollback);
  const screen = makeLiveScreen(terminal, { offset: options.offset });
  let title = '';
  const facts = watchFacts(terminal, {
    now: () => performance.now(),
    onFact: (fact) => {
      if (fact.kind === 'title') ({ title } = fact);
      options.onFact(fact);
    },
  });
  let replies: string[] = [];
  let replyChars = 0;
  const queries = answerQueries(terminal, {
    onReply: (reply) => {
      if (replyChars + reply.length > MAX_REPLY_BYTES) return;
      replies.push(reply);
      replyChars += reply.length;
    },
  });

  const previewLines = (): string[] =>
    screenAnsi(screen.dump({ scrollback: 0 }))
      .filter((line) => line.trim() !== '')
      .slice(-PREVIEW_LINES)
      // Not in the middle of a colour.
      .map((line) => line.slice(0, PREVIEW_CHARS).replace(UNFINISHED_COLOR, ''));

  return {
    screen,
    write: (bytes) => new Promise((resolve) => screen.write(bytes, resolve)),
    resize: (cols, rows) => new Promise((resolve) => screen.resize(cols, rows, resolve)),
    skip: (bytes) => new Promise((resolve) => screen.skip(bytes, resolve)),
    async reset(note) {
      await new Promise<void>((resolve) => {
        screen.reset(terminal.cols, terminal.rows, { done: resolve });
      });
      // The same bytes as in the page: both ends show the same screen.
      await new Promise<void>((resolve) => {
        terminal.write(`${DIM}${note.replaceAll(/\p{Cc}/gu, ' ')}${PLAIN}\r\n`, resolve);
      });
    },
    restore: (state, offset) =>
      new Promise((resolve, reject) => {
        screen.restore(state, {
          offset,
          done: () => {
            // As the program sent it: the state is of the terminal, not for people.
            title = plainLine(state.titles.window);
            resolve();
          },
          failed: reject,
        });
      }),
    takeReplies() {
      const bytes = new TextEncoder().encode(replies.join(''));
      replies = [];
      replyChars = 0;
      return bytes;
    },
    flushFacts: () => facts.flush(),
    hash: () => hashScreen(terminal),
    title: () => title,
    linesAbove: () => terminal.buffer.normal.baseY,
    rows: (format) => rowsOf(screen.dump({ scrollback: 0 }), format),
    preview: previewLines,
    dispose() {
      queries.dispose();
      facts.dispose();
      screen.dispose();
      terminal.dispose();
    },
  };
}

/** Throws when the emulator's library is not the one whose insides are known: better no screen than a wrong one. */
export function checkEmulator(): void {
  const { version } = createRequire(import.meta.url)('@xterm/headless/package.json') as { version: string };
  const problem = selfTest({ version, makeTerminal: (size) => makeTerminal(size, SELF_TEST_SCROLLBACK) });
  if (problem) throw new Error(`${problem.code}: ${problem.message}. ${problem.hint}`);
}
