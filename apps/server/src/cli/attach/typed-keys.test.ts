import { expect, test } from 'vitest';
import { TypedKeys } from './typed-keys.ts';

/** Whatever sizes the reads have. */
function typed(text: string, chunkBytes = Infinity): string[] {
  const keys = new TypedKeys();
  const bytes = Buffer.from(text, 'latin1');
  const out: string[] = [];
  for (let at = 0; at < bytes.length; at += Math.min(bytes.length, chunkBytes)) {
    for (const one of keys.take(bytes.subarray(at, Math.min(bytes.length, at + chunkBytes))))
      out.push(one.kind === 'bytes' ? Buffer.from(one.bytes).toString('latin1') : `<${one.kind}>`);
  }
  return out;
}

test('Ctrl-\\ d detaches, twice Ctrl-\\ is one, anything else passes with it', () => {
  for (const chunkBytes of [1, 2, Infinity]) {
    expect(typed('ab\u001cdc', chunkBytes).join('')).toBe('ab<detach>c');
    expect(typed('\u001c\u001cd', chunkBytes).join('')).toBe('\u001cd');
    expect(typed('\u001c\u001b[A', chunkBytes).join('')).toBe('\u001c\u001b[A');
    expect(typed('x\u001cs', chunkBytes).join('')).toBe('x<take-size>');
  }
});

test('a paste is one piece, and presses none of our keys', () => {
  const paste = '\u001b[200~copied \u001cd text\u001b[201~';
  expect(typed(`a${paste}b`)).toEqual(['a', paste, 'b']);
  expect(typed(`${paste}\u001cd`, 10)).toEqual([paste, '<detach>']);
  for (const chunkBytes of [1, 3, 7]) expect(typed(`a${paste}b`, chunkBytes).join('')).toBe(`a${paste}b`);
});

test('a paste without an end passes all the same once it is longer than any by hand', () => {
  const text = `\u001b[200~${'x'.repeat(3 * 1024 * 1024)}`;
  const passed = typed(text, 65_536).join('').length;
  expect(passed).toBeGreaterThan(text.length - 1024 * 1024 - 1);
});
