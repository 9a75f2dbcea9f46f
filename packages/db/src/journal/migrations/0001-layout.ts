// The first layout of journal.db; schema.ts says what it means.
import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** "COTJ": marks a file as a journal of ours. */
export const JOURNAL_APPLICATION_ID = 0x434f544a;

export const layout: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql.raw(`pragma application_id = ${JOURNAL_APPLICATION_ID}`).execute(db);

    await db.schema
      .createTable('session')
      // AUTOINCREMENT: a key is never reused, so rows that await their purge cannot come back to life in another session.
      .addColumn('id', 'integer', (c) => c.primaryKey().autoIncrement())
      .addColumn('uuid', 'text', (c) => c.notNull().unique())
      .addColumn('created_at', 'integer', (c) => c.notNull())
      .addColumn('command', 'text', (c) => c.notNull())
      .addColumn('cwd', 'text', (c) => c.notNull())
      .addColumn('cols', 'integer', (c) => c.notNull())
      .addColumn('rows', 'integer', (c) => c.notNull())
      .addColumn('max_history_bytes', 'integer', (c) => c.notNull())
      .addColumn('idle_timeout_ms', 'integer', (c) => c.notNull())
      .addColumn('last_activity_at', 'integer', (c) => c.notNull())
      .addColumn('first_offset', 'integer', (c) => c.notNull().defaultTo(0))
      .addColumn('mark_floor', 'integer', (c) => c.notNull().defaultTo(0))
      .modifyEnd(sql`strict`)
      .execute();

    await db.schema
      .createTable('run')
      .addColumn('session', 'integer', (c) => c.notNull().references('session.id').onDelete('cascade'))
      .addColumn('run', 'integer', (c) => c.notNull())
      .addColumn('state', 'text', (c) => c.notNull().check(sql`state in ('starting', 'running', 'exited', 'killed', 'lost')`))
      .addColumn('pid', 'integer')
      .addColumn('start_time', 'text')
      .addColumn('boot_id', 'text')
      .addColumn('started_at', 'integer')
      .addColumn('ended_at', 'integer')
      .addColumn('reason', 'text')
      .addColumn('exit_code', 'integer')
      .addColumn('signal', 'text')
      .addColumn('from_offset', 'integer', (c) => c.notNull())
      .addPrimaryKeyConstraint('run_key', ['session', 'run'])
      .modifyEnd(sql`strict, without rowid`)
      .execute();

    await db.schema
      .createTable('tail')
      .addColumn('id', 'integer', (c) => c.primaryKey())
      .addColumn('session', 'integer', (c) => c.notNull())
      .addColumn('off', 'integer', (c) => c.notNull())
      .addColumn('data', 'blob', (c) => c.notNull())
      .modifyEnd(sql`strict`)
      .execute();

    await db.schema
      .createTable('segment')
      .addColumn('id', 'integer', (c) => c.primaryKey())
      .addColumn('session', 'integer', (c) => c.notNull())
      .addColumn('off', 'integer', (c) => c.notNull())
      .addColumn('len', 'integer', (c) => c.notNull())
      .addColumn('codec', 'integer', (c) => c.notNull())
      .addColumn('level', 'integer', (c) => c.notNull())
      .addColumn('crc', 'integer', (c) => c.notNull())
      .addColumn('data', 'blob', (c) => c.notNull())
      .modifyEnd(sql`strict`)
      .execute();
    // Holds what finding a range needs, so that no blob is touched for it.
    await db.schema.createIndex('segment_at').unique().on('segment').columns(['session', 'off', 'len', 'level']).execute();

    await db.schema
      .createTable('mark')
      .addColumn('id', 'integer', (c) => c.primaryKey())
      .addColumn('session', 'integer', (c) => c.notNull())
      .addColumn('mark', 'integer', (c) => c.notNull())
      .addColumn('off', 'integer', (c) => c.notNull())
      .addColumn('at', 'integer', (c) => c.notNull())
      .addColumn('kind', 'integer', (c) => c.notNull())
      .addColumn('cols', 'integer')
      .addColumn('rows', 'integer')
      .addColumn('run', 'integer')
      .addColumn('lost_bytes', 'integer')
      .addColumn('detail', 'text')
      .modifyEnd(sql`strict`)
      .execute();

    await db.schema
      .createTable('base_checkpoint')
      .addColumn('session', 'integer', (c) => c.primaryKey().references('session.id').onDelete('cascade'))
      .addColumn('off', 'integer', (c) => c.notNull())
      .addColumn('cols', 'integer', (c) => c.notNull())
      .addColumn('rows', 'integer', (c) => c.notNull())
      .addColumn('version', 'text', (c) => c.notNull())
      .addColumn('crc', 'integer', (c) => c.notNull())
      .addColumn('data', 'blob', (c) => c.notNull())
      .modifyEnd(sql`strict`)
      .execute();

    await db.schema
      .createTable('purge')
      .addColumn('session', 'integer', (c) => c.primaryKey())
      .modifyEnd(sql`strict`)
      .execute();

    await db.schema
      .createTable('meta')
      .addColumn('key', 'text', (c) => c.primaryKey())
      .addColumn('value', 'text', (c) => c.notNull())
      .modifyEnd(sql`strict, without rowid`)
      .execute();
    // Which journal this is: a restored older copy or a fresh file can be told from the one a client knew.
    await sql`insert into meta (key, value) values ('journal_id', lower(hex(randomblob(16))))`.execute(db);
  },
};
