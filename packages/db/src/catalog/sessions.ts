// Owns what people add to sessions: names, pins, the profile; and when an ended one was first seen.
import type { Kysely, Selectable } from 'kysely';
import type { CatalogSchema, SessionTable } from './schema.ts';

export interface CatalogSession {
  readonly sessionId: string;
  readonly name: string | null;
  readonly pinned: boolean;
  readonly profile: string | null;
  readonly createdAt: number;
  readonly endSeenAt: number | null;
}

export interface NewCatalogSession {
  readonly sessionId: string;
  readonly name: string | null;
  readonly profile: string | null;
  readonly createdAt: number;
}

export type CatalogSessions = ReturnType<typeof makeSessions>;

export function makeSessions(db: Kysely<CatalogSchema>, now: () => number) {
  /** A session the catalog has not met (made by another client of the host) gets its row with its first fact. */
  async function put(sessionId: string, change: Partial<Pick<SessionTable, 'name' | 'pinned' | 'profile'>>): Promise<void> {
    await db
      .insertInto('session')
      .values({ session_id: sessionId, name: null, pinned: 0, profile: null, created_at: now(), end_seen_at: null, ...change })
      .onConflict((conflict) => conflict.column('session_id').doUpdateSet(change))
      .execute();
  }

  return {
    /** Fails when the session has a row already. */
    async insert(session: NewCatalogSession): Promise<void> {
      const { sessionId, name, profile, createdAt } = session;
      await db
        .insertInto('session')
        .values({ session_id: sessionId, name, pinned: 0, profile, created_at: createdAt, end_seen_at: null })
        .execute();
    },

    async get(sessionId: string): Promise<CatalogSession | undefined> {
      const row = await db.selectFrom('session').selectAll().where('session_id', '=', sessionId).executeTakeFirst();
      return row === undefined ? undefined : toSession(row);
    },

    /** Oldest first. */
    async list(): Promise<CatalogSession[]> {
      const rows = await db.selectFrom('session').selectAll().orderBy('created_at').orderBy('session_id').execute();
      return rows.map(toSession);
    },

    async setName(sessionId: string, name: string | null): Promise<void> {
      await put(sessionId, { name });
    },

    async setProfile(sessionId: string, profile: string): Promise<void> {
      await put(sessionId, { profile });
    },

    async setPinned(sessionId: string, pinned: boolean): Promise<void> {
      await put(sessionId, { pinned: pinned ? 1 : 0 });
    },

    /** The first time counts: later calls change nothing. */
    async noteEndSeen(sessionId: string, at: number): Promise<void> {
      await db
        .insertInto('session')
        .values({ session_id: sessionId, name: null, pinned: 0, profile: null, created_at: now(), end_seen_at: at })
        .onConflict((conflict) => conflict.column('session_id').doUpdateSet({ end_seen_at: at }).where('session.end_seen_at', 'is', null))
        .execute();
    },

    /** It runs again: its grace counts anew when it ends. */
    async clearEndSeen(sessionId: string): Promise<void> {
      await db.updateTable('session').set({ end_seen_at: null }).where('session_id', '=', sessionId).execute();
    },

    async remove(sessionId: string): Promise<void> {
      await db.deleteFrom('session').where('session_id', '=', sessionId).execute();
    },
  };
}

function toSession(row: Selectable<SessionTable>): CatalogSession {
  return {
    sessionId: row.session_id,
    name: row.name,
    pinned: row.pinned === 1,
    profile: row.profile,
    createdAt: row.created_at,
    endSeenAt: row.end_seen_at,
  };
}
