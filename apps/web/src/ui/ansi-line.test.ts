import { expect, test } from 'vitest';
import { DARK_THEME, LIGHT_THEME, paletteOf } from '../terminal/themes.ts';
import { parseAnsiLine } from './ansi-line.ts';

const palette = paletteOf(DARK_THEME);
const parse = (line: string) => parseAnsiLine(line, palette).map(({ text, style }) => ({ text, ...style }));

test('plain text is one piece without a style', () => {
  expect(parse('just text')).toEqual([{ text: 'just text' }]);
  expect(parse('')).toEqual([]);
});

test('colours of the theme, of the cube, greys and RGB', () => {
  expect(parse('\u001b[31mr\u001b[92mg\u001b[38;5;51mc\u001b[38;5;250me\u001b[38;2;255;255;200mw\u001b[39md')).toEqual([
    { text: 'r', color: 'rgb(240 113 120)' },
    { text: 'g', color: 'rgb(169 227 154)' },
    { text: 'c', color: 'rgb(0 255 255)' },
    { text: 'e', color: 'rgb(188 188 188)' },
    { text: 'w', color: 'rgb(255 255 200)' },
    { text: 'd' },
  ]);
});

test('styles last until they are taken back', () => {
  expect(parse('\u001b[1;3;4mall\u001b[22;23mline\u001b[4:0mno\u001b[9mstruck\u001b[mplain')).toEqual([
    { text: 'all', 'font-weight': 'bold', 'font-style': 'italic', 'text-decoration-line': 'underline' },
    { text: 'line', 'text-decoration-line': 'underline' },
    { text: 'no' },
    { text: 'struck', 'text-decoration-line': 'line-through' },
    { text: 'plain' },
  ]);
});

test('inverse text swaps the colours, hidden text is blank', () => {
  expect(parse('\u001b[7mx\u001b[27;8msecret')).toEqual([
    { text: 'x', color: 'rgb(12 16 21)', 'background-color': 'rgb(215 221 229)' },
    { text: '      ' },
  ]);
});

test('a colour that cannot be read on its background is moved until it can', () => {
  for (const theme of [DARK_THEME, LIGHT_THEME]) {
    for (const codes of ['30', '37', '97', '38;2;12;16;20', '38;2;250;250;250', '31;41', '38;5;232;48;5;233', '7;30']) {
      const [span] = parseAnsiLine(`\u001b[${codes}mx`, paletteOf(theme));
      const levels = (color: unknown): number[] => String(color).match(/\d+/g)?.map(Number) ?? [];
      const background = span?.style['background-color'] ?? `rgb(${paletteOf(theme).background.join(' ')})`;
      const distance = levels(span?.style.color).reduce((sum, level, at) => sum + Math.abs(level - (levels(background)[at] ?? 0)), 0);
      expect(distance, `${codes} as ${String(span?.style.color)} on ${String(background)}`).toBeGreaterThan(200);
    }
  }
});

test.each([
  ['\u001b[38;5', 'cut'],
  ['\u001b', 'cut'],
  ['\u001b[38;5;', 'cut'],
])('a line that was cut inside a sequence (%j) ends before it', (end, text) => {
  expect(parse(`${text}${end}`)).toEqual([{ text }]);
});

test('sequences that are no colours, controls and direction marks are never more than letters', () => {
  const text = parse('a\u001b[2Jb\u001b]0;t\u0007c\u202Ed\u0000\u009b31me\ud83d')
    .map((span) => span.text)
    .join('');
  expect(text).toBe('a[2Jb]0;tcd31me');
});

test('a very long line and a very coloured one stay small', () => {
  expect(parse('x'.repeat(1_000_000))[0]?.text.length).toBeLessThanOrEqual(2000);
  expect(parse('\u001b[31mx'.repeat(100_000)).length).toBeLessThanOrEqual(400);
  expect(parse(`\u001b[${'1;'.repeat(100_000)}mx`).length).toBeLessThanOrEqual(1);
});

test('parameters that mean nothing change nothing', () => {
  expect(parse('\u001b[999;38;48;58;5;1;38;5m\u001b[;;m\u001b[:::mx')).toEqual([{ text: 'x' }]);
  expect(parse('\u001b[38;5;999999999999mx')).toEqual([{ text: 'x', color: 'rgb(238 238 238)' }]);
});
