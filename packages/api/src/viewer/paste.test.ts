import { expect, test } from 'vitest';
import { preparePaste, splitText, utf8Length } from './paste.ts';

const MAX_BYTES = 16 * 1024;

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
])('S49: %s inside the text cannot end the paste early', (_name, text) => {
  const pasted = preparePaste(text, true);
  expect(pasted.slice(6, -6)).not.toMatch(/20[01]~/);
  expect(pasted.startsWith('\u001b[200~')).toBe(true);
  expect(pasted.endsWith('\u001b[201~')).toBe(true);
});

test('S49: no control character of a paste but tab and Enter comes through, brackets or not', () => {
  const controls = Array.from({ length: 0xa0 }, (_, code) => String.fromCharCode(code)).filter((character) => /\p{Cc}/u.test(character));
  expect(controls).toHaveLength(65);
  const text = controls.map((character) => `x${character}`).join('');
  // A line feed is what a line of a text ends with: Enter.
  expect(Array.from(preparePaste(text, false)).filter((character) => /\p{Cc}/u.test(character))).toEqual(['\t', '\r', '\r']);
  const bracketed = preparePaste(text, true);
  expect(bracketed.slice(6, -6)).toBe(preparePaste(text, false));
});

test('S49: whatever is pasted, the end of the paste is its end (5,000 made of halves, seed 49)', () => {
  let state = 49;
  const below = (limit: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  const parts = ['\u001b', '[', '\u009b', '2', '0', '01~', '00~', '1', '~', '\u0000', '\n', '\u007f', 'x', '\u001b[201~', '\u001b[20'];
  for (let round = 0; round < 5000; round += 1) {
    const text = Array.from({ length: below(24) }, () => parts[below(parts.length)]).join('');
    const pasted = preparePaste(text, true);
    expect(pasted.indexOf('\u001b[201~'), JSON.stringify(text)).toBe(pasted.length - 6);
    // oxlint-disable-next-line no-control-regex -- control characters are what this is about.
    expect(pasted.slice(6, -6), JSON.stringify(text)).not.toMatch(/[\u001b\u009b]/);
  }
});

test('pieces put together are the text, fit the size and cut no character', () => {
  const text = 'aé日🚀'.repeat(5000);
  const pieces = splitText(text, MAX_BYTES);
  expect(pieces.join('')).toBe(text);
  expect(pieces.length).toBeGreaterThan(1);
  for (const piece of pieces) {
    expect(new TextEncoder().encode(piece).length).toBeLessThanOrEqual(MAX_BYTES);
    // A lone surrogate would come back as U+FFFD.
    expect(new TextDecoder().decode(new TextEncoder().encode(piece))).toBe(piece);
  }
});

test('an empty text has no pieces', () => {
  expect(splitText('', MAX_BYTES)).toEqual([]);
});

test.each(['', 'abc', 'é', '日本', '🚀', '\ud800'])('the length of %j in UTF-8 is counted right', (text) => {
  expect(utf8Length(text)).toBe(new TextEncoder().encode(text).length);
});
