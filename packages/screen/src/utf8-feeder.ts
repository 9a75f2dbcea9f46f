// Owns the cut between two writes into an emulator: never inside a UTF-8 character. Pure.
//
// xterm.js 6.0.0 loses a character that is split behind its second byte when that byte is 0x80 (“ ” – — … and a thousand others). Output is
// cut anywhere by the kernel, so this happens with real programs; and xterm.js itself cuts what is longer than its parse buffer. May go when
// Utf8ToUtf32 of xterm.js is mended.

/** InputHandler of xterm.js 6.0.0 parses this many bytes at a time (MAX_PARSEBUFFER_LENGTH) and cuts longer writes there, inside characters too. */
const MAX_WRITE_BYTES = 131_072;
/** A UTF-8 character has at most four bytes, so an unfinished one has at most three. */
const MAX_HELD_BYTES = 3;
const NOTHING = new Uint8Array(0);

export class Utf8Feeder {
  #held: Uint8Array = NOTHING;

  /**
   * What may be written now, in this order: the bytes held back before and `bytes`, without an unfinished character at the end. One piece
   * unless `bytes` is longer than 128 KiB; none when all is held back. Pieces are views of `bytes` where nothing was held.
   */
  take(bytes: Uint8Array): readonly Uint8Array[] {
    if (bytes.length === 0) return [];
    const joined = this.#held.length === 0 ? bytes : concat(this.#held, bytes);
    const end = joined.length - unfinishedLength(joined, joined.length);
    this.#held = end === joined.length ? NOTHING : joined.slice(end);
    const pieces: Uint8Array[] = [];
    for (let start = 0; start < end;) {
      let stop = Math.min(end, start + MAX_WRITE_BYTES);
      if (stop < end) stop -= unfinishedLength(joined, stop);
      pieces.push(start === 0 && stop === joined.length ? joined : joined.subarray(start, stop));
      start = stop;
    }
    return pieces;
  }

  /** First bytes of a character whose rest has not come: 0 to 3. */
  get held(): Uint8Array {
    return this.#held;
  }

  /** The stream begins anew, behind these first bytes of a character (of a restored state's tail). */
  reset(held: Uint8Array = NOTHING): void {
    this.#held = held.slice(0, MAX_HELD_BYTES);
  }
}

/** How many of the bytes before `end` begin a character without finishing it. */
function unfinishedLength(bytes: Uint8Array, end: number): number {
  const reach = Math.min(MAX_HELD_BYTES, end);
  for (let back = 1; back <= reach; back += 1) {
    const byte = bytes[end - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    return characterLength(byte) > back ? back : 0;
  }
  return 0;
}

/** Length that a first byte announces to the decoder of xterm.js, which learns only later that a character is none; 1 for what it skips. */
function characterLength(first: number): number {
  if (first >= 0xf0 && first < 0xf8) return 4;
  if (first >= 0xe0 && first < 0xf0) return 3;
  if (first >= 0xc0 && first < 0xe0) return 2;
  return 1;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
