// Owns what the main thread and the compaction workers say to each other: one request at a time, one reply to each.
import type { Segment } from './segment-codec.ts';

export interface CompactionWorkerData {
  /** The journal's file. */
  readonly path: string;
  /** Run only when nobody else wants the processor. */
  readonly nice: boolean;
}

export type CompactionRequest =
  | { readonly kind: 'roll' }
  /** `without`: first pieces of blocks that cannot be sealed. */
  | { readonly kind: 'seal'; readonly without: readonly number[] };

export interface Piece extends Segment {
  readonly session: number;
}

/** The beginning of the tail, as pieces. */
export interface RolledTail {
  readonly kind: 'rolled';
  /** All rows up to here are in the pieces. */
  readonly lastRow: number;
  readonly rows: number;
  readonly pieces: readonly Piece[];
}

export interface SealedBlock {
  readonly kind: 'sealed';
  /** The pieces that it replaces, and what they take. */
  readonly ids: readonly number[];
  readonly storedBytes: number;
  readonly sealed: Piece;
}

export type CompactionReply =
  | RolledTail
  | SealedBlock
  /** Nothing to do. */
  | { readonly kind: 'nothing' }
  | {
      readonly kind: 'damaged';
      readonly firstId: number;
      readonly session: number;
      readonly from: number;
      readonly to: number;
      readonly message: string;
    }
  | { readonly kind: 'failed'; readonly message: string };
