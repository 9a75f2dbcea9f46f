// Owns the stored counts of wrong attempts to get in. What counts as one, and how many are too many, is the server's.
import type { Kysely } from 'kysely';
import type { CatalogSchema } from './schema.ts';

export interface LoginAttempts {
  /** Whose, over which time. */
  readonly key: string;
  readonly count: number;
  /** Epoch milliseconds: then it is forgotten. */
  readonly expiresAt: number;
}

export type LoginAttemptStore = ReturnType<typeof makeLoginAttempts>;

export function makeLoginAttempts(db: Kysely<CatalogSchema>) {
  return {
    /** Those that still count; the others are forgotten. */
    async load(now: number): Promise<LoginAttempts[]> {
      await db.deleteFrom('login_attempt').where('expires_at', '<=', now).execute();
      const rows = await db.selectFrom('login_attempt').selectAll().execute();
      return rows.map((row) => ({ key: row.key, count: row.count, expiresAt: row.expires_at }));
    },

    /** What has expired goes on the way: the table is as small as what counts. */
    async put(attempts: readonly LoginAttempts[], now: number): Promise<void> {
      await db.transaction().execute(async (transaction) => {
        await transaction.deleteFrom('login_attempt').where('expires_at', '<=', now).execute();
        for (const { key, count, expiresAt } of attempts) {
          await transaction
            .insertInto('login_attempt')
            .values({ key, count, expires_at: expiresAt })
            .onConflict((conflict) => conflict.column('key').doUpdateSet({ count, expires_at: expiresAt }))
            .execute();
        }
      });
    },
  };
}
