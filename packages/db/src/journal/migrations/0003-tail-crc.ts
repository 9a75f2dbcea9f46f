// A checksum for each row of the tail. SQLite's own check does not see a flipped bit in a blob, and the newest output is what somebody looks at.
// Rows of older files have none (null) until they are rolled.
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

export const tailCrc: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema.alterTable('tail').addColumn('crc', 'integer').execute();
  },
};
