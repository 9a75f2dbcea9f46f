import { Terminal } from '@xterm/xterm';
import { expect, test } from 'vitest';
import { Utf8Feeder } from './feeder.ts';

// Copied: the encoder of the simulated browser belongs to another realm, whose arrays are never equal to ours.
const encode = (text: string): Uint8Array => Uint8Array.from(new TextEncoder().encode(text));

/** One character of each length, and the punctuation that the emulator loses when a write ends inside it. */
const TEXT = 'aé‘“–…日本🚀\u200d👩z';

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

test('a character cut at any byte is written whole', () => {
  const bytes = encode(TEXT);
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const feeder = new Utf8Feeder();
    const parts = [feeder.take(bytes.subarray(0, cut)), feeder.take(bytes.subarray(cut))];
    expect(join(parts)).toEqual(bytes);
    for (const part of parts) expect(() => new TextDecoder('utf-8', { fatal: true }).decode(part)).not.toThrow();
  }
});

test('a stream of single bytes comes out unchanged', () => {
  const feeder = new Utf8Feeder();
  const parts = [...encode(TEXT)].map((byte) => feeder.take(Uint8Array.of(byte)));
  expect(new TextDecoder().decode(join(parts))).toBe(TEXT);
});

test('bytes that are no UTF-8 are not held back for ever', () => {
  const bytes = Uint8Array.of(0xff, 0xc0, 0x80, 0x80, 0x80, 0x80, 0xf5, 0x41);
  const feeder = new Utf8Feeder();
  expect(join([...bytes].map((byte) => feeder.take(Uint8Array.of(byte))))).toEqual(bytes);
});

test('a cleared feeder forgets the half character before the cut', () => {
  const feeder = new Utf8Feeder();
  feeder.take(Uint8Array.of(0xe2, 0x80));
  feeder.clear();
  expect(feeder.take(encode('b'))).toEqual(encode('b'));
});

test('held bytes do not change when the buffer they came in is used again', () => {
  const feeder = new Utf8Feeder();
  const buffer = Uint8Array.of(0xe2, 0x80);
  feeder.take(buffer);
  buffer.fill(0);
  expect(feeder.take(Uint8Array.of(0x98))).toEqual(Uint8Array.of(0xe2, 0x80, 0x98));
});

test('the emulator shows a character whose bytes came in two writes', async () => {
  const terminal = new Terminal({ allowProposedApi: true });
  const feeder = new Utf8Feeder();
  terminal.write(feeder.take(Uint8Array.of(0x61, 0xe2, 0x80)));
  await new Promise<void>((resolve) => terminal.write(feeder.take(Uint8Array.of(0x98, 0x62)), resolve));
  expect(terminal.buffer.active.getLine(0)?.translateToString(true)).toBe('a‘b');
  terminal.dispose();
});
