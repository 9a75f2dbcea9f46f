import { expect, test } from 'vitest';
import { makeTerminal } from '../test/support/terminal.ts';
import { resizeScreen } from './resize.ts';
import { coreOf } from './xterm-internals.ts';

const parse = (terminal: ReturnType<typeof makeTerminal>, text: string): unknown => coreOf(terminal)._inputHandler.parse(Buffer.from(text));

test('the defect that this is for: an alternate screen that was made smaller before its first use grows a scrollback', () => {
  const terminal = makeTerminal(80, 60);
  terminal.resize(80, 24);
  parse(terminal, `\u001b[?1049h${'line\r\n'.repeat(100)}`);
  expect(terminal.buffer.active.baseY).toBe(36);
});

test('the alternate screen never has a scrollback', () => {
  const terminal = makeTerminal(80, 60);
  resizeScreen(terminal, 80, 24);
  parse(terminal, `\u001b[?1049h${'line\r\n'.repeat(100)}`);
  expect(terminal.buffer.active.baseY).toBe(0);
  resizeScreen(terminal, 40, 10);
  resizeScreen(terminal, 40, 30);
  parse(terminal, 'line\r\n'.repeat(100));
  expect(terminal.buffer.active).toMatchObject({ baseY: 0, length: 30 });
});

test('the same size again changes nothing', () => {
  const terminal = makeTerminal(80, 24);
  let resizes = 0;
  terminal.onResize(() => (resizes += 1));
  resizeScreen(terminal, 80, 24);
  expect(resizes).toBe(0);
});
