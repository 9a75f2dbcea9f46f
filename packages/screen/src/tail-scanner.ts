// Owns the bytes at the end of a stream that have been fed and have not taken effect: those of an unfinished escape sequence, and those of
// an unfinished character. A state without them cannot be gone on from. It follows the emulator's parser state by state and never asks it.
//
// Invariant: whatever the chunks, `state` is what the parser of an emulator fed with the same bytes through a Utf8Feeder is in.
import { CLASSES, GROUND, KEEP, makeStepTable, NOT_ASCII, START, STATE_MASK } from './parser-states.ts';
import { MAX_TAIL_BYTES } from './state.ts';
import type { Tail } from './state.ts';
import { Utf8Feeder } from './utf8-feeder.ts';

const ESC = 0x1b;
/** First byte of the C1 controls in UTF-8: U+0080 to U+009F are C2 80 to C2 9F. */
const C1_LEAD = 0xc2;
const STEPS = makeStepTable();
const FIRST_SIZE_BYTES = 64;
/** Of a sequence over the limit only what changes the parser's state is kept, so that a replay ends in the same one: a few bytes. */
const RESERVED_BYTES = 16;

export class TailScanner {
  readonly #feeder = new Utf8Feeder();
  #state = GROUND;
  #kept = new Uint8Array(FIRST_SIZE_BYTES);
  #length = 0;

  /** More of the stream, cut anywhere. */
  push(bytes: Uint8Array): void {
    for (const piece of this.#feeder.take(bytes)) this.#scan(piece);
  }

  /** A copy; at most MAX_TAIL_BYTES and 3. */
  tail(): Tail {
    return { sequence: this.#kept.slice(0, this.#length), character: this.#feeder.held.slice() };
  }

  /** Of the parser, numbered as in xterm.js; 0 between sequences. */
  get state(): number {
    return this.#state;
  }

  /** The stream begins anew, behind this tail of a restored state. */
  reset(tail?: Tail): void {
    this.#feeder.reset();
    this.#state = GROUND;
    this.#length = 0;
    if (!tail) return;
    this.push(tail.sequence);
    this.push(tail.character);
  }

  /** Whole characters, but for what the decoder skips. A byte is looked at once, and copied only if it is part of the tail. */
  #scan(bytes: Uint8Array): void {
    const { length } = bytes;
    const before = this.#state;
    let state = before;
    /** Where the last sequence of these bytes begins; -1: it began before them. */
    let start = -1;
    let at = 0;
    while (at < length) {
      const byte = bytes[at] as number;
      if (state === GROUND && byte !== ESC && byte !== C1_LEAD) {
        at += 1;
        continue;
      }
      const size = byte < 0x80 ? 1 : characterSize(bytes, at, byte);
      if (size > 0) {
        const step = STEPS[state * CLASSES + (byte < 0x80 ? byte : classOf(bytes, at, byte))] as number;
        if ((step & START) !== 0) start = at;
        state = step & STATE_MASK;
      }
      // What is not UTF-8 the emulator's decoder skips, and so does a replay.
      at += size === 0 ? 1 : size;
    }
    this.#state = state;
    if (state === GROUND || start !== -1) this.#length = 0;
    if (state !== GROUND) this.#keepFrom(bytes, Math.max(0, start), start === -1 ? before : GROUND);
  }

  /** These bytes from `from` on, where the parser was in `state`: what of them a replay needs. They end inside a sequence. */
  #keepFrom(bytes: Uint8Array, from: number, state: number): void {
    let now = state;
    for (let at = from; at < bytes.length;) {
      const byte = bytes[at] as number;
      const size = characterSize(bytes, at, byte);
      if (size > 0) {
        const step = STEPS[now * CLASSES + classOf(bytes, at, byte)] as number;
        const next = step & STATE_MASK;
        // Over the limit only what the state needs.
        const hasRoom = this.#length + size <= MAX_TAIL_BYTES - RESERVED_BYTES || next !== now;
        if ((step & (START | KEEP)) !== 0 && hasRoom) this.#keep(bytes, at, size);
        now = next;
      }
      at += size === 0 ? 1 : size;
    }
  }

  #keep(bytes: Uint8Array, at: number, size: number): void {
    if (this.#length + size > this.#kept.length) {
      const grown = new Uint8Array(this.#kept.length * 2);
      grown.set(this.#kept);
      this.#kept = grown;
    }
    for (let offset = 0; offset < size; offset += 1) this.#kept[this.#length++] = bytes[at + offset] as number;
  }
}

function classOf(bytes: Uint8Array, at: number, first: number): number {
  if (first < 0x80) return first;
  if (first !== C1_LEAD) return NOT_ASCII;
  const second = bytes[at + 1] ?? 0;
  return second < NOT_ASCII ? second : NOT_ASCII;
}

/** Bytes of the character that begins here; 0 when the emulator's decoder makes none of it. */
function characterSize(bytes: Uint8Array, at: number, first: number): number {
  if (first < 0x80) return 1;
  const size = first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0;
  let codePoint = first & (0xff >> (size + 1));
  for (let offset = 1; offset < size; offset += 1) {
    const byte = bytes[at + offset] ?? 0;
    if ((byte & 0xc0) !== 0x80) return 0;
    codePoint = (codePoint << 6) | (byte & 0x3f);
  }
  if (size === 2) return codePoint >= 0x80 ? size : 0;
  // A byte order mark is skipped like what is too long, too large or half a surrogate pair.
  if (size === 3) return codePoint >= 0x800 && !(codePoint >= 0xd800 && codePoint <= 0xdfff) && codePoint !== 0xfeff ? size : 0;
  return codePoint >= 0x1_0000 && codePoint <= 0x10_ffff ? size : 0;
}
