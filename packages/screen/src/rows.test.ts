import { describe, expect, test } from 'vitest';
import { feed, makeEmulator } from '../test/support/terminal.ts';
import { screenAnsi } from './ansi.ts';
import { dumpScreen } from './dump.ts';
import { screenHtml } from './html.ts';
import type { ScreenState } from './state.ts';
import { screenText } from './text.ts';

function stateOf(text: string, cols = 20, rows = 6): ScreenState {
  const emulator = makeEmulator(cols, rows);
  feed(emulator, Buffer.from(text));
  return dumpScreen(emulator.terminal, { palette: emulator.palette.entries() });
}

describe('text', () => {
  test('has a string per line, without the blanks at the end and the empty lines below', () => {
    expect(screenText(stateOf('one  \r\n\r\n  two\u001b[44m   \u001b[m'))).toEqual(['one', '', '  two']);
    expect(screenText(stateOf(''))).toEqual([]);
  });

  test('joins wrapped lines, with the blanks that are inside them', () => {
    const text = 'abcdefghij klmnopqrst uvwxyz and          more';
    expect(screenText(stateOf(text))).toEqual([text]);
    expect(screenText(stateOf(text), { joinWrapped: false })).toEqual(['abcdefghij klmnopqrs', 't uvwxyz and', '  more']);
  });

  test('puts no blank where a wide character did not fit', () => {
    expect(screenText(stateOf('漢'.repeat(12), 9))).toEqual(['漢'.repeat(12)]);
    // A row that was erased to its end and is still followed by its continuation keeps its width.
    expect(screenText(stateOf(`aaaaaaaaabbb\u001b[1;4H\u001b[K`, 9))).toEqual(['aaa      bbb']);
  });

  test('has the characters as they were sent', () => {
    expect(screenText(stateOf('e\u0301 👍🏽 \u001b(0lqk\u001b(B', 40))).toEqual(['e\u0301 👍🏽 ┌─┐']);
  });

  test('has as much of the history as is asked for', () => {
    const state = stateOf(Array.from({ length: 20 }, (_, line) => `line ${line}`).join('\r\n'));
    expect(screenText(state)).toEqual(Array.from({ length: 6 }, (_, index) => `line ${index + 14}`));
    expect(screenText(state, { scrollback: 2 })[0]).toBe('line 12');
    expect(screenText(state, { scrollback: Number.POSITIVE_INFINITY })).toHaveLength(20);
  });

  test('is that of the screen in use', () => {
    expect(screenText(stateOf('normal\u001b[?1049h\u001b[Halternate'))).toEqual(['alternate']);
  });
});

describe('ANSI', () => {
  const STYLED = [
    '\u001b[1;3;31mred\u001b[0m plain \u001b[92;44mbright\u001b[m',
    '\u001b[38;5;200;48;5;17mpalette\u001b[m',
    '\u001b[38;2;1;2;3;48;2;250;251;252mrgb\u001b[m',
    '\u001b[4mu\u001b[4:3;58;5;9mcurly\u001b[21mdouble\u001b[m',
    '\u001b[2;5;7;8;9;53mall\u001b[m',
    '\u001b[41mto the end\u001b[K\u001b[m',
  ].join('\r\n');

  test('looks the same when it is shown again', () => {
    const state = stateOf(STYLED, 40, 8);
    const shown = makeEmulator(40, 8);
    feed(shown, Buffer.from(screenAnsi(state).join('\r\n')));
    expect(screenText(dumpScreen(shown.terminal))).toEqual(screenText(state));
    expect(screenHtml(dumpScreen(shown.terminal))).toBe(screenHtml(state));
  });

  test('keeps blanks that can be seen and drops those that cannot', () => {
    expect(screenAnsi(stateOf('a\u001b[31m   \u001b[m'))).toEqual(['a']);
    expect(screenAnsi(stateOf('a\u001b[41m  \u001b[m '))).toEqual(['a\u001b[41m  \u001b[0m']);
  });

  test('contains no sequence but SGR, whatever was on the screen', () => {
    const state = stateOf('\u001b]8;;https://example.org\u0007link\u001b]8;;\u0007 \u001b]2;title\u0007\u001b[?1003h\u001b[5n\u001b[31mx');
    const left = screenAnsi(state)
      .join('\n')
      .split('\u001b')
      .map((part) => part.replace(/^\[[\d;:]*m/, ''))
      .join('');
    expect(left).toBe('link x');
  });
});

describe('HTML', () => {
  test('needs nothing around it', () => {
    expect(screenHtml(stateOf('\u001b[1;31mred\u001b[m\r\nplain'))).toBe(
      '<pre style="margin:0;color:#ffffff;background:#000000"><span style="color:#cc0000;font-weight:bold">red</span>\nplain\n</pre>',
    );
  });

  test('lets nothing of a program through but text', () => {
    const html = screenHtml(stateOf(`<script>alert("1")</script>&'\u001b]8;;javascript:alert(1)\u0007x\u001b]8;;\u0007`, 60));
    expect(html).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;x');
    expect(html.replaceAll(/<\/?(pre|span)( style="[^"<>]*")?>/g, '')).not.toMatch(/[<>"]/);
    expect(html).not.toContain('javascript');
  });

  test('has the colours of the palette, of the theme and of the program', () => {
    const html = screenHtml(
      stateOf(
        '\u001b[38;5;16m0\u001b[38;5;196mr\u001b[38;5;255mw\u001b[38;2;1;2;3mx\u001b[31my\u001b]4;2;#0a0b0c\u0007\u001b[32mz\u001b]11;#101112\u0007',
      ),
      {
        theme: { foreground: '#eee', background: '#111', colors: ['#000', '#a00', '#0a0'] },
      },
    );
    for (const color of ['#000000', '#ff0000', '#eeeeee', '#010203', '#a00', '#0a0b0c']) expect(html).toContain(`color:${color}`);
    expect(html).toContain('background:#101112');
  });

  test('swaps colours that are inverse, and draws lines as they are', () => {
    expect(screenHtml(stateOf('\u001b[7mi\u001b[m'))).toContain('color:#000000;background:#ffffff');
    expect(screenHtml(stateOf('\u001b[4:3;58;5;1;9mu'))).toContain(
      'text-decoration-line:underline line-through;text-decoration-style:wavy;text-decoration-color:#cc0000',
    );
  });
});
