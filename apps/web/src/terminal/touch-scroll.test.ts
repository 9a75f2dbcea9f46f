import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Terminal } from '@xterm/xterm';
import { scrollModeOf, StepCounter } from './touch-scroll.ts';

test('steps are whole, and what is left over counts for the next ones', () => {
  const counter = new StepCounter();
  expect([10, 10, 10, 10].map((px) => counter.take(px, 16))).toEqual([0, 1, 0, 1]);
  expect(counter.take(-30, 16)).toBe(-1);
  counter.clear();
  expect(counter.take(15, 16)).toBe(0);
});

let terminal: Terminal;
beforeEach(() => {
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(null);
  terminal = new Terminal({ allowProposedApi: true });
});
afterEach(() => {
  terminal.dispose();
  vi.restoreAllMocks();
});
const write = (text: string): Promise<void> => new Promise((resolve) => terminal.write(text, resolve));

test('a finger moves our scrollback, a full-screen program by pages, and one with the mouse by its wheel', async () => {
  expect(scrollModeOf(terminal)).toBe('scrollback');
  await write('\x1b[?1049h');
  expect(scrollModeOf(terminal)).toBe('pages');
  await write('\x1b[?1000h\x1b[?1006h');
  expect(scrollModeOf(terminal)).toBe('wheel');
  await write('\x1b[?1000l\x1b[?1049l\x1b[?9h');
  expect(scrollModeOf(terminal)).toBe('scrollback');
});
