import { describe, expect, test } from 'vitest';
import { feed, makeEmulator } from '../test/support/terminal.ts';
import { dumpScreen } from './dump.ts';
import { hashScreen } from './hash.ts';
import { restoreScreen } from './restore.ts';

const BASE = 'some text\r\nand more 漢字 e\u0301\r\n\u001b[5;5H';

function hashOf(text: string, cols = 40, rows = 10): string {
  const emulator = makeEmulator(cols, rows);
  feed(emulator, Buffer.from(text));
  return hashScreen(emulator.terminal);
}

describe('a fingerprint of what is shown', () => {
  test('is 64 bits in hexadecimal digits', () => {
    expect(hashOf(BASE)).toMatch(/^[0-9a-f]{16}$/);
    expect(hashOf('')).not.toBe(hashOf('', 41));
  });

  test.each([
    ['a character', '\u001b[1;1HS\u001b[5;5H'],
    ['a colour', '\u001b[1;1H\u001b[31ms\u001b[m\u001b[5;5H'],
    ['a background', '\u001b[1;1H\u001b[41ms\u001b[m\u001b[5;5H'],
    ['a background where there is no text', '\u001b[9;1H\u001b[41m\u001b[K\u001b[m\u001b[5;5H'],
    ['bold', '\u001b[1;1H\u001b[1ms\u001b[m\u001b[5;5H'],
    ['a curly underline', '\u001b[1;1H\u001b[4:3ms\u001b[m\u001b[5;5H'],
    ['a link', '\u001b[1;1H\u001b]8;;https://example.org\u0007s\u001b]8;;\u0007\u001b[5;5H'],
    ['a combining mark', '\u001b[1;1Hs\u0308\u001b[5;5H'],
    ['the cursor', '\u001b[5;6H'],
    ['a hidden cursor', '\u001b[?25l'],
    ['a line scrolled away', '\u001b[S'],
    ['the other screen', '\u001b[?1047h'],
  ])('tells %s', (_name, change) => {
    expect(hashOf(BASE + change)).not.toBe(hashOf(BASE));
  });

  test('is the same however the screen came about, and whatever is above it', () => {
    expect(hashOf(`${'line\r\n'.repeat(50)}\u001b[2J\u001b[H${BASE}`)).toBe(hashOf(BASE));
    expect(hashOf(`x\u001b[H${BASE}`)).toBe(hashOf(BASE));
    // Links are numbered in the order of their first use.
    const link = '\u001b]8;;https://example.org\u0007link\u001b]8;;\u0007';
    expect(hashOf(`${link}\u001b[2J\u001b[H${link}`)).toBe(hashOf(link));
  });

  test('survives a restore, in the narrowed alternate screen too', () => {
    const emulator = makeEmulator(40, 10);
    feed(emulator, Buffer.from(`${BASE}\u001b[?1049h${'wide '.repeat(20)}`));
    emulator.terminal.resize(20, 8);
    const restored = makeEmulator(80, 24);
    restoreScreen(restored.terminal, dumpScreen(emulator.terminal));
    expect(hashScreen(restored.terminal)).toBe(hashScreen(emulator.terminal));
  });

  test('of thousands of screens that differ in one number no two are the same', () => {
    const emulator = makeEmulator(40, 10);
    const hashes = new Set<string>();
    for (let n = 0; n < 5000; n += 1) {
      feed(emulator, Buffer.from(`\u001b[H${n}  \u001b[5;5H`));
      hashes.add(hashScreen(emulator.terminal));
    }
    expect(hashes.size).toBe(5000);
  });
});
