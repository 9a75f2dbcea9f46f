// Owns writing and reading numbers, texts and byte strings in one growing or given array. Must not know what they mean.
//
// varint: unsigned, 7 bits a byte, lowest first, the high bit set in all but the last (LEB128); at most 5 bytes, below 2^32.
// Invariant: a reader never reads or allocates beyond what it was given.
import { ScreenError } from './errors.ts';

const MAX_VARINT = 0xffff_ffff;
const FIRST_SIZE_BYTES = 4096;

export class ByteWriter {
  #bytes = new Uint8Array(FIRST_SIZE_BYTES);
  #length = 0;
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  varint(value: number): void {
    this.#reserve(5);
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** Length, then the bytes. */
  block(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.append(bytes);
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  text(value: string): void {
    this.block(new TextEncoder().encode(value));
  }

  /** A copy of just what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** A view, for appending to another writer. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(sizeBytes: number): void {
    const needed = this.#length + sizeBytes;
    if (needed > this.#maxBytes) {
      throw new ScreenError('SCREEN_TOO_LARGE', `a state over ${this.#maxBytes} bytes`, { hint: 'Dump it with less scrollback.' });
    }
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (value > MAX_VARINT) throw corrupt('a number over 32 bits');
      if (byte < 0x80) return value;
      // The sixth byte would count for at least 2^35: also a number that grows by zeros must end.
      if (scale > MAX_VARINT) throw corrupt('a number of too many bytes');
    }
  }

  /** A varint of at most `max`. */
  upTo(max: number, what: string): number {
    const value = this.varint();
    if (value > max) throw corrupt(`${what}: ${value} is over ${max}`);
    return value;
  }

  /** A number of things of which each takes at least one byte: no more than there are bytes. */
  count(max: number, what: string): number {
    return this.upTo(Math.min(max, this.remaining), what);
  }

  byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw corrupt('it ends too early');
    this.#at += 1;
    return byte;
  }

  /** A view. */
  block(maxBytes: number, what: string): Uint8Array {
    const length = this.count(maxBytes, what);
    const start = this.#at;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  /** `maxChars`: UTF-16 units; each takes 1 to 3 bytes. */
  text(maxChars: number, what: string): string {
    const bytes = this.block(maxChars * 3, what);
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (error) {
      throw corrupt(`${what} is no UTF-8`, error);
    }
    if (text.length > maxChars) throw corrupt(`${what}: ${text.length} characters are over ${maxChars}`);
    return text;
  }
}

export function corrupt(message: string, cause?: unknown): ScreenError {
  return new ScreenError('SCREEN_CORRUPT', `the state is damaged: ${message}`, { hint: 'Rebuild it from the journal.', cause });
}
