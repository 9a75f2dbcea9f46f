import { expect, test } from 'vitest';
import { compareTerminals } from '../test/compare.ts';
import { makeRandom } from '../test/support/random.ts';
import { feed, makeEmulator } from '../test/support/terminal.ts';
import { MAX_CELL_CHARS } from './state.ts';
import { coreOf } from './xterm-internals.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

function longestCell(emulator: ReturnType<typeof makeEmulator>): number {
  const { lines } = coreOf(emulator.terminal).buffers.normal;
  let longest = 0;
  for (let at = 0; at < lines.length; at += 1)
    for (const text of Object.values(lines.get(at)?._combined ?? {})) longest = Math.max(longest, text.length);
  return longest;
}

test.each(['x', '漢', '🙂', 'x\u001b[0m', ''])(
  'S48: CVE-2021-27135: a million marks behind %j take no more than one cell may hold',
  (base) => {
    const emulator = makeEmulator(80, 24);
    feed(emulator, bytesOf(base));
    for (let round = 0; round < 100; round += 1) feed(emulator, bytesOf('\u0301\u20dd\ufe0f\u{1e8d0}'.repeat(2500)));
    expect(longestCell(emulator)).toBeLessThanOrEqual(MAX_CELL_CHARS + 1);
  },
);

test('S48: a string that is too long is never collected, and the next one acts', () => {
  const emulator = makeEmulator(80, 24);
  const titles: string[] = [];
  emulator.terminal.onTitleChange((title) => titles.push(title));
  for (const start of ['\u001b]2;', '\u001bP$q', '\u001b]8;;https://example.com/']) {
    feed(emulator, bytesOf(start));
    for (let round = 0; round < 10; round += 1) feed(emulator, bytesOf('y'.repeat(100_000)));
    feed(emulator, bytesOf('\u001b\\\u001b]2;next\u0007'));
  }
  expect(titles).toEqual(['next', 'next', 'next']);
});

test('S48: which marks are dropped does not depend on where a write ends (seed 27)', () => {
  const random = makeRandom(27);
  const parts = [
    'a',
    '漢',
    '🙂',
    '\u0301',
    '\u20dd'.repeat(20),
    '\u0301'.repeat(150),
    '\u{1e8d0}'.repeat(70),
    '\u001b[0m',
    '\b',
    '\u001b[3b',
    '\u001b[?7l',
    '\u001b[?7h',
    '\r\n',
    '\u001b[80G',
  ];
  for (let round = 0; round < 300; round += 1) {
    const bytes = bytesOf(Array.from({ length: 12 }, () => random.pick(parts)).join(''));
    const [whole, cut] = [makeEmulator(80, 24), makeEmulator(80, 24)];
    feed(whole, bytes);
    for (let at = 0; at < bytes.length;) {
      const to = at + 1 + random.below(30);
      feed(cut, bytes.subarray(at, to));
      at = to;
    }
    expect(compareTerminals(whole.terminal, cut.terminal), `round ${round}`).toEqual([]);
  }
});
