import { deflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { makeRandom } from '../test/support/random.ts';
import { SYNTHETIC } from '../test/support/synthetic.ts';
import { feed, feedRange, makeEmulator } from '../test/support/terminal.ts';
import type { Emulator } from '../test/support/terminal.ts';
import { decodeState } from './decode.ts';
import { dumpScreen } from './dump.ts';
import { encodeState, MAX_STATE_BYTES } from './encode.ts';
import { ScreenError } from './errors.ts';
import { restoreScreen } from './restore.ts';
import type { ScreenState } from './state.ts';

function stateOf(emulator: Emulator): ScreenState {
  return dumpScreen(emulator.terminal, { tail: emulator.scanner.tail(), palette: emulator.palette.entries() });
}

function stateAfter(text: string, cols = 10, rows = 2): ScreenState {
  const emulator = makeEmulator(cols, rows, 5);
  feed(emulator, Buffer.from(text));
  return stateOf(emulator);
}

function syntheticState(cut: number): ScreenState {
  const emulator = makeEmulator(SYNTHETIC.cols, SYNTHETIC.rows, 100);
  feedRange(emulator, SYNTHETIC, { from: 0, to: cut, chunking: () => 4095 });
  return stateOf(emulator);
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof ScreenError) return error.code;
    throw error;
  }
  return 'no error';
}

describe('a stored state', () => {
  test('holds a cursor that marks without a character before them have pushed beyond the last column, and goes on alike', () => {
    // Each takes a cell: in the last column, and once more behind it.
    const text = '\u001b[1;10H\u0301\u001b[m\u20dd';
    const state = stateAfter(text);
    expect(state.normal.x).toBe(11);
    const [first, second] = [makeEmulator(10, 2, 5), makeEmulator(10, 2, 5)];
    feed(first, Buffer.from(text));
    restoreScreen(second.terminal, decodeState(encodeState(state)));
    for (const emulator of [first, second]) feed(emulator, Buffer.from('\u0301\u001b[mand on\u001b7'));
    expect(stateOf(second)).toEqual(stateOf(first));
  });

  test('has the layout that the table says', () => {
    const state = stateAfter('\u001b[1mAB\u001b[0m 漢\u001b[3');
    const bytes = Buffer.from(encodeState(state));
    // Layout, version.
    expect(bytes.subarray(0, 7).toString('hex')).toBe(`0105${Buffer.from('6.0.0').toString('hex')}`);
    const headLength = (bytes[7] ?? 0) - 0x80 + (bytes[8] ?? 0) * 0x80;
    const afterHead = 9 + headLength;
    const head = JSON.parse(bytes.subarray(9, afterHead).toString()) as { cols: number };
    expect(head.cols).toBe(10);
    const rest = bytes.subarray(afterHead).toString('hex');
    expect(rest).toBe(
      [
        `03${Buffer.from('\u001b[3').toString('hex')}`,
        // No unfinished character.
        '00',
        // Two attributes: bold, default.
        '02 8080804000 0000',
        // No extended attributes.
        '00',
        // Two lines; the first has five cells.
        '02 28',
        // Bold: two cells, A and B. Default: three cells: a blank, the wide character (U+6F22, width 2), its second half (width 0).
        '00 02 4142 01 03 20 94f20d 00',
        // The second line has none.
        '00',
        // No alternate screen.
        '00',
      ]
        .join('')
        .replaceAll(' ', ''),
    );
  });

  test.each([1000, 20_000, 54_321, 100_000])('comes back as it was (synthetic stream at %i)', (cut) => {
    const state = syntheticState(cut);
    expect(decodeState(encodeState(state))).toEqual(state);
  });

  test('takes kilobytes, not megabytes', () => {
    const emulator = makeEmulator(80, 24);
    for (let line = 0; line < 1100; line += 1)
      feed(emulator, Buffer.from(`\u001b[3${line % 8}mline ${line}\u001b[0m of a build that prints much the same again and again\r\n`));
    const screen = encodeState(dumpScreen(emulator.terminal, { scrollback: 0 }));
    expect(deflateRawSync(screen).length).toBeLessThan(2000);
    expect(deflateRawSync(encodeState(stateOf(emulator))).length).toBeLessThan(20_000);
  });
});

describe('what is damaged or hostile is refused with a code', () => {
  const good = encodeState(syntheticState(60_000));

  test('another version is refused by name', () => {
    const state = stateAfter('text');
    expect(codeOf(() => decodeState(encodeState({ ...state, emulator: '6.1.0' })))).toBe('SCREEN_VERSION');
    expect(codeOf(() => decodeState(Uint8Array.of(2, ...encodeState(state).subarray(1))))).toBe('SCREEN_VERSION');
  });

  test('every beginning of a state', () => {
    for (let length = 0; length < good.length; length += length < 3000 ? 1 : 37) {
      expect(['SCREEN_CORRUPT', 'SCREEN_VERSION']).toContain(codeOf(() => decodeState(good.subarray(0, length))));
    }
    expect(codeOf(() => decodeState(Buffer.concat([good, Uint8Array.of(0)])))).toBe('SCREEN_CORRUPT');
    expect(codeOf(() => decodeState(new Uint8Array(MAX_STATE_BYTES + 1)))).toBe('SCREEN_TOO_LARGE');
  });

  test('flipped bytes: an error with a code, or a state that an emulator can bear (seed 6)', () => {
    const random = makeRandom(6);
    let accepted = 0;
    const emulator = makeEmulator(80, 24, 100);
    for (let round = 0; round < 4000; round += 1) {
      const bytes = good.slice();
      for (let flips = 1 + random.below(3); flips > 0; flips -= 1) bytes[random.below(bytes.length)] = random.below(256);
      let state: ScreenState;
      try {
        state = decodeState(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(ScreenError);
        continue;
      }
      if (state.unicode !== '11') continue;
      accepted += 1;
      restoreScreen(emulator.terminal, state);
      emulator.feeder.reset(state.tail.character);
      feed(emulator, Buffer.from('more\r\n\t\u001b[10;10Htext\u001b[5b\u001b[2L\u001b[?1049h漢\u001b[?1049l\u001b8x\u001bM'));
      emulator.terminal.resize(40 + random.below(60), 10 + random.below(30));
    }
    // Otherwise the emulator has borne nothing.
    expect(accepted).toBeGreaterThan(100);
  });

  const varint = (value: number): number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(Math.floor(value / 0x80))]);
  const behindHead = (...rest: readonly number[]): Uint8Array => {
    const { length } = good;
    const head = Buffer.from(encodeState(stateAfter('x')));
    const headLength = (head[7] ?? 0) - 0x80 + (head[8] ?? 0) * 0x80;
    expect(length).toBeGreaterThan(headLength);
    return Buffer.concat([head.subarray(0, 9 + headLength), Uint8Array.from(rest)]);
  };
  test.each([
    ['more attributes than bytes', behindHead(0, 0, ...varint(0xffff_ffff))],
    ['more lines than bytes', behindHead(0, 0, 0, 0, ...varint(90_000))],
    ['a line of more cells than bytes', behindHead(0, 0, 1, 0, 0, 0, 2, ...varint(10 * 8), 0, 10, 0x41)],
    ['a line longer than any', behindHead(0, 0, 1, 0, 0, 0, 2, 4, ...varint(100_000))],
    ['an attribute that is not in the table', behindHead(0, 0, 1, 0, 0, 0, 2, 8, 1, 1, 0x41, 0, 0)],
    ['a run longer than its line', behindHead(0, 0, 1, 0, 0, 0, 2, 8, 0, 2, 0x41, 0x41, 0, 0)],
    ['a run of nothing', behindHead(0, 0, 1, 0, 0, 0, 2, 8, 0, 0, 0x41, 0, 0)],
    ['a control character in a cell', behindHead(0, 0, 1, 0, 0, 0, 2, 8, 0, 1, ...varint(0x1b * 8 + 2), 0, 0)],
    ['half a surrogate pair', behindHead(0, 0, 1, 0, 0, 0, 2, 8, 0, 1, ...varint(0xd800 * 8 + 2), 0, 0)],
    ['a character three cells wide', behindHead(0, 0, 1, 0, 0, 0, 2, 8, 0, 1, ...varint(0x41 * 8 + 6), 0, 0)],
    ['a combined cell without text', behindHead(0, 0, 1, 0, 0, 0, 2, 8, 0, 1, 3, 0, 0)],
    ['a number that never ends', behindHead(0, 0, ...Array.from({ length: 50 }, () => 0x80))],
    ['fewer lines than the screen has rows', behindHead(0, 0, 0, 0, 1, 0, 0)],
    ['no lines at all', behindHead(0, 0, 0, 0, 0, 0)],
    ['a tail over the limit', behindHead(...varint(100_000), ...Array.from({ length: 100_000 }, () => 0x41))],
  ])('%s', (_name, bytes) => {
    expect(codeOf(() => decodeState(bytes))).toBe('SCREEN_CORRUPT');
  });

  test.each([
    ['a cursor below the screen', { normal: { ...stateAfter('x').normal, y: 2 } }],
    ['a cursor right of it', { normal: { ...stateAfter('x').normal, x: 12 } }],
    ['a screen that begins behind its lines', { normal: { ...stateAfter('x').normal, base: 50 } }],
    ['margins the wrong way round', { normal: { ...stateAfter('x').normal, scrollTop: 2, scrollBottom: 1 } }],
    ['an unknown charset', { charsets: { designated: ['B', 'B', 'B', '__proto__'], level: 0, current: 'B' } }],
    ['five charsets', { charsets: { designated: ['B', 'B', 'B', 'B', 'B'], level: 0, current: 'B' } }],
    ['an unknown mouse protocol', { modes: { ...stateAfter('x').modes, mouseProtocol: 'constructor' } }],
    ['a mode that is no mode', { modes: { ...stateAfter('x').modes, origin: 'yes' } }],
    ['a size of a million', { cols: 1_000_000 }],
    ['a size of half a column', { cols: 80.5 }],
    ['an alternate screen in use that does not exist', { active: 'alternate' }],
    ['a colour that is none', { palette: [{ index: 300, rgb: [0, 0, 0] }] }],
  ])('%s', (_name, change) => {
    expect(codeOf(() => decodeState(encodeState({ ...stateAfter('x'), ...change } as ScreenState)))).toBe('SCREEN_CORRUPT');
  });

  test('a head that is no JSON, or nested without end', () => {
    const bytes = Buffer.from(encodeState(stateAfter('x')));
    const withHead = (head: string): Uint8Array =>
      Buffer.concat([bytes.subarray(0, 7), Uint8Array.from(varint(head.length)), Buffer.from(head)]);
    expect(codeOf(() => decodeState(withHead('{')))).toBe('SCREEN_CORRUPT');
    expect(codeOf(() => decodeState(withHead('[]')))).toBe('SCREEN_CORRUPT');
    expect(codeOf(() => decodeState(withHead('['.repeat(1_000_000))))).toBe('SCREEN_CORRUPT');
  });
});

test('a screen that would not be read back is not written', () => {
  const state = stateAfter('x', 1000, 24);
  const full = { cells: new Uint32Array(3000).fill(0x400041), length: 1000, wrapped: false, combined: [], extended: new Uint32Array(0) };
  const lines = Array.from({ length: 4100 }, () => full);
  expect(codeOf(() => encodeState({ ...state, normal: { ...state.normal, lines } }))).toBe('SCREEN_TOO_LARGE');
});
