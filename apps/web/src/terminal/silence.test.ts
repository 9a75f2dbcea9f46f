// The simulated browser has no layout; the emulator needs matchMedia from it, and the answers to colour queries need an opened terminal.
import { Terminal } from '@xterm/xterm';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createTerminal } from './create-terminal.ts';
import { DARK_THEME } from './themes.ts';

const ESC = '\x1b';
const ST = `${ESC}\\`;

/** Queries that xterm.js 6.0.0 answers in its default settings. */
const ANSWERED = [
  `${ESC}[c`,
  `${ESC}[0c`,
  `${ESC}[>c`,
  `${ESC}[5n`,
  `${ESC}[6n`,
  `${ESC}[?6n`,
  `${ESC}[4$p`,
  `${ESC}[?2004$p`,
  `${ESC}]4;1;?${ST}`,
  `${ESC}]4;1;#ff0000;2;?\x07`,
  `${ESC}]10;?${ST}`,
  `${ESC}]11;?\x07`,
  `${ESC}]12;?${ST}`,
  `${ESC}]10;?;?${ST}`,
  `${ESC}P$qm${ST}`,
  `${ESC}P$q"p${ST}`,
  `${ESC}P$qz${ST}`,
  `${ESC}[?1004h`,
];

/** Queries that it does not answer today; a newer one must not begin to. */
const UNANSWERED = [
  `${ESC}[=c`,
  `${ESC}[>q`,
  `${ESC}[x`,
  `${ESC}[?u`,
  `${ESC}[11t`,
  `${ESC}[14t`,
  `${ESC}[16t`,
  `${ESC}[18t`,
  `${ESC}[20t`,
  `${ESC}[21t`,
  `${ESC}P+q544e${ST}`,
  `${ESC}]50;?${ST}`,
  `${ESC}]52;c;?${ST}`,
  `${ESC}]52;c;${btoa('secret')}${ST}`,
  '\x05',
];

beforeEach(() => {
  vi.stubGlobal('matchMedia', () => ({ matches: false, addListener: () => undefined, removeListener: () => undefined }));
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(null);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  document.body.replaceChildren();
});

function container(): HTMLElement {
  const element = document.createElement('div');
  document.body.append(element);
  return element;
}

const parse = (terminal: Terminal, text: string): Promise<void> => new Promise((resolve) => terminal.write(text, resolve));

test.each(ANSWERED)('the bare emulator answers %j, so that the silence below means something', async (query) => {
  const terminal = new Terminal();
  terminal.open(container());
  let replies = '';
  terminal.onData((text) => (replies += text));
  await parse(terminal, query);
  expect(replies).not.toBe('');
  terminal.dispose();
});

test('S43, S44, S45: our terminal types nothing, whatever a program or a replayed history asks', async () => {
  let typed = '';
  const terminal = createTerminal({
    cols: 80,
    rows: 24,
    theme: DARK_THEME,
    cursorBlink: false,
    onText: (text) => (typed += text),
    onBytes: (bytes) => (typed += bytes),
    onLink: () => undefined,
  });
  terminal.xterm.open(container());
  for (const query of [...ANSWERED, ...UNANSWERED]) await parse(terminal.xterm, query);
  await parse(terminal.xterm, [...ANSWERED, ...UNANSWERED].join('text'));
  expect(typed).toBe('');
  terminal.dispose();
});

test('S44, S45: whatever a program prints, nothing is typed by the page (3,000 pieces, seed 45)', async () => {
  let typed = '';
  const terminal = createTerminal({
    cols: 80,
    rows: 24,
    theme: DARK_THEME,
    cursorBlink: false,
    onText: (text) => (typed += text),
    onBytes: (bytes) => (typed += bytes),
    onLink: () => undefined,
  });
  terminal.xterm.open(container());
  let state = 45;
  const below = (limit: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  for (let round = 0; round < 30; round += 1) {
    const pieces = Array.from({ length: 100 }, () => {
      const number = pick([0, 1, 4, 5, 6, 10, 11, 12, 18, 21, 25, 50, 52, 1000, 1003, 1004, 1006, 2004, 2026]);
      const letter = String.fromCharCode(0x40 + below(0x3f));
      return pick([
        `${ESC}[${pick(['', '?', '>', '='])}${number}${pick(['', ';1', ';2'])}${pick(['', '$', '"', ' '])}${letter}`,
        `${ESC}P${pick(['$q', '+q'])}${pick(['m', 'r', '"p', 'rm -rf'])}${ST}`,
        `${ESC}]${number};${pick(['?', '1;?', 'c;?', 'rm -rf;?'])}${ST}`,
        `${ESC}${letter}`,
        `text\r\n\x05`,
      ]);
    });
    await parse(terminal.xterm, pieces.join(''));
  }
  expect(typed).toBe('');
  terminal.dispose();
});

test('what is no query still takes effect: titles, colours, modes', async () => {
  const terminal = createTerminal({
    cols: 80,
    rows: 24,
    theme: DARK_THEME,
    cursorBlink: false,
    onText: () => undefined,
    onBytes: () => undefined,
    onLink: () => undefined,
  });
  const titles: string[] = [];
  terminal.xterm.onTitleChange((title) => titles.push(title));
  await parse(terminal.xterm, `${ESC}]2;hello${ST}${ESC}[?1h${ESC}[?2004h${ESC}]11;#123456${ST}${ESC}[22t${ESC}[2 q`);
  expect(titles).toEqual(['hello']);
  expect(terminal.xterm.modes.bracketedPasteMode).toBe(true);
  terminal.dispose();
});

test('what a person types is passed on', () => {
  let typed = '';
  const terminal = createTerminal({
    cols: 80,
    rows: 24,
    theme: DARK_THEME,
    cursorBlink: false,
    onText: (text) => (typed += text),
    onBytes: () => undefined,
    onLink: () => undefined,
  });
  terminal.xterm.input('ls\r');
  expect(typed).toBe('ls\r');
  terminal.dispose();
});
