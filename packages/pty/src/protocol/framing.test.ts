import { describe, expect, test } from 'vitest';
import { FrameDecoder, FrameError, encodeFrame } from './framing.ts';
import type { Frame } from './framing.ts';
import { makeRandom } from '../testing/random.ts';

const MAX = 1024 * 1024;

function bytesOf(header: object, body?: Uint8Array): Uint8Array {
  return Buffer.concat(encodeFrame(header, body));
}

function decodeAll(chunks: Iterable<Uint8Array>, maxFrameBytes = MAX): Frame[] {
  const decoder = new FrameDecoder({ maxFrameBytes });
  const frames: Frame[] = [];
  for (const chunk of chunks) {
    decoder.push(chunk);
    for (let frame = decoder.next(); frame; frame = decoder.next()) frames.push(frame);
  }
  expect(decoder.bufferedBytes).toBe(0);
  return frames;
}

function raw(total: number, headerLength: number, rest: Uint8Array = new Uint8Array(0)): Uint8Array {
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32BE(total, 0);
  prefix.writeUInt32BE(headerLength, 4);
  return Buffer.concat([prefix, rest]);
}

const samples = [
  { header: { type: 'a' }, body: new Uint8Array(0) },
  { header: { type: 'ü€𝄞', nested: { list: [1, 2, null] } }, body: Uint8Array.of(0, 255, 10, 13) },
  { header: {}, body: new Uint8Array(70_000).fill(7) },
  { header: { type: 'last' }, body: Uint8Array.of(1) },
];
const stream = Buffer.concat(samples.map(({ header, body }) => bytesOf(header, body)));

function expectSamples(frames: readonly Frame[]): void {
  expect(frames.map((frame) => frame.header)).toEqual(samples.map((sample) => sample.header));
  for (const [index, frame] of frames.entries()) expect(Buffer.compare(frame.body, samples[index]?.body ?? Buffer.alloc(0))).toBe(0);
}

describe('frames come out of a stream whatever sizes the reads have', () => {
  test('the bytes are laid out as the table says', () => {
    expect(Buffer.from(bytesOf({ a: 1 }, Uint8Array.of(9))).toString('hex')).toBe(
      '0000000c00000007' + Buffer.from('{"a":1}').toString('hex') + '09',
    );
  });

  test('one byte per read', () => {
    expectSamples(decodeAll(Array.from(stream, (byte) => Uint8Array.of(byte))));
  });

  test('all in one read', () => {
    expectSamples(decodeAll([stream]));
  });

  test.each([1, 2, 3, 4, 5])('random reads (seed %i)', (seed) => {
    const random = makeRandom(seed);
    for (let round = 0; round < 20; round += 1) {
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < stream.length;) {
        const size = random.below(10) === 0 ? random.below(50_000) : 1 + random.below(20);
        chunks.push(stream.subarray(at, at + size));
        at += size;
      }
      expectSamples(decodeAll(chunks));
    }
  });

  test('many reads pushed before the first frame is taken', () => {
    const decoder = new FrameDecoder({ maxFrameBytes: MAX });
    for (const byte of stream) decoder.push(Uint8Array.of(byte));
    const frames: Frame[] = [];
    for (let frame = decoder.next(); frame; frame = decoder.next()) frames.push(frame);
    expectSamples(frames);
  });

  test('a frame over many reads is copied once: each byte of a large one costs no more than of a small one', () => {
    // Counted, not timed: all copying goes through TypedArray.set.
    const large = bytesOf({ type: 'large' }, new Uint8Array(MAX - 100).fill(1));
    const original = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), 'set');
    if (!original) throw new Error('TypedArray.set is gone');
    const set = original.value as (this: Uint8Array, source: ArrayLike<number>, offset?: number) => void;
    let copied = 0;
    Object.defineProperty(Object.getPrototypeOf(Uint8Array.prototype), 'set', {
      ...original,
      value(this: Uint8Array, source: ArrayLike<number>, offset?: number) {
        copied += source.length;
        set.call(this, source, offset);
      },
    });
    try {
      const decoder = new FrameDecoder({ maxFrameBytes: MAX });
      let frames = 0;
      for (let at = 0; at < large.length; at += 100) {
        decoder.push(large.subarray(at, at + 100));
        if (decoder.next()) frames += 1;
      }
      expect(frames).toBe(1);
    } finally {
      Object.defineProperty(Object.getPrototypeOf(Uint8Array.prototype), 'set', original);
    }
    expect(copied).toBeLessThanOrEqual(large.length);
    expect(copied).toBeGreaterThan(0);
  });
});

describe('what is no frame ends the stream with a code', () => {
  const cases: readonly [string, Uint8Array, FrameError['code']][] = [
    ['a length over the limit', raw(MAX + 1, 2), 'FRAME_TOO_LARGE'],
    ['the largest length there is', raw(0xffffffff, 2), 'FRAME_TOO_LARGE'],
    ['a length without room for the header length', raw(3, 0), 'BAD_FRAME'],
    ['a length of nothing', raw(0, 0), 'BAD_FRAME'],
    ['a header longer than its frame', raw(6, 3, Buffer.from('{}')), 'BAD_FRAME'],
    ['a header that is no JSON', raw(7, 3, Buffer.from('{a}')), 'BAD_FRAME'],
    ['an empty header', raw(4, 0), 'BAD_FRAME'],
    ['a header that is a list', raw(6, 2, Buffer.from('[]')), 'BAD_FRAME'],
    ['a header that is null', raw(8, 4, Buffer.from('null')), 'BAD_FRAME'],
    ['a header that is no UTF-8', raw(9, 5, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])), 'BAD_FRAME'],
    ['a header nested too deep', raw(4 + 100_000, 100_000, Buffer.alloc(100_000, '[')), 'BAD_FRAME'],
  ];

  test.each(cases)('%s', (_name, bytes, code) => {
    for (const chunks of [[bytes], Array.from(bytes, (byte) => Uint8Array.of(byte))]) {
      const decoder = new FrameDecoder({ maxFrameBytes: MAX });
      for (const chunk of chunks) decoder.push(chunk);
      expect(() => decoder.next()).toThrow(expect.objectContaining({ code, name: 'FrameError' }));
      decoder.push(bytesOf({ type: 'later' }));
      expect(() => decoder.next(), 'nothing is read behind it').toThrow(FrameError);
    }
  });

  test('a frame of exactly the limit is taken', () => {
    const frame = bytesOf({}, new Uint8Array(100));
    expect(decodeAll([frame], frame.length - 4)).toHaveLength(1);
    expect(() => decodeAll([frame], frame.length - 5)).toThrow(FrameError);
  });
});
