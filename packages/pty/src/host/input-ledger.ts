// Owns which inputs of which viewer were applied to one session, so that a resend after a cut is not typed twice.
// Must not know the terminal. Invariant: per viewer the numbers recorded are 1, 2, 3, … without a hole.

export type InputVerdict =
  | { readonly kind: 'next' }
  /** Applied before: answer it, do not type it again. */
  | { readonly kind: 'duplicate'; readonly lastInput: number }
  /** Something before it is missing; typing it would change the order. */
  | { readonly kind: 'gap'; readonly lastInput: number };

export class InputLedger {
  /** In order of last use, so that the first is the one to forget. */
  readonly #lastInputs = new Map<string, number>();
  readonly #maxViewers: number;

  constructor(options: { readonly maxViewers: number }) {
    this.#maxViewers = options.maxViewers;
  }

  /** The highest number applied for this viewer, 0 when none is remembered. */
  lastInput(viewerId: string): number {
    return this.#lastInputs.get(viewerId) ?? 0;
  }

  judge(viewerId: string, n: number): InputVerdict {
    const lastInput = this.lastInput(viewerId);
    if (n === lastInput + 1) return { kind: 'next' };
    return { kind: n <= lastInput ? 'duplicate' : 'gap', lastInput };
  }

  /** Call after the input was accepted for typing, never before: a refused input may be sent again under its number. */
  record(viewerId: string, n: number): void {
    this.#lastInputs.delete(viewerId);
    this.#lastInputs.set(viewerId, n);
    if (this.#lastInputs.size <= this.#maxViewers) return;
    // Bounded: each page load is a new viewer, and a session may live for weeks. The one that typed least recently goes.
    const [oldest] = this.#lastInputs.keys();
    if (oldest !== undefined) this.#lastInputs.delete(oldest);
  }
}
