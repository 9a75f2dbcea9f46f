// What trimming needs: where on the stream a base checkpoint stands, and those that a later trim may begin with.
import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

export const trim: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .alterTable('base_checkpoint')
      .addColumn('mark', 'integer', (c) => c.notNull().defaultTo(0))
      .execute();
    await db.schema
      .alterTable('base_checkpoint')
      .addColumn('run', 'integer', (c) => c.notNull().defaultTo(1))
      .execute();
    await db.schema
      .createTable('base_candidate')
      .addColumn('id', 'integer', (c) => c.primaryKey())
      .addColumn('session', 'integer', (c) => c.notNull().references('session.id').onDelete('cascade'))
      .addColumn('off', 'integer', (c) => c.notNull())
      .addColumn('mark', 'integer', (c) => c.notNull())
      .addColumn('run', 'integer', (c) => c.notNull())
      .addColumn('cols', 'integer', (c) => c.notNull())
      .addColumn('rows', 'integer', (c) => c.notNull())
      .addColumn('version', 'text', (c) => c.notNull())
      .addColumn('crc', 'integer', (c) => c.notNull())
      .addColumn('data', 'blob', (c) => c.notNull())
      .modifyEnd(sql`strict`)
      .execute();
    await db.schema.createIndex('base_candidate_at').unique().on('base_candidate').columns(['session', 'off']).execute();
  },
};
