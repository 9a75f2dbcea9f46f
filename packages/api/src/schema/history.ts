// Owns the shape of one bounded page of a session's history.
import { z } from 'zod';
import { offset, sessionId } from './ids.ts';

/** Output that one page stands for: read and drawn within a few tens of milliseconds. Whole histories are exported over REST, streamed. */
export const MAX_HISTORY_PAGE_BYTES = 64 * 1024;

export const historyRequest = z
  .object({
    sessionId,
    from: offset.optional().describe('First byte; default: the first one kept.'),
    to: offset.optional().describe(`One past the last byte; at most ${MAX_HISTORY_PAGE_BYTES} behind \`from\` are given.`),
    format: z.enum(['raw', 'text', 'ansi', 'html']).default('text').describe('raw: base64.'),
  })
  .strict();
export type HistoryRequest = z.output<typeof historyRequest>;

export const historyPage = z.object({
  firstOffset: offset.describe('First byte of output still kept.'),
  endOffset: offset.describe('One past the last stored byte.'),
  from: offset.describe('First byte of this page: behind what was asked for where that is no longer kept.'),
  to: offset.describe('One past its last byte: the next page begins here.'),
  content: z.string().describe('The page; base64 of the bytes for raw.'),
});
export type HistoryPage = z.infer<typeof historyPage>;
