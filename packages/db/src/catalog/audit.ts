// Owns the record of who did what: pairings, revocations, starts and ends of sessions. Never what was typed or printed.
import type { Kysely } from 'kysely';
import type { CatalogSchema } from './schema.ts';

export interface AuditEntry {
  readonly id: number;
  readonly at: number;
  /** "owner", "device:<id>", "host", ... */
  readonly actor: string;
  /** "device.revoke", "session.create", ... */
  readonly action: string;
  readonly sessionId: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface NewAuditEntry {
  readonly at: number;
  readonly actor: string;
  readonly action: string;
  readonly sessionId?: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

export type AuditLog = ReturnType<typeof makeAudit>;

/** Entries kept: years of ordinary use, about 10 MB. Older ones go. */
const KEPT_ENTRIES = 50_000;
/** Most entries given at once. */
const MAX_LISTED = 500;

export function makeAudit(db: Kysely<CatalogSchema>) {
  return {
    async append(entry: NewAuditEntry): Promise<void> {
      const { id } = await db
        .insertInto('audit')
        .values({
          at: entry.at,
          actor: entry.actor,
          action: entry.action,
          session_id: entry.sessionId ?? null,
          detail: JSON.stringify(entry.detail ?? {}),
        })
        .returning('id')
        .executeTakeFirstOrThrow();
      // Ids have no holes but at the old end, so this is at most one row.
      await db
        .deleteFrom('audit')
        .where('id', '<=', id - KEPT_ENTRIES)
        .execute();
    },

    /** Newest first; `beforeId` to go on. At most 500. */
    async list(options: { readonly limit?: number; readonly beforeId?: number } = {}): Promise<AuditEntry[]> {
      const { limit = 100, beforeId = Number.MAX_SAFE_INTEGER } = options;
      const rows = await db
        .selectFrom('audit')
        .selectAll()
        .where('id', '<', beforeId)
        .orderBy('id', 'desc')
        .limit(Math.min(limit, MAX_LISTED))
        .execute();
      return rows.map((row) => ({
        id: row.id,
        at: row.at,
        actor: row.actor,
        action: row.action,
        sessionId: row.session_id,
        // Written by append and by nothing else.
        detail: JSON.parse(row.detail) as Record<string, unknown>,
      }));
    },
  };
}
