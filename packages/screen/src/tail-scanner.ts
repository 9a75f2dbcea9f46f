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

  /** Whole characters, but for what the decoder skips. */
  #scan(bytes: Uint8Array): void {
    let state = this.#state;
    let at = 0;
    while (at < bytes.length) {
      if (state === GROUND) {
        at = nextStart(bytes, at);
        if (at === bytes.length) break;
      }
      const first = bytes[at] ?? 0;
      const size = first < 0x80 ? 1 : characterSize(bytes, at, first);
      if (size === 0) {
        // Not UTF-8: the emulator's decoder skips it, and so does a replay.
        at += 1;
        continue;
      }
      const step = STEPS[state * CLASSES + classOf(bytes, at, first)] ?? GROUND;
      const next = step & STATE_MASK;
      if ((step & START) !== 0 || next === GROUND) this.#length = 0;
      if ((step & (START | KEEP)) !== 0 && (next !== state || this.#length + size <= MAX_TAIL_BYTES - RESERVED_BYTES))
        this.#keep(bytes, at, size);
      state = next;
      at += size;
    }
    this.#state = state;
  }

  #keep(bytes: Uint8Array, at: number, size: number): void {
    if (this.#length + size > this.#kept.length) {
      const grown = new Uint8Array(this.#kept.length * 2);
      grown.set(this.#kept);
      this.#kept = grown;
    }
    for (let offset = 0; offset < size; offset += 1) this.#kept[this.#length++] = bytes[at + offset] ?? 0;
  }
}

/** Where a sequence can begin next, or the end. Text between sequences is most of a stream. */
function nextStart(bytes: Uint8Array, from: number): number {
  let at = from;
  for (; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === ESC || byte === C1_LEAD) break;
  }
  return at;
}

function classOf(bytes: Uint8Array, at: number, first: number): number {
  if (first < 0x80) return first;
  if (first !== C1_LEAD) return NOT_ASCII;
  const second = bytes[at + 1] ?? 0;
  return second < NOT_ASCII ? second : NOT_ASCII;
}

/** Bytes of the character that begins here; 0 when the emulator's decoder makes none of it. */
function characterSize(bytes: Uint8Array, at: number, first: number): number {
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
