// Owns what was typed as the queue handles it: one input in parts that can be sent, what became of each, and the word about the whole.
import { MIN_WINDOW_BYTES } from './input-window.ts';
import { PASTE_END, PASTE_START, splitText, utf8Length } from './paste.ts';

/** A part is no larger than the smallest window (bytes). */
const PART_BYTES = MIN_WINDOW_BYTES;

export type InputContent = { readonly data: string } | { readonly base64: string };

/** What became of one input. `partly`: its beginning was typed. `unknown`: the connection, or the computer's side, broke at it. */
export type InputFate = 'typed' | 'not-typed' | 'partly' | 'unknown';
export type OnFate = (fate: InputFate) => void;

type PartFate = 'typed' | 'not-typed' | 'unknown';

export interface Part {
  readonly content: InputContent;
  readonly bytes: number;
  /** Characters, for people. */
  readonly length: number;
  readonly typedAt: number;
  /** Behind it the program is inside a bracketed paste. */
  readonly leavesPasteOpen: boolean;
  settle(fate: PartFate): void;
}

/** Whoever typed it learns its fate once, when all its parts are settled. */
class Source {
  readonly #onFate: OnFate | undefined;
  readonly #counts: Record<PartFate, number> = { typed: 0, 'not-typed': 0, unknown: 0 };
  #left: number;

  constructor(parts: number, onFate: OnFate | undefined) {
    this.#left = parts;
    this.#onFate = onFate;
  }

  settle(fate: PartFate): void {
    this.#counts[fate] += 1;
    this.#left -= 1;
    if (this.#left === 0) this.#onFate?.(this.#fate());
  }

  #fate(): InputFate {
    const { typed, unknown } = this.#counts;
    if (unknown > 0) return 'unknown';
    if (this.#counts['not-typed'] === 0) return 'typed';
    return typed > 0 ? 'partly' : 'not-typed';
  }
}

/** None for empty text. */
export function partsOfText(text: string, typedAt: number, onFate?: OnFate): readonly Part[] {
  const isPaste = text.startsWith(PASTE_START) && text.endsWith(PASTE_END);
  // The end marker is never cut in two: it goes with the last part, or by itself when the rest is given up.
  const pieces = splitText(isPaste ? text.slice(0, -PASTE_END.length) : text, PART_BYTES).map((piece, index, { length }) =>
    isPaste && index === length - 1 ? piece + PASTE_END : piece,
  );
  const source = new Source(pieces.length, onFate);
  if (pieces.length === 0) onFate?.('typed');
  return pieces.map((piece, index) => ({
    content: { data: piece },
    bytes: utf8Length(piece),
    length: piece.length,
    typedAt,
    leavesPasteOpen: isPaste && index < pieces.length - 1,
    settle: (fate) => source.settle(fate),
  }));
}

/** Bytes that are no text, as base64. At most one part. */
export function partsOfBytes(base64: string, typedAt: number, onFate?: OnFate): readonly Part[] {
  const source = new Source(1, onFate);
  const bytes = base64.length;
  return [{ content: { base64 }, bytes, length: bytes, typedAt, leavesPasteOpen: false, settle: (fate) => source.settle(fate) }];
}

/** Ends a paste whose rest was given up: without it the program takes all that follows for pasted. */
export const pasteEndPart = (typedAt: number): Part => ({ ...(partsOfText(PASTE_END, typedAt)[0] as Part), length: 0 });
