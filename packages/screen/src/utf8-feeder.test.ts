import { describe, expect, test } from 'vitest';
import { makeRandom } from '../test/support/random.ts';
import { makeTerminal } from '../test/support/terminal.ts';
import { Utf8Feeder } from './utf8-feeder.ts';
import { coreOf } from './xterm-internals.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

function takeAll(chunks: readonly Uint8Array[]): { readonly pieces: readonly Uint8Array[]; readonly held: Uint8Array } {
  const feeder = new Utf8Feeder();
  return { pieces: chunks.flatMap((chunk) => feeder.take(chunk)), held: feeder.held };
}

function screenOf(pieces: readonly Uint8Array[]): string {
  const terminal = makeTerminal(200, 2);
  for (const piece of pieces) coreOf(terminal)._inputHandler.parse(piece);
  return terminal.buffer.active.getLine(0)?.translateToString(true) ?? '';
}

describe('characters arrive whole', () => {
  test('the defect that this is for: xterm.js loses a character that is cut behind a second byte 0x80', () => {
    expect(screenOf([Uint8Array.of(0x61, 0xe2, 0x80), Uint8Array.of(0x98, 0x62)])).toBe('ab');
    expect(screenOf(takeAll([Uint8Array.of(0x61, 0xe2, 0x80), Uint8Array.of(0x98, 0x62)]).pieces)).toBe('a‘b');
  });

  const text = 'a‘é漢😀👍🏽’…\u2003z';
  test.each(Array.from({ length: bytesOf(text).length - 1 }, (_, index) => index + 1))('cut at byte %i', (at) => {
    const bytes = bytesOf(text);
    const { pieces, held } = takeAll([bytes.subarray(0, at), bytes.subarray(at)]);
    expect(Buffer.concat(pieces).toString()).toBe(text);
    expect(held).toHaveLength(0);
    expect(screenOf(pieces)).toBe(screenOf([bytes]));
  });

  test('one byte at a time', () => {
    const { pieces } = takeAll(Array.from(bytesOf(text), (byte) => Uint8Array.of(byte)));
    expect(Buffer.concat(pieces).toString()).toBe(text);
    for (const piece of pieces) expect(() => new TextDecoder('utf-8', { fatal: true }).decode(piece)).not.toThrow();
  });

  test('what is no UTF-8 passes unchanged, and what could become some is held back for no longer than it could', () => {
    const random = makeRandom(1);
    for (let round = 0; round < 500; round += 1) {
      const bytes = Uint8Array.from({ length: 12 }, () => random.pick([0x41, 0x80, 0x98, 0xc2, 0xe2, 0xf0, 0xf5, 0xff, 0x1b]));
      const feeder = new Utf8Feeder();
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < bytes.length;) {
        const next = at + 1 + random.below(4);
        pieces.push(...feeder.take(bytes.subarray(at, next)));
        at = next;
        expect(feeder.held.length).toBeLessThanOrEqual(3);
      }
      expect(Buffer.concat([...pieces, feeder.held]).equals(Buffer.from(bytes))).toBe(true);
      expect(screenOf(pieces)).toBe(screenOf([Buffer.concat(pieces)]));
    }
  });

  test('a chunk longer than the parse buffer of xterm.js is cut between characters', () => {
    const long = bytesOf(`a${'“”'.repeat(60_000)}`);
    const { pieces } = takeAll([long]);
    expect(pieces.length).toBeGreaterThan(1);
    for (const piece of pieces) expect(piece.length).toBeLessThanOrEqual(131_072);
    expect(Buffer.concat(pieces).equals(Buffer.from(long))).toBe(true);
    expect(pieces.every((piece) => !Buffer.from(piece).toString().includes('\ufffd'))).toBe(true);
  });

  test('a stream that begins anew begins with the bytes it is given', () => {
    const feeder = new Utf8Feeder();
    feeder.take(Uint8Array.of(0xf0, 0x9f));
    feeder.reset();
    expect(feeder.held).toHaveLength(0);
    feeder.reset(Uint8Array.of(0xe2, 0x80));
    expect(Buffer.concat(feeder.take(Uint8Array.of(0x99))).toString()).toBe('’');
  });
});
