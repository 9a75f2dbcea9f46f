import { describe, expect, test } from 'vitest';
import { makeRandom } from '../test/support/random.ts';
import { allStreams } from '../test/support/streams.ts';
import { feed, makeEmulator, makeTerminal } from '../test/support/terminal.ts';
import { MAX_TAIL_BYTES } from './state.ts';
import { TailScanner } from './tail-scanner.ts';
import { Utf8Feeder } from './utf8-feeder.ts';
import { coreOf } from './xterm-internals.ts';

function tailOf(text: string | Uint8Array): { readonly sequence: string; readonly character: string; readonly state: number } {
  const scanner = new TailScanner();
  scanner.push(typeof text === 'string' ? Buffer.from(text) : text);
  const { sequence, character } = scanner.tail();
  return { sequence: Buffer.from(sequence).toString(), character: Buffer.from(character).toString('hex'), state: scanner.state };
}

describe('the bytes that have not taken effect', () => {
  test.each([
    ['nothing between sequences', 'text\u001b[1mmore', ''],
    ['an escape', 'text\u001b', '\u001b'],
    ['parameters', '\u001b[38;5', '\u001b[38;5'],
    ['the last of two, where one cancels the other', '\u001b[12\u001b[3', '\u001b[3'],
    ['a title', '\u001b]0;a title é', '\u001b]0;a title é'],
    ['a string ended by an escape that waits for its backslash', '\u001b]0;a title\u001b', '\u001b'],
    ['nothing of a cancelled one', '\u001b]0;a title\u0018', ''],
    ['without the controls that were executed on the way', '\u001b[3\n1\r;\u00074', '\u001b[31;4'],
    ['without the text of a string that is ignored', `\u001b_${'x'.repeat(1000)}`, '\u001b_'],
    ['with the controls in the data of a device control string', '\u001bPq#0\n~', '\u001bPq#0\n~'],
    ['introduced by a C1 control', 'é\u009b31', '\u009b31'],
    ['nothing where a letter ends what cannot have one', '\u001b[3é', ''],
    ['the intermediate of a charset', '\u001b(', '\u001b('],
  ])('%s', (_name, text, expected) => {
    expect(tailOf(text).sequence).toBe(expected);
  });

  test('the first bytes of a character, inside a sequence too', () => {
    expect(tailOf(Uint8Array.of(0x61, 0xf0, 0x9f, 0x98))).toMatchObject({ sequence: '', character: 'f09f98' });
    expect(tailOf(Buffer.concat([Buffer.from('\u001b]2;'), Uint8Array.of(0xe2, 0x80)]))).toMatchObject({
      sequence: '\u001b]2;',
      character: 'e280',
    });
  });

  test('a string without end keeps no more than the limit, and its state', () => {
    const scanner = new TailScanner();
    scanner.push(Buffer.from('\u001b]52;c;'));
    for (let chunk = 0; chunk < 40; chunk += 1) scanner.push(Buffer.alloc(10_000, 'A'));
    expect(scanner.tail().sequence.length).toBeLessThanOrEqual(MAX_TAIL_BYTES);
    expect(scanner.tail().sequence.length).toBeGreaterThan(MAX_TAIL_BYTES / 2);
    scanner.push(Buffer.from('\u0007'));
    expect(scanner.tail().sequence).toHaveLength(0);
  });

  test('a sequence over the limit still replays into the same state of the parser', () => {
    const bytes = Buffer.from(`\u001b[${'1;'.repeat(MAX_TAIL_BYTES)}$`);
    const scanner = new TailScanner();
    scanner.push(bytes);
    const terminal = makeTerminal(80, 24);
    for (const piece of new Utf8Feeder().take(scanner.tail().sequence)) coreOf(terminal)._inputHandler.parse(piece);
    expect(coreOf(terminal)._inputHandler._parser.currentState).toBe(scanner.state);
    expect(scanner.tail().sequence.length).toBeLessThanOrEqual(MAX_TAIL_BYTES);
  });

  test('a scanner that begins with a tail goes on from it', () => {
    const scanner = new TailScanner();
    scanner.push(Buffer.from('\u001b]2;left over'));
    scanner.reset({ sequence: Buffer.from('\u001b[3'), character: new Uint8Array(0) });
    scanner.push(Buffer.from('1'));
    expect(Buffer.from(scanner.tail().sequence).toString()).toBe('\u001b[31');
    scanner.reset();
    expect(scanner.tail().sequence).toHaveLength(0);
  });
});

describe('it is always where the parser of the emulator is', () => {
  test('in random bytes, in random chunks (seed 2)', () => {
    const random = makeRandom(2);
    const alphabet = [
      0x1b, 0x1b, 0x5b, 0x5d, 0x50, 0x58, 0x5f, 0x3b, 0x31, 0x3f, 0x3c, 0x20, 0x24, 0x6d, 0x41, 0x71, 0x07, 0x18, 0x0a, 0x7f,
    ];
    const high = [0xc2, 0x9b, 0x9d, 0x90, 0x9c, 0x98, 0x9f, 0x85, 0xa0, 0xe2, 0x80, 0xef, 0xbb, 0xbf, 0xf0, 0x9f, 0xc0, 0xed, 0xf5, 0xff];
    for (let round = 0; round < 300; round += 1) {
      const terminal = makeTerminal(20, 5, 10);
      const scanner = new TailScanner();
      const feeder = new Utf8Feeder();
      for (let chunk = 0; chunk < 40; chunk += 1) {
        const bytes = Uint8Array.from({ length: 1 + random.below(6) }, () => random.pick(random.below(3) === 0 ? high : alphabet));
        scanner.push(bytes);
        for (const piece of feeder.take(bytes)) coreOf(terminal)._inputHandler.parse(piece);
        expect(scanner.state).toBe(coreOf(terminal)._inputHandler._parser.currentState);
        expect(scanner.tail().sequence.length > 0).toBe(scanner.state !== 0);
      }
    }
  });

  test('in the recordings', () => {
    for (const { name, cols, rows, bytes } of allStreams()) {
      const emulator = makeEmulator(cols, rows, 0);
      const random = makeRandom(name.length);
      for (let at = 0; at < Math.min(bytes.length, 60_000);) {
        feed(emulator, bytes.subarray(at, (at += 1 + random.below(300))));
        expect(emulator.scanner.state, `${name} at ${at}`).toBe(coreOf(emulator.terminal)._inputHandler._parser.currentState);
      }
    }
  });
});
