import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { openCatalog } from '../src/catalog.ts';
import { openDatabase } from '../src/database.ts';
import { damageReports, openJournal } from '../src/journal.ts';
import { journalSchema } from '../src/journal/migrations/index.ts';
import { openTestCatalog, openTestJournal, temporaryDirectory } from '../src/testing.ts';
import { newSession, text } from './support/sessions.ts';

const MIGRATOR_TABLES = ['kysely_migration', 'kysely_migration_lock'];

function strictness(path: string): Record<string, unknown> {
  const db = new Database(path, { readonly: true });
  const tables = db.prepare<[], { name: string; strict: number }>("select name, strict from pragma_table_list where schema = 'main'").all();
  db.close();
  return Object.fromEntries(
    tables.filter(({ name }) => !name.startsWith('sqlite_') && !MIGRATOR_TABLES.includes(name)).map(({ name, strict }) => [name, strict]),
  );
}

function fingerprint(path: string): string {
  return `${statSync(path).mtimeMs} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`;
}

describe('database files', () => {
  it('every table of ours is strict', async () => {
    await using journal = await openTestJournal();
    expect(strictness(journal.path)).toEqual(
      Object.fromEntries(
        ['session', 'run', 'tail', 'segment', 'mark', 'base_checkpoint', 'base_candidate', 'purge', 'meta'].map((name) => [name, 1]),
      ),
    );
    await using catalog = await openTestCatalog();
    expect(strictness(catalog.path)).toEqual(
      Object.fromEntries(['session', 'device', 'audit', 'instance', 'checkpoint', 'login_attempt'].map((name) => [name, 1])),
    );
  });

  it('files and their logs are for the owner alone, whatever the umask, and also when they were not', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('journal.db');
    const modes = (): number[] => [path, `${path}-wal`, `${path}-shm`].map((file) => statSync(file).mode & 0o777);
    const umask = process.umask(0);
    try {
      const first = await openJournal({ path, synchronous: 'normal' });
      const { id } = first.createSession(newSession());
      first.append(id, text('x'));
      first.flush();
      expect(modes()).toEqual([0o600, 0o600, 0o600]);
      await first.close();
    } finally {
      process.umask(umask);
    }
    chmodSync(path, 0o644);
    const second = await openJournal({ path, synchronous: 'normal' });
    expect(modes()).toEqual([0o600, 0o600, 0o600]);
    await second.close();
  });

  it.each(['normal', 'full'] as const)(
    'durability is what was asked for on the first open and on every later one (%s)',
    async (synchronous) => {
      using directory = temporaryDirectory();
      const path = directory.file('journal.db');
      for (let open = 0; open < 3; open++) {
        const db = await openDatabase({ path, synchronous, identity: journalSchema });
        expect(db.pragma('synchronous', { simple: true })).toBe(synchronous === 'full' ? 2 : 1);
        expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
        expect(db.pragma('auto_vacuum', { simple: true })).toBe(2);
        expect(db.pragma('page_size', { simple: true })).toBe(4096);
        db.close();
      }
    },
  );

  it('a newer schema is refused by name, and the file keeps every byte', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('journal.db');
    await (await openJournal({ path, synchronous: 'normal' })).close();
    const db = new Database(path);
    db.prepare("insert into kysely_migration (name, timestamp) values ('0099-future', '2099-01-01')").run();
    db.exec('alter table session add column later text');
    db.close();
    const before = fingerprint(path);
    await expect(openJournal({ path, synchronous: 'normal' })).rejects.toMatchObject({
      code: 'SCHEMA_NEWER',
      message: expect.stringContaining('0099-future'),
    });
    expect(fingerprint(path)).toBe(before);
  });

  it('a database of another program is refused, also one of ours with another purpose', async () => {
    using directory = temporaryDirectory();
    const foreign = directory.file('foreign.db');
    const db = new Database(foreign);
    db.exec('create table t (x)');
    db.close();
    const before = fingerprint(foreign);
    await expect(openJournal({ path: foreign, synchronous: 'normal' })).rejects.toMatchObject({ code: 'SCHEMA_FOREIGN' });
    expect(fingerprint(foreign)).toBe(before);

    const catalog = directory.file('catalog.db');
    await (await openCatalog({ path: catalog })).close();
    await expect(openJournal({ path: catalog, synchronous: 'normal' })).rejects.toMatchObject({ code: 'SCHEMA_FOREIGN' });
  });

  it('a file that is no database is set aside with every byte, and a new one begins', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('journal.db');
    writeFileSync(path, 'this is a text of more than sixteen bytes\n'.repeat(100));
    const before = readFileSync(path);
    await using journal = await openJournal({ path, synchronous: 'normal' });
    expect(journal.sessions()).toEqual([]);
    const [report] = damageReports(directory.path);
    expect(readFileSync(directory.file(report?.setAside ?? '')).equals(before)).toBe(true);
  });

  it('a missing directory is named, and nothing is made', async () => {
    using directory = temporaryDirectory();
    await expect(openCatalog({ path: directory.file('missing/catalog.db') })).rejects.toMatchObject({ code: 'STORAGE_UNWRITABLE' });
    expect(existsSync(directory.file('missing'))).toBe(false);
  });

  it('a migration that fails is thrown and leaves nothing behind', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('journal.db');
    const migrations = {
      ...journalSchema.migrations,
      '0002-broken': {
        up: async (db: Parameters<(typeof journalSchema.migrations)[string]['up']>[0]) => {
          await db.schema.createTable('half').addColumn('x', 'integer').execute();
          throw new Error('power of two');
        },
      },
    };
    await expect(openDatabase({ path, synchronous: 'normal', identity: { ...journalSchema, migrations } })).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringContaining('0002-broken'),
    });
    // Nothing is half made: the same file opens with the schema that works.
    const journal = await openJournal({ path, synchronous: 'normal' });
    expect(Object.keys(strictness(path))).not.toContain('half');
    await journal.close();
  });
});
