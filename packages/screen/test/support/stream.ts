// Owns what a stream of output is to the tests.

export interface Resize {
  readonly offset: number;
  readonly cols: number;
  readonly rows: number;
}

export interface Stream {
  readonly name: string;
  readonly cols: number;
  readonly rows: number;
  readonly bytes: Uint8Array;
  /** Ascending by offset. */
  readonly resizes: readonly Resize[];
}
