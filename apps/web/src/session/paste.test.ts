import { expect, test } from 'vitest';
import { preparePaste, splitText, utf8Length } from './paste.ts';

test('line ends of a paste become what Enter sends', () => {
  expect(preparePaste('a\r\nb\nc\rd', false)).toBe('a\rb\rc\rd');
});

test('a program that asked for bracketed paste gets the brackets once, around everything', () => {
  expect(preparePaste('a\nb', true)).toBe('\u001b[200~a\rb\u001b[201~');
});

test.each([
  ['an end marker', 'x\u001b[201~; rm -rf ~\n'],
  ['an end marker in one-character form', 'x\u009b201~; rm -rf ~\n'],
  ['an end marker that appears when another is removed', 'x\u001b[20\u001b[201~1~; rm\n'],
  ['a start marker', '\u001b[200~x'],
])('%s inside the text cannot end the paste early', (_name, text) => {
  const pasted = preparePaste(text, true);
  expect(pasted.slice(6, -6)).not.toMatch(/20[01]~/);
  expect(pasted.startsWith('\u001b[200~')).toBe(true);
  expect(pasted.endsWith('\u001b[201~')).toBe(true);
});

test('pieces put together are the text, fit the size and cut no character', () => {
  const text = 'aé日🚀'.repeat(5000);
  const pieces = splitText(text);
  expect(pieces.join('')).toBe(text);
  expect(pieces.length).toBeGreaterThan(1);
  for (const piece of pieces) {
    expect(new TextEncoder().encode(piece).length).toBeLessThanOrEqual(16 * 1024);
    // A lone surrogate would come back as U+FFFD.
    expect(new TextDecoder().decode(new TextEncoder().encode(piece))).toBe(piece);
  }
});

test('an empty text has no pieces', () => {
  expect(splitText('')).toEqual([]);
});

test.each(['', 'abc', 'é', '日本', '🚀', '\ud800'])('the length of %j in UTF-8 is counted right', (text) => {
  expect(utf8Length(text)).toBe(new TextEncoder().encode(text).length);
});
