// Owns how one message is cut out of a byte stream, whatever sizes the reads have. Must not know sockets or what a message means.
//
// A frame, integers big-endian:
//
// | offset | size          | type   | field                                             |
// | ------ | ------------- | ------ | ------------------------------------------------- |
// | 0      | 4             | u32    | total: bytes that follow this field (4 + h + b)   |
// | 4      | 4             | u32    | h: bytes of the header                            |
// | 8      | h             | UTF-8  | header: one JSON object (messages.ts)             |
// | 8 + h  | total - 4 - h | bytes  | body, possibly empty                              |
//
// Valid if and only if 4 + h <= total <= the reader's limit and the header is a JSON object in valid UTF-8. Anything else
// ends the connection: after a wrong length nothing that follows can be trusted.

/** What a client may send: the largest input, a create with its environment, and room. */
export const MAX_FRAME_TO_HOST_BYTES = 8 * 1024 * 1024;
/** What the host may send: a history page, or the list of 1,000 sessions with the longest commands allowed (64 KiB each). */
export const MAX_FRAME_TO_CLIENT_BYTES = 80 * 1024 * 1024;
/** Before hello nobody is known yet, and an announced length is memory. */
export const MAX_FRAME_BEFORE_HELLO_BYTES = 64 * 1024;

const LENGTH_BYTES = 4;
const PREFIX_BYTES = 2 * LENGTH_BYTES;

export type FrameErrorCode = 'FRAME_TOO_LARGE' | 'BAD_FRAME';

/** The stream cannot be read on. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
  readonly code: FrameErrorCode;

  constructor(code: FrameErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface Frame {
  readonly header: Readonly<Record<string, unknown>>;
  /** Belongs to the receiver; may share memory with other frames of the same read. */
  readonly body: Uint8Array;
}

const encoder = new TextEncoder();
const NOTHING = new Uint8Array(0);

/** The bytes of one frame in the order to write them. The body is not copied, so it must not be changed before it is written. */
export function encodeFrame(header: object, body: Uint8Array = NOTHING): readonly Uint8Array[] {
  const text = encoder.encode(JSON.stringify(header));
  const head = new Uint8Array(PREFIX_BYTES + text.length);
  const view = new DataView(head.buffer);
  view.setUint32(0, LENGTH_BYTES + text.length + body.length);
  view.setUint32(LENGTH_BYTES, text.length);
  head.set(text, PREFIX_BYTES);
  return body.length === 0 ? [head] : [head, body];
}

/**
 * Frames out of chunks: `push` what was read, then `next` until it gives undefined. A frame inside one chunk is not copied;
 * one that spans chunks is copied once, into memory of its announced length, so large frames cost no more per byte than small ones.
 * `next` throws FrameError and from then on always the same one.
 */
export class FrameDecoder {
  /** Longest frame accepted, counted after the length field. May be raised between frames. */
  maxFrameBytes: number;
  #chunks: Uint8Array[] = [];
  #first = 0;
  #at = 0;
  #bufferedBytes = 0;
  readonly #length = new Uint8Array(LENGTH_BYTES);
  #lengthFilled = 0;
  #frame: Uint8Array | undefined;
  #frameFilled = 0;
  #failed: FrameError | undefined;

  constructor(options: { readonly maxFrameBytes: number }) {
    this.maxFrameBytes = options.maxFrameBytes;
  }

  /** Bytes pushed and not yet returned in a frame. */
  get bufferedBytes(): number {
    return this.#bufferedBytes + this.#lengthFilled + this.#frameFilled;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0 || this.#failed) return;
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
  }

  next(): Frame | undefined {
    if (this.#failed) throw this.#failed;
    try {
      const bytes = this.#nextBytes();
      return bytes && parse(bytes);
    } catch (error) {
      this.#failed = error instanceof FrameError ? error : new FrameError('BAD_FRAME', 'the frame cannot be read', { cause: error });
      this.#chunks = [];
      this.#frame = undefined;
      throw this.#failed;
    }
  }

  /** Everything of one frame behind its length field. */
  #nextBytes(): Uint8Array | undefined {
    if (!this.#frame) {
      const total = this.#readLength();
      if (total === undefined) return undefined;
      if (total < LENGTH_BYTES) throw new FrameError('BAD_FRAME', `a frame of ${total} bytes has no room for its header's length`);
      if (total > this.maxFrameBytes) {
        throw new FrameError('FRAME_TOO_LARGE', `a frame of ${total} bytes; at most ${this.maxFrameBytes} are taken`);
      }
      const chunk = this.#chunks[this.#first];
      if (chunk && chunk.length - this.#at >= total) {
        const whole = chunk.subarray(this.#at, this.#at + total);
        this.#consume(total);
        this.#lengthFilled = 0;
        return whole;
      }
      this.#frame = new Uint8Array(total);
      this.#frameFilled = 0;
    }
    this.#frameFilled += this.#take(this.#frame, this.#frameFilled);
    if (this.#frameFilled < this.#frame.length) return undefined;
    const whole = this.#frame;
    this.#frame = undefined;
    this.#frameFilled = 0;
    this.#lengthFilled = 0;
    return whole;
  }

  #readLength(): number | undefined {
    this.#lengthFilled += this.#take(this.#length, this.#lengthFilled);
    if (this.#lengthFilled < LENGTH_BYTES) return undefined;
    return new DataView(this.#length.buffer).getUint32(0);
  }

  /** Fills `target` from `from` with what is there; says how many bytes that were. */
  #take(target: Uint8Array, from: number): number {
    let filled = from;
    while (filled < target.length) {
      const chunk = this.#chunks[this.#first];
      if (!chunk) break;
      const part = chunk.subarray(this.#at, this.#at + target.length - filled);
      target.set(part, filled);
      filled += part.length;
      this.#consume(part.length);
    }
    return filled - from;
  }

  #consume(bytes: number): void {
    this.#at += bytes;
    this.#bufferedBytes -= bytes;
    if (this.#at < (this.#chunks[this.#first]?.length ?? 0)) return;
    this.#at = 0;
    this.#first += 1;
    // Removing each chunk from the front of the array would make many small reads quadratic.
    if (this.#first === this.#chunks.length) {
      this.#chunks = [];
      this.#first = 0;
    }
  }
}

function parse(bytes: Uint8Array): Frame {
  const headerLength = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0);
  if (headerLength > bytes.length - LENGTH_BYTES) {
    throw new FrameError('BAD_FRAME', `a header of ${headerLength} bytes in a frame of ${bytes.length}`);
  }
  const text = bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + headerLength);
  const header: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  if (!isRecord(header)) throw new FrameError('BAD_FRAME', 'a header that is no JSON object');
  return { header, body: bytes.subarray(LENGTH_BYTES + headerLength) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
