import { describe, expect, test } from 'vitest';
import { compareTerminals } from '../test/compare.ts';
import { makeRandom } from '../test/support/random.ts';
import { feed, makeEmulator, makeTerminal } from '../test/support/terminal.ts';
import { coreOf } from './xterm-internals.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('the screen does not depend on where a write ends', () => {
  test('the defect that this is for: without automatic wrap, xterm.js shows another screen for other chunks', () => {
    const [whole, cut] = [makeTerminal(10, 2), makeTerminal(10, 2)];
    coreOf(whole)._inputHandler.parse(bytesOf('\u001b[?7l\u001b[9G漢漢a'));
    for (const part of ['\u001b[?7l\u001b[9G漢', '漢', 'a']) coreOf(cut)._inputHandler.parse(bytesOf(part));
    expect(compareTerminals(whole, cut)).not.toEqual([]);
  });

  test('in any mode, with wide, combining and joined characters at the edge (seed 5)', () => {
    const random = makeRandom(5);
    const modes = [
      '',
      '\u001b[?7l',
      '\u001b[4h',
      '\u001b[?45h',
      '\u001b[?7l\u001b[4h',
      '\u001b[?7l\u001b[?45h',
      '\u001b[?7l\u001b[?6h\u001b[2;3r',
    ];
    const starts = ['', '\u001b[9G', '\u001b[8G漢', '\u001b[9G漢', 'aaaaaaaaa'];
    const parts = [
      'a',
      '漢',
      '\u200d',
      '\u0301',
      '👩',
      '\ufe0f',
      '\r',
      '\n',
      '\b',
      '\t',
      '\u001b[9G',
      '\u001b[10G',
      '\u001b7',
      '\u001b8',
      '\u001b[3b',
      '\u001b[K',
    ];
    for (let round = 0; round < 1000; round += 1) {
      const [mode, start] = [random.pick(modes), random.pick(starts)];
      const rest = Array.from({ length: 1 + random.below(7) }, () => random.pick(parts));
      const [whole, cut] = [makeEmulator(10, 4, 10), makeEmulator(10, 4, 10)];
      feed(whole, bytesOf(mode + start + rest.join('')));
      for (const part of [mode, start, ...rest]) feed(cut, bytesOf(part));
      expect(compareTerminals(whole.terminal, cut.terminal), JSON.stringify([mode, start, ...rest])).toEqual([]);
    }
  });
});
