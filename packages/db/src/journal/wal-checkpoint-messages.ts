// Owns what the main thread and the checkpoint worker say to each other: one request at a time, one reply to each.

export interface CheckpointWorkerData {
  /** The journal's file. */
  readonly path: string;
}

export interface CheckpointRequest {
  /** passive: copy what can be copied, waiting for nobody. truncate: the same, then cut the log to nothing. */
  readonly mode: 'passive' | 'truncate';
}

export type CheckpointReply =
  /** `whole`: every frame is in the database file, and for truncate the log is empty. */
  { readonly kind: 'done'; readonly whole: boolean } | { readonly kind: 'failed'; readonly code: string; readonly message: string };
