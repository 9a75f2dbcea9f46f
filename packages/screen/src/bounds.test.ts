import { describe, expect, test } from 'vitest';
import { compareTerminals } from '../test/compare.ts';
import { feed, makeEmulator, makeTerminal } from '../test/support/terminal.ts';
import { boundOutput } from './bounds.ts';
import { MAX_STRING_CHARS } from './state.ts';
import { coreOf } from './xterm-internals.ts';

const CSI = '\u001b[';
/** Each of these kept an unbounded xterm.js busy for minutes; far longer than this (ms) on any machine. */
const SOON_MS = 2000;

const parse = (terminal: ReturnType<typeof makeTerminal>, text: string): unknown => coreOf(terminal)._inputHandler.parse(Buffer.from(text));

function filled(): ReturnType<typeof makeEmulator> {
  const emulator = makeEmulator(40, 10, 20);
  feed(emulator, Buffer.from(`${Array.from({ length: 25 }, (_, line) => `line ${line}`).join('\r\n')}${CSI}5;8H`));
  return emulator;
}

describe('one sequence does no more than a screen can show', () => {
  test.each(['L', 'M', 'S', 'T', 'I', 'Z', '@', 'P', 'X', 'A', 'B', 'C', 'D', 'E', 'F', 'a', 'e', ' @', ' A', "'}", "'~", 'b'])(
    'CSI 2147483647 %s ends at once',
    (final) => {
      const emulator = filled();
      feed(emulator, Buffer.from('x'));
      const started = performance.now();
      feed(emulator, Buffer.from(`${CSI}2147483647${final}`));
      expect(performance.now() - started).toBeLessThan(SOON_MS);
    },
  );

  test.each([
    ['L', 10],
    ['M', 10],
    ['S', 10],
    ['T', 10],
    ['I', 40],
    ['Z', 40],
  ])('CSI n %s beyond the screen is the same as CSI %i', (final, limit) => {
    const beyond = filled();
    feed(beyond, Buffer.from(`\u001b]8;;https://example.org/\u0007link\u001b]8;;\u0007${CSI}3;7r${CSI}4;4H${CSI}5000${final}`));
    // What xterm.js does without the limit.
    const plain = makeTerminal(40, 10, 20);
    parse(plain, `${Array.from({ length: 25 }, (_, line) => `line ${line}`).join('\r\n')}${CSI}5;8H`);
    parse(plain, `\u001b]8;;https://example.org/\u0007link\u001b]8;;\u0007${CSI}3;7r${CSI}4;4H${CSI}5000${final}`);
    expect(compareTerminals(beyond.terminal, plain)).toEqual([]);
    expect(limit).toBeLessThan(5000);
  });

  test('a title, an icon name and a link of ordinary length are taken, longer ones are not', () => {
    const terminal = makeTerminal(80, 24);
    boundOutput(terminal);
    const titles: string[] = [];
    terminal.onTitleChange((title) => titles.push(title));
    parse(terminal, `\u001b]2;short\u0007\u001b]2;${'x'.repeat(MAX_STRING_CHARS)}\u0007\u001b]0;${'y'.repeat(MAX_STRING_CHARS + 1)}\u0007`);
    expect(titles).toEqual(['short', 'x'.repeat(MAX_STRING_CHARS)]);
    parse(terminal, `\u001b]8;;https://example.org/${'z'.repeat(MAX_STRING_CHARS)}\u0007text`);
    expect(coreOf(terminal)._inputHandler._curAttrData.extended._urlId).toBe(0);
  });

  test('without it everything is as it was', () => {
    const terminal = makeTerminal(40, 10);
    boundOutput(terminal).dispose();
    parse(terminal, `\u001b]2;${'x'.repeat(MAX_STRING_CHARS + 1)}\u0007`);
    expect(coreOf(terminal)._inputHandler._windowTitle).toHaveLength(MAX_STRING_CHARS + 1);
  });
});
