// The first layout of catalog.db; schema.ts says what it means.
import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** "COTC": marks a file as a catalog of ours. */
export const CATALOG_APPLICATION_ID = 0x434f5443;

export const layout: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql.raw(`pragma application_id = ${CATALOG_APPLICATION_ID}`).execute(db);

    await db.schema
      .createTable('session')
      .addColumn('session_id', 'text', (c) => c.primaryKey())
      .addColumn('name', 'text')
      .addColumn('pinned', 'integer', (c) => c.notNull().check(sql`pinned in (0, 1)`))
      .addColumn('profile', 'text')
      .addColumn('created_at', 'integer', (c) => c.notNull())
      .addColumn('end_seen_at', 'integer')
      .modifyEnd(sql`strict, without rowid`)
      .execute();

    await db.schema
      .createTable('device')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('name', 'text', (c) => c.notNull())
      // A raw token by mistake would be refused here.
      .addColumn('token_hash', 'text', (c) =>
        c
          .notNull()
          .unique()
          .check(sql`length(token_hash) = 64 and token_hash not glob '*[^0-9a-f]*'`),
      )
      .addColumn('role', 'text', (c) => c.notNull().check(sql`role in ('admin', 'type', 'watch')`))
      .addColumn('created_at', 'integer', (c) => c.notNull())
      .addColumn('last_seen_at', 'integer', (c) => c.notNull())
      .addColumn('revoked_at', 'integer')
      .modifyEnd(sql`strict, without rowid`)
      .execute();

    await db.schema
      .createTable('audit')
      .addColumn('id', 'integer', (c) => c.primaryKey())
      .addColumn('at', 'integer', (c) => c.notNull())
      .addColumn('actor', 'text', (c) => c.notNull())
      .addColumn('action', 'text', (c) => c.notNull())
      .addColumn('session_id', 'text')
      .addColumn('detail', 'text', (c) => c.notNull())
      .modifyEnd(sql`strict`)
      .execute();

    await db.schema
      .createTable('instance')
      .addColumn('id', 'integer', (c) => c.primaryKey().check(sql`id = 1`))
      .addColumn('instance_id', 'text', (c) => c.notNull())
      .addColumn('created_at', 'integer', (c) => c.notNull())
      .modifyEnd(sql`strict`)
      .execute();
  },
};
