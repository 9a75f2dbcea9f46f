// Owns the cut between two writes into the emulator: never inside a UTF-8 character. Pure.
//
// xterm.js 6.0.0 loses a character when a write ends behind its second byte and that byte is 0x80 (“ ” – — … and others);
// output is cut anywhere by the kernel, so this happens with real programs. May go when the emulator's decoder is mended.

const CONTINUATION_MASK = 0xc0;
const CONTINUATION = 0x80;
/** A UTF-8 character has at most four bytes, so an unfinished one has at most three. */
const MAX_HELD_BYTES = 3;

export class Utf8Feeder {
  #held: Uint8Array = new Uint8Array(0);

  /** What may be written now: held bytes and `bytes`, without the unfinished character at the end. */
  take(bytes: Uint8Array): Uint8Array {
    const joined = this.#held.length === 0 ? bytes : concat(this.#held, bytes);
    const end = joined.length - unfinishedLength(joined);
    this.#held = joined.slice(end);
    return end === joined.length ? joined : joined.subarray(0, end);
  }

  /** Forgets held bytes: the stream begins anew. */
  clear(): void {
    this.#held = new Uint8Array(0);
  }
}

/** Bytes at the end that begin a character without finishing it. */
function unfinishedLength(bytes: Uint8Array): number {
  const reach = Math.min(MAX_HELD_BYTES, bytes.length);
  for (let back = 1; back <= reach; back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & CONTINUATION_MASK) === CONTINUATION) continue;
    return characterLength(byte) > back ? back : 0;
  }
  return 0;
}

/** Length that a first byte announces; 1 for what cannot begin a longer character. */
function characterLength(first: number): number {
  if (first >= 0xf0 && first <= 0xf4) return 4;
  if (first >= 0xe0 && first < 0xf0) return 3;
  if (first >= 0xc2 && first < 0xe0) return 2;
  return 1;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
