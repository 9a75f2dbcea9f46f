// Owns reading committed history from the host, page by page. Never holds more than a page.
import { ApiError } from '@cotg/api';
import type { HostReply } from '@cotg/pty/client';
import type { HostLink } from './host-link.ts';
import { behind, entriesOf } from './entries.ts';
import type { DamagedHistoryError, StreamEntry, StreamPosition } from './entries.ts';

/** One page: large enough that the round trip to the host does not count, small enough to hold for many readers at once. */
const PAGE_BYTES = 256 * 1024;

/**
 * Entries from behind `from` up to `toOffset` (exclusive). Ends early only at the journal's end. Throws ApiError, or
 * DamagedHistoryError at the first range that cannot be read; with `onDamage` that is told instead, and reading goes on behind it.
 */
export async function* readHistory(
  host: Pick<HostLink, 'request'>,
  request: {
    sessionId: string;
    from: StreamPosition;
    toOffset: number;
    pageBytes?: number;
    onDamage?: (damage: DamagedHistoryError) => void;
  },
  signal: AbortSignal,
): AsyncGenerator<StreamEntry[], void> {
  let position = request.from;
  let cursor: string | null = null;
  while (!signal.aborted) {
    const { reply, body }: HostReply<'history'> = await host.request(
      'history',
      {
        sessionId: request.sessionId,
        fromOffset: position.offset,
        afterMark: position.mark,
        toOffset: request.toOffset,
        maxBytes: request.pageBytes ?? PAGE_BYTES,
        cursor,
      },
      { signal },
    );
    // Asked from inside a gap: nothing lies between, and its mark has been seen.
    const lostBytes = reply.fromOffset - position.offset;
    const gap: StreamEntry[] = lostBytes > 0 ? [{ kind: 'mark', entry: { kind: 'gap', ...position, at: 0, lostBytes } }] : [];
    for (const entry of gap) position = behind(position, entry);
    const entries = [...gap, ...entriesOf(reply, body, position, request.toOffset, request.onDamage)];
    for (const entry of entries) position = behind(position, entry);
    if (entries.length > 0) yield entries;
    if (reply.next === null) return;
    if (reply.next.offset < position.offset) throw new ApiError('INTERNAL', 'The host went back in the history.');
    position = { offset: reply.next.offset, mark: Math.max(position.mark, reply.next.mark) };
    cursor = reply.next.cursor;
  }
}
