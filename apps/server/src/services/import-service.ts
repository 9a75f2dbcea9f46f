// Owns bringing in the sessions of the older tool: each becomes an ended session with its history, named and pinned so that no sweep takes it.
// Must not know how the older database looks (@cotg/db/legacy) nor how the host stores. Idempotent: a session's id follows from its old one, and
// one that is there already is counted and left alone.
import { createHash } from 'node:crypto';
import { ApiError } from '@cotg/api';
import type { ImportCounts } from '@cotg/api';
import { readLegacySessions } from '@cotg/db/legacy';
import type { LegacySession } from '@cotg/db/legacy';
import { messageOf } from '../errors.ts';
import type { HostLink } from './host-link.ts';

/** Of a history in one request (bytes): a quarter of what a frame to the host may hold. */
const PIECE_BYTES = 2 * 1024 * 1024;
/** Reasons that are named one by one; all are counted. */
const MAX_NAMED = 100;

export interface ImportServiceOptions {
  readonly host: Pick<HostLink, 'request'>;
  readonly maxHistoryBytes: number;
  /** Names and pins, as a person would. */
  readonly keep: (sessionId: string, name: string) => Promise<void>;
}

export class ImportService {
  readonly #options: ImportServiceOptions;

  constructor(options: ImportServiceOptions) {
    this.#options = options;
  }

  /** Throws ApiError BAD_INPUT for a file that is no such database, HOST_UNREACHABLE. */
  async importLegacy(path: string): Promise<ImportCounts> {
    const counts = { imported: 0, present: 0, refused: [] as { id: string; reason: string }[], refusedCount: 0, bytes: 0 };
    const refuse = (id: string, reason: string): void => {
      counts.refusedCount += 1;
      if (counts.refused.length < MAX_NAMED) counts.refused.push({ id: id.slice(0, MAX_NAMED), reason });
    };
    try {
      for await (const row of readLegacySessions(path)) {
        if (row.kind === 'refused') refuse(row.legacyId, row.reason);
        else if (await this.#bring(row.session)) {
          counts.imported += 1;
          counts.bytes += row.session.history.length;
        } else counts.present += 1;
      }
    } catch (error) {
      if (error instanceof ApiError) throw error;
      throw new ApiError('BAD_INPUT', messageOf(error), { cause: error });
    }
    return counts;
  }

  /** False when it is there already. */
  async #bring(session: LegacySession): Promise<boolean> {
    const { host, maxHistoryBytes, keep } = this.#options;
    const sessionId = idOf(session);
    const { reply } = await host.request('list', {});
    const present = reply.sessions.find(({ id }) => id === sessionId);
    if (present && present.state !== 'starting' && present.state !== 'lost') return false;
    // Broken off in the middle: from the start again.
    if (present?.state === 'lost') await host.request('remove', { sessionId });
    const { history, cols, rows, createdAt, lastActivityAt } = session;
    const limit = Math.max(session.maxHistoryBytes ?? maxHistoryBytes, history.length);
    for (let from = present?.state === 'starting' ? present.endOffset : 0; ; from += PIECE_BYTES) {
      const isLast = from + PIECE_BYTES >= history.length;
      await host.request(
        'import',
        { sessionId, from, isLast, cols, rows, createdAt, endedAt: lastActivityAt, maxHistoryBytes: limit },
        { body: history.subarray(from, from + PIECE_BYTES) },
      );
      if (isLast) break;
    }
    await keep(sessionId, `imported: ${session.legacyId}`);
    return true;
  }
}

/** A UUID (version 8, RFC 9562) that follows from what the older tool knew of it. */
function idOf({ legacyId, createdAt }: LegacySession): string {
  const hash = createHash('sha256').update(`cotg legacy session ${legacyId} ${createdAt}`).digest();
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x80;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  const hex = hash.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}
