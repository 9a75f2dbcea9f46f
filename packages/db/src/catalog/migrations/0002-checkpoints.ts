// Stored screens: a cache, one row a session. Everything in it can be made again from the journal.
import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

export const checkpoints: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('checkpoint')
      .addColumn('session_id', 'text', (c) => c.primaryKey())
      .addColumn('run', 'integer', (c) => c.notNull())
      .addColumn('offset', 'integer', (c) => c.notNull())
      .addColumn('mark', 'integer', (c) => c.notNull())
      .addColumn('cols', 'integer', (c) => c.notNull())
      .addColumn('rows', 'integer', (c) => c.notNull())
      .addColumn('emulator', 'text', (c) => c.notNull())
      .addColumn('hash', 'text', (c) => c.notNull())
      .addColumn('title', 'text', (c) => c.notNull())
      .addColumn('preview', 'text', (c) => c.notNull())
      .addColumn('crc', 'integer', (c) => c.notNull())
      .addColumn('state', 'blob', (c) => c.notNull())
      .modifyEnd(sql`strict`)
      .execute();
  },
};
