import { decodeState, encodeState, makeLiveScreen } from '@cotg/screen';
import type { ScreenState } from '@cotg/screen';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { checkEmulator } from './check-emulator.ts';
import { createTerminal, isMouseReport, makeXterm } from './create-terminal.ts';
import type { TerminalHandle } from './create-terminal.ts';
import { DARK_THEME } from './themes.ts';

let terminal: TerminalHandle;
let typed: string[];
beforeEach(() => {
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(null);
  typed = [];
  terminal = createTerminal({
    cols: 20,
    rows: 5,
    theme: DARK_THEME,
    cursorBlink: false,
    onText: (text) => typed.push(text),
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

test('the note of a reset is a line of text, even with control characters in it', async () => {
  await write('before\x1b[31');
  terminal.reset(20, 5, '— session \x1b]2;x\x07 restarted —');
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

/** The state of another emulator that was fed with this, as it comes over the wire. */
async function stateOf(text: string, size = { cols: 20, rows: 5 }): Promise<ScreenState> {
  const other = makeXterm(size);
  const screen = makeLiveScreen(other);
  await new Promise<void>((resolve) => screen.write(encode(text), resolve));
  const state = decodeState(encodeState(screen.dump()));
  other.dispose();
  return state;
}
const restore = (state: ScreenState): Promise<void> =>
  new Promise((resolve, reject) => terminal.restore(state, { done: resolve, failed: reject }));
const numbered = (count: number): string => Array.from({ length: count }, (_, i) => `${i}\r\n`).join('');

test('a restore replaces screen, scrollback, size, modes and what was unfinished, and goes on in the middle of a character', async () => {
  await write('old\x1b[?1000h\x1b[?1049h\x1b[31');
  const whole = encode('\x1b[?1h\x1b[?1002;1006;2004h\x1b[32mgr漢字e\u0301 👍🏽\x1b[3');
  const state = await stateOf(`${numbered(20)}${new TextDecoder().decode(whole)}`, { cols: 30, rows: 8 });
  terminal.write(encode('\x1b[42mstill the old screen'), () => undefined);
  await restore(state);
  await write('5mviolet');
  expect(shown()).toEqual([...Array.from({ length: 20 }, (_, i) => String(i)), 'gr漢字e\u0301 👍🏽violet']);
  expect([terminal.xterm.cols, terminal.xterm.rows]).toEqual([30, 8]);
  expect(terminal.xterm.modes).toMatchObject({
    applicationCursorKeysMode: true,
    bracketedPasteMode: true,
    mouseTrackingMode: 'drag',
  });
  const { active } = terminal.xterm.buffer;
  expect(active.type).toBe('normal');
  expect(
    active
      .getLine(active.baseY + active.cursorY)
      ?.getCell(active.cursorX - 1)
      ?.getFgColor(),
  ).toBe(5);
});

test('writes before a restore are of the old screen, writes after it of the new one', async () => {
  const state = await stateOf('new');
  terminal.write(encode('old'), () => undefined);
  const restored = restore(state);
  await write(' text');
  await restored;
  expect(shown()).toEqual(['new text']);
});

test('a reader at the bottom stays there, one who has scrolled up stays as far above it', async () => {
  const place = (): number => terminal.xterm.buffer.active.baseY - terminal.xterm.buffer.active.viewportY;
  await write(numbered(300));
  await restore(await stateOf(numbered(400)));
  expect(place()).toBe(0);
  terminal.xterm.scrollLines(-120);
  await restore(await stateOf(numbered(500)));
  expect(place()).toBe(120);
  // New output does not pull the reader down.
  await write(numbered(10));
  expect(place()).toBe(130);
  await restore(await stateOf('short'));
  expect(place()).toBe(0);
});

test('the reader of a full-screen program comes back to its screen', async () => {
  await write(numbered(300));
  terminal.xterm.scrollLines(-120);
  await restore(await stateOf(`${numbered(50)}\x1b[?1049h\x1b[Hfull screen`));
  expect(shown()).toEqual(['full screen']);
  await write('\x1b[?1049l');
  expect(shown().at(-1)).toBe('49');
});

test('a state of another Unicode version is refused, and the old screen stays', async () => {
  await write('old');
  await expect(restore({ ...(await stateOf('new')), unicode: '15' })).rejects.toThrow('Unicode 15');
  expect(shown()).toEqual(['old']);
});

test('a restore under way when the terminal ends harms nobody', async () => {
  const state = await stateOf(numbered(100));
  terminal.xterm.scrollLines(-3);
  terminal.restore(state, { done: () => undefined, failed: () => undefined });
  terminal.dispose();
  await new Promise((resolve) => setTimeout(resolve, 20));
});

test('nothing is typed by a restore, nor is a title told', async () => {
  const said: string[] = [];
  terminal.xterm.onData((text) => said.push(text));
  terminal.xterm.onTitleChange((title) => said.push(title));
  await restore(await stateOf('\x1b]2;title\x07\x1b[?1004h\x1b[6'));
  await write('n\x1b[c');
  expect(said).toEqual([]);
});

test('this emulator takes over screens', () => {
  expect(checkEmulator()).toBeNull();
});

test('focus reports come from nobody, reports of a mouse are told apart from keys', () => {
  for (const text of ['\u001b[I', '\u001b[O', '\u001b[<35;10;5M', '\u001b[<0;10;5m', '\u001b[M', 'a']) terminal.xterm.input(text);
  expect(typed).toEqual(['\u001b[<35;10;5M', '\u001b[<0;10;5m', '\u001b[M', 'a']);
  expect(typed.map(isMouseReport)).toEqual([true, true, false, false]);
});
