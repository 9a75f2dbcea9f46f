import { expect, test } from 'vitest';
import { WireError, serverWireEncoder, wireEncoder } from './wire.ts';

const outputMessage = (bytes: Uint8Array) => ({
  id: 7,
  result: { type: 'data', id: '1.5.0', data: { id: '1.5.0', data: { type: 'output', offset: 5, bytes } } },
});

/** A string when it is text; a copy of the frame when it is binary. */
function frameOf(message: unknown): string | Uint8Array {
  return wireEncoder.encode(message);
}

test('a message without bytes is plain JSON text', () => {
  const message = { id: 1, method: 'query', params: { path: 'session.list' } };
  expect(frameOf(message)).toBe(JSON.stringify(message));
  expect(wireEncoder.decode(JSON.stringify(message))).toEqual(message);
});

test('bytes of an output travel unchanged beside their header, as the byte table says', () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
  const frame = frameOf(outputMessage(bytes)) as Uint8Array;
  const headerLength = new DataView(frame.buffer).getUint32(0);
  const header: unknown = JSON.parse(new TextDecoder().decode(frame.subarray(4, 4 + headerLength)));
  expect(header).toEqual({
    id: 7,
    result: { type: 'data', id: '1.5.0', data: { id: '1.5.0', data: { type: 'output', offset: 5, bytes: null } } },
  });
  expect(frame.subarray(4 + headerLength)).toEqual(bytes);
  expect(wireEncoder.decode(frame)).toEqual(outputMessage(bytes));
  expect(wireEncoder.decode(frame.buffer as ArrayBuffer)).toEqual(outputMessage(bytes));
});

test('an empty state of a snapshot arrives as empty bytes', () => {
  const message = {
    id: 1,
    result: {
      type: 'data',
      id: 'x',
      data: { id: 'x', data: { type: 'snapshot', offset: 0, run: 1, cols: 80, rows: 24, state: new Uint8Array(0), reason: 'attach' } },
    },
  };
  expect(wireEncoder.decode(frameOf(message) as Uint8Array)).toEqual(message);
});

test('broken frames are refused with a code', () => {
  for (const frame of [
    new Uint8Array(0),
    new Uint8Array([0, 0, 0]),
    new Uint8Array([0, 0, 0, 9, 123]),
    new Uint8Array([0xff, 0xff, 0xff, 0xff]),
  ]) {
    expect(() => wireEncoder.decode(frame)).toThrow(WireError);
  }
  expect(() => wireEncoder.decode(new Uint8Array([0, 0, 0, 2, 0x7b, 0x7d, 1]))).toThrow(WireError);
});

test('the server takes text frames only', () => {
  expect(() => serverWireEncoder.decode(new Uint8Array([1, 2, 3]))).toThrow(WireError);
  expect(serverWireEncoder.decode('{"a":1}')).toEqual({ a: 1 });
});
