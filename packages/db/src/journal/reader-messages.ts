// Owns what the main thread and the reader worker say to each other: one request at a time, one reply to each.
import type { StorageErrorCode } from '../errors.ts';
import type { ReaderQueries } from './reader-queries.ts';
import type { HistoryPage } from './types.ts';

export interface ReaderWorkerData {
  /** The journal's file. */
  readonly path: string;
  readonly queries: ReaderQueries;
}

export type ReaderReply =
  | { readonly kind: 'page'; readonly page: HistoryPage }
  | { readonly kind: 'error'; readonly code: StorageErrorCode; readonly message: string };
