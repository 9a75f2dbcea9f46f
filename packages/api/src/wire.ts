// Owns the encoding of our WebSocket: tRPC's JSON in text frames, and binary frames for messages that carry bytes.
// Must not know what the messages mean, except where bytes stand: result.data.data.bytes or .state of a tracked event.
//
// Binary frame (server to client only; a binary frame from a client is refused):
//   offset  size  type
//   0       4     u32 big-endian  H, length of the header
//   4       H     UTF-8 JSON      the tRPC message; the value of the carried field is null
//   4+H     rest  raw             the bytes
//
// tRPC's own hook for this (`experimental_encoder`) may change in any release: tRPC is pinned exactly and a contract test
// speaks to it over a raw WebSocket.

/** Fields of an event whose value may be bytes; at most one of them in one message. */
const BYTE_FIELDS = ['bytes', 'state'] as const;
const HEADER_LENGTH_BYTES = 4;

export class WireError extends Error {
  override readonly name = 'WireError';
  readonly code = 'BAD_FRAME';
}

export interface WireEncoder {
  encode(message: unknown): string | Uint8Array<ArrayBuffer>;
  decode(frame: string | ArrayBuffer | Uint8Array): unknown;
}

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { fatal: true });

type Fields = Record<string, unknown>;
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

/** The event inside a tRPC message: `result.data.data` of a tracked one. */
function eventOf(message: unknown): Fields | undefined {
  if (!isObject(message) || !isObject(message['result'])) return undefined;
  const outer = message['result']['data'];
  if (!isObject(outer) || !isObject(outer['data'])) return undefined;
  return outer['data'];
}

export const wireEncoder: WireEncoder = {
  encode(message) {
    const event = eventOf(message);
    const field = event && BYTE_FIELDS.find((name) => event[name] instanceof Uint8Array);
    if (!event || !field) return JSON.stringify(message);
    const bytes = event[field] as Uint8Array;
    const outer = message as { result: { data: Fields } };
    const header = textEncoder.encode(
      JSON.stringify({ ...outer, result: { ...outer.result, data: { ...outer.result.data, data: { ...event, [field]: null } } } }),
    );
    const frame = new Uint8Array(HEADER_LENGTH_BYTES + header.length + bytes.length);
    new DataView(frame.buffer).setUint32(0, header.length);
    frame.set(header, HEADER_LENGTH_BYTES);
    frame.set(bytes, HEADER_LENGTH_BYTES + header.length);
    return frame;
  },

  decode(frame) {
    if (typeof frame === 'string') return JSON.parse(frame) as unknown;
    const bytes = frame instanceof Uint8Array ? frame : new Uint8Array(frame);
    if (bytes.length < HEADER_LENGTH_BYTES) throw new WireError('A binary frame is shorter than its header length.');
    const headerLength = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0);
    const bodyStart = HEADER_LENGTH_BYTES + headerLength;
    if (bodyStart > bytes.length) throw new WireError('A binary frame is shorter than its header.');
    const message: unknown = JSON.parse(textDecoder.decode(bytes.subarray(HEADER_LENGTH_BYTES, bodyStart)));
    const event = eventOf(message);
    const field = event && BYTE_FIELDS.find((name) => event[name] === null);
    if (!event || !field) throw new WireError('A binary frame names no field for its bytes.');
    event[field] = bytes.subarray(bodyStart);
    return message;
  },
};

/** What the server decodes with: clients send text only. */
export const serverWireEncoder: WireEncoder = {
  encode: (message) => wireEncoder.encode(message),
  decode(frame) {
    if (typeof frame !== 'string') throw new WireError('Clients send text frames only.');
    return JSON.parse(frame) as unknown;
  },
};

/**
 * Values cross the wire as they are: JSON, or bytes beside it. Declaring a transformer that does nothing tells the library's
 * types so; without one they would describe a Uint8Array as JSON would mangle it.
 */
export const wireTransformer = {
  serialize: (value: unknown): unknown => value,
  deserialize: (value: unknown): unknown => value,
};
