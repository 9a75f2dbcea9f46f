import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createTerminal } from './create-terminal.ts';
import type { TerminalHandle } from './create-terminal.ts';
import { DARK_THEME } from './themes.ts';

let terminal: TerminalHandle;
beforeEach(() => {
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(null);
  terminal = createTerminal({
    cols: 20,
    rows: 5,
    theme: DARK_THEME,
    cursorBlink: false,
    onText: () => undefined,
    onBytes: () => undefined,
    onLink: () => undefined,
  });
});
afterEach(() => {
  terminal.dispose();
  vi.restoreAllMocks();
});

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const write = (text: string): Promise<void> => new Promise((resolve) => terminal.write(encode(text), resolve));
const shown = (): string[] => terminal.lines().filter((line) => line !== '');

test('a resize between two writes takes effect between them', async () => {
  terminal.write(encode('\x1b[20G1'), () => undefined);
  terminal.resize(30, 5);
  await write('\r\n\x1b[30G2');
  expect(terminal.xterm.cols).toBe(30);
  expect(shown().map((line) => line.length)).toEqual([20, 30]);
});

test('a reset blanks the screen, the scrollback and whatever was unfinished', async () => {
  for (let i = 0; i < 20; i += 1) await write(`line ${i}\r\n`);
  await write('\x1b[31mred \x1b[?1049h alternate \x1b]2;half a title');
  terminal.reset(40, 10);
  await write('after');
  expect(shown()).toEqual(['after']);
  expect([terminal.xterm.cols, terminal.xterm.rows]).toEqual([40, 10]);
  expect(terminal.xterm.buffer.active.type).toBe('normal');
  expect(terminal.xterm.buffer.active.getLine(0)?.getCell(0)?.isFgDefault()).toBe(true);
});

test('a reset in the middle of a character leaves nothing of it', async () => {
  terminal.write(Uint8Array.of(0x61, 0xe2, 0x80), () => undefined);
  terminal.reset(20, 5);
  await write('b');
  expect(shown()).toEqual(['b']);
});

test('a note is a line of text, even with control characters in it', async () => {
  terminal.writeNote('— session \x1b]2;x\x07 restarted —');
  await write('next');
  expect(shown().at(-1)).toBe('next');
  expect(shown().slice(0, -1).join('')).toBe('— session  ]2;x  restarted —');
});

test('lines are scrollback and screen in order', async () => {
  for (let i = 0; i < 50; i += 1) await write(`${i}\r\n`);
  expect(shown()).toEqual(Array.from({ length: 50 }, (_, i) => String(i)));
});

test('rows taken away before the first use of the alternate screen give it no scrollback', async () => {
  terminal.resize(20, 40);
  terminal.resize(20, 5);
  await write(`\x1b[?1049h${'x\r\n'.repeat(30)}`);
  expect(terminal.xterm.buffer.active.baseY).toBe(0);
});
