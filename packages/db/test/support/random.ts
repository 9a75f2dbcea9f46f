// A small seeded generator, so that a failing run can be run again.

export interface Random {
  readonly seed: number;
  /** In [0, 1). */
  next(): number;
  /** Whole number in [from, to]. */
  int(from: number, to: number): number;
  bytes(length: number): Uint8Array;
  pick<T>(choices: readonly T[]): T;
}

export function makeRandom(seed: number): Random {
  // xorshift with the shifts 13, 17, 5; 0 is the one state it never leaves.
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  const int = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  return {
    seed,
    next,
    int,
    bytes: (length) => Uint8Array.from({ length }, () => int(0, 255)),
    pick: (choices) => {
      const choice = choices[int(0, choices.length - 1)];
      if (choice === undefined) throw new Error('nothing to pick from');
      return choice;
    },
  };
}
