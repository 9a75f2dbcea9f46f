// Owns the one question asked of every piece of output: does it begin where the last one ended? Pure.
//
// Invariant: what is let through is each byte of the stream once, in order. A screen is never built on a hole.

export type Judgement =
  /** Show these bytes; `repeated` of them, at the front, were here already and are cut off. */
  | { readonly kind: 'show'; readonly bytes: Uint8Array; readonly endOffset: number; readonly repeated: number }
  /** Bytes are missing before these: the screen must be built anew. */
  | { readonly kind: 'hole'; readonly expected: number; readonly offset: number };

export class ContiguityGuard {
  #expected: number | undefined;

  /** One past the last byte let through; undefined before the first. */
  get expected(): number | undefined {
    return this.#expected;
  }

  /** A snapshot stands at `offset`: output goes on from there. */
  startAt(offset: number): void {
    this.#expected = offset;
  }

  /** Nothing is known: the next output or snapshot says where it begins. */
  forget(): void {
    this.#expected = undefined;
  }

  judge(offset: number, bytes: Uint8Array): Judgement {
    const expected = this.#expected ?? offset;
    if (offset > expected) return { kind: 'hole', expected, offset };
    const repeated = Math.min(expected - offset, bytes.length);
    const endOffset = Math.max(expected, offset + bytes.length);
    this.#expected = endOffset;
    return { kind: 'show', bytes: repeated === 0 ? bytes : bytes.subarray(repeated), endOffset, repeated };
  }

  /** Whether a mark (resize, seam, exit) at `offset` can be applied now; false: output before it is missing. */
  reaches(offset: number): boolean {
    return this.#expected === undefined || offset <= this.#expected;
  }
}
