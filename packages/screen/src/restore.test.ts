import headless from '@xterm/headless';
import { describe, expect, test } from 'vitest';
import { compareTerminals } from '../test/compare.ts';
import { feed, makeEmulator, makeTerminal } from '../test/support/terminal.ts';
import { decodeState } from './decode.ts';
import { dumpScreen } from './dump.ts';
import { encodeState } from './encode.ts';
import { ScreenError } from './errors.ts';
import { hashScreen } from './hash.ts';
import { resetScreen, restoreScreen } from './restore.ts';
import { screenText } from './text.ts';
import { coreOf } from './xterm-internals.ts';

const lines = (count: number): Uint8Array => Buffer.from(Array.from({ length: count }, (_, index) => `line ${index}\r\n`).join(''));

describe('a state with less history than its emulator has', () => {
  test('has the screen and as many lines above it as were asked for', () => {
    const emulator = makeEmulator(40, 10, 500);
    feed(emulator, lines(300));
    const restored = makeTerminal(40, 10, 500);
    restoreScreen(restored, dumpScreen(emulator.terminal, { scrollback: 20 }));
    expect(restored.buffer.active).toMatchObject({ baseY: 20, length: 30, cursorX: 0, cursorY: 9 });
    expect(restored.buffer.active.getLine(0)?.translateToString(true)).toBe('line 271');
    expect(hashScreen(restored)).toBe(hashScreen(emulator.terminal));
    restoreScreen(restored, dumpScreen(emulator.terminal, { scrollback: 0 }));
    expect(restored.buffer.active).toMatchObject({ baseY: 0, length: 10 });
    expect(hashScreen(restored)).toBe(hashScreen(emulator.terminal));
  });

  test('forgets the links of the lines it leaves out, and keeps those of the others', () => {
    const emulator = makeEmulator(40, 10, 500);
    const link = (name: string): Uint8Array => Buffer.from(`\u001b]8;;https://example.org/${name}\u0007${name}\u001b]8;;\u0007\r\n`);
    feed(emulator, link('old'));
    feed(emulator, lines(100));
    feed(emulator, link('new'));
    expect(dumpScreen(emulator.terminal).links.map(({ uri }) => uri)).toEqual(['https://example.org/old', 'https://example.org/new']);
    const state = dumpScreen(emulator.terminal, { scrollback: 5 });
    expect(state.links).toMatchObject([{ uri: 'https://example.org/new', lines: [['normal', 13]] }]);
  });

  test('keeps the saved cursor where it was on the screen', () => {
    const emulator = makeEmulator(40, 10, 500);
    feed(emulator, lines(100));
    feed(emulator, Buffer.from('\u001b[3;7H\u001b7\u001b[9;9H'));
    const restored = makeEmulator(40, 10, 500);
    restoreScreen(restored.terminal, dumpScreen(emulator.terminal, { scrollback: 5 }));
    for (const one of [emulator, restored]) feed(one, Buffer.from('\u001b8here'));
    expect(hashScreen(restored.terminal)).toBe(hashScreen(emulator.terminal));
    expect(restored.terminal.buffer.active).toMatchObject({ cursorX: 10, cursorY: 2 });
  });
});

test('a terminal with less room for history drops the oldest lines', () => {
  const emulator = makeEmulator(40, 10, 500);
  feed(emulator, lines(300));
  feed(emulator, Buffer.from('\u001b]8;;https://example.org/\u0007link\u001b]8;;\u0007'));
  const small = makeTerminal(40, 10, 50);
  restoreScreen(small, dumpScreen(emulator.terminal));
  expect(small.buffer.active).toMatchObject({ baseY: 50, length: 60 });
  expect(hashScreen(small)).toBe(hashScreen(emulator.terminal));
  // It goes on like one that always had that room.
  const uncut = makeTerminal(40, 10, 50);
  const parse = (terminal: typeof small, bytes: Uint8Array): unknown => coreOf(terminal)._inputHandler.parse(bytes);
  parse(uncut, lines(300));
  parse(uncut, Buffer.from('\u001b]8;;https://example.org/\u0007link\u001b]8;;\u0007'));
  for (const terminal of [small, uncut]) parse(terminal, lines(45));
  expect(compareTerminals(small, uncut)).toEqual([]);
});

test('a link is forgotten when its last line is', () => {
  const emulator = makeEmulator(40, 10, 20);
  feed(emulator, Buffer.from('\u001b]8;id=a;https://example.org/\u0007one\r\ntwo\u001b]8;;\u0007\r\n'));
  const restored = makeEmulator(40, 10, 20);
  restoreScreen(restored.terminal, dumpScreen(emulator.terminal));
  const { _oscLinkService: service } = coreOf(restored.terminal);
  expect(service._dataByLinkId.size).toBe(1);
  feed(restored, lines(28));
  expect(service._dataByLinkId.size).toBe(1);
  feed(restored, lines(1));
  expect(service._dataByLinkId.size).toBe(0);
  expect(service._entriesWithId.size).toBe(0);
});

test('a program that makes links or marks without end makes no state that is refused', () => {
  const emulator = makeEmulator(80, 24, 1000);
  const address = 'x'.repeat(8000);
  for (let n = 0; n < 1000; n += 1) feed(emulator, Buffer.from(`\u001b]8;;https://example.org/${n}/${address}\u0007${n} \u001b]8;;\u0007`));
  feed(emulator, Buffer.from(`\r\ne${'\u0301'.repeat(10_000)}`));
  const state = decodeState(encodeState(dumpScreen(emulator.terminal)));
  expect(state.links.length).toBeGreaterThan(100);
  expect(state.links.at(-1)?.uri.startsWith('https://example.org/999/')).toBe(true);
  const restored = makeEmulator(80, 24, 1000);
  restoreScreen(restored.terminal, state);
  expect(hashScreen(restored.terminal)).toBe(hashScreen(emulator.terminal));
});

test('a terminal that counts widths in another way is refused, and is left as it was', () => {
  const state = dumpScreen(makeTerminal(40, 10));
  const other = new headless.Terminal({ cols: 40, rows: 10, allowProposedApi: true });
  coreOf(other)._inputHandler.parse(Buffer.from('kept'));
  expect(() => restoreScreen(other, state)).toThrow(expect.objectContaining({ code: 'SCREEN_UNICODE' }) as ScreenError);
  expect(other.buffer.active.getLine(0)?.translateToString(true)).toBe('kept');
});

test('a state cannot be taken inside a sequence whose bytes nobody has kept', () => {
  const emulator = makeEmulator(40, 10);
  feed(emulator, Buffer.from('text\u001b[3'));
  expect(() => dumpScreen(emulator.terminal)).toThrow(expect.objectContaining({ code: 'SCREEN_TAIL' }) as ScreenError);
  expect(dumpScreen(emulator.terminal, { tail: emulator.scanner.tail() }).tail.sequence).toHaveLength(3);
});

test('the reader keeps their blinking cursor where the program does not ask for one', () => {
  const emulator = makeEmulator(40, 10);
  const blinks = (cursorBlink: boolean): boolean => {
    const restored = makeTerminal(40, 10);
    restoreScreen(restored, dumpScreen(emulator.terminal), { cursorBlink });
    return restored.options.cursorBlink ?? false;
  };
  expect([blinks(true), blinks(false)]).toEqual([true, false]);
  feed(emulator, Buffer.from('\u001b[?12h'));
  expect([blinks(true), blinks(false)]).toEqual([true, true]);
});

test('a terminal that was reset is as new', () => {
  const used = makeEmulator(60, 20, 100);
  feed(used, lines(200));
  feed(
    used,
    Buffer.from(
      '\u001b]8;id=a;https://example.org/\u0007x\u001b]2;title\u0007\u001b[22;0t\u001b]4;1;#123456\u0007\u001b[20h\u001b[?12h\u001b[?25l\u001b(0\u001b[3g\u001b[?1049h\u001b[?2026h\u001b]0;half',
    ),
  );
  resetScreen(used.terminal, 40, 10);
  used.feeder.reset();
  used.scanner.reset();
  const fresh = makeEmulator(40, 10, 100);
  expect(compareTerminals(used.terminal, fresh.terminal)).toEqual([]);
  expect(used.colors()).toBe(fresh.colors());
  for (const one of [used, fresh]) feed(one, Buffer.from(`text ${'漢字'.repeat(30)}\r\n\ttab`));
  expect(compareTerminals(used.terminal, fresh.terminal)).toEqual([]);
  expect(screenText(dumpScreen(used.terminal))).toEqual([`text ${'漢字'.repeat(30)}`, '        tab']);
});
