// Owns: bringing a database to the newest schema, and recognising one that is newer than this program.
// A migration runs inside one transaction with its entry in the migration table, so a kill in the middle leaves the old schema.
import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { Kysely, SqliteAdapter, SqliteDialect } from 'kysely';
import type { DialectAdapter } from 'kysely';
import { DEFAULT_MIGRATION_TABLE, Migrator } from 'kysely/migration';
import type { Migration } from 'kysely/migration';
import { SchemaError, StorageError } from './errors.ts';

/** Migrations by name; names begin with a number and sort in the order of application. Applied ones never change. */
export type Migrations = Readonly<Record<string, Migration>>;

export interface SchemaIdentity {
  /** PRAGMA application_id: what makes the file ours. The first migration sets it. */
  readonly applicationId: number;
  /** A table that no other database of ours has: a file that has it, and has lost its id, is damaged. */
  readonly ownTable: string;
  readonly migrations: Migrations;
}

/**
 * Throws SCHEMA_NEWER or SCHEMA_FOREIGN, and STORAGE_CORRUPT when one of two marks of ours is there and the other is not, or an applied
 * migration has no name of ours though no newer one could stand there. Only reads; a file without tables is new and passes.
 */
export function checkSchema(db: Database.Database, path: string, identity: SchemaIdentity): void {
  const tables = db.prepare<[], string>("select name from sqlite_schema where type = 'table'").pluck().all();
  if (tables.length === 0) return;
  const applied = tables.includes(DEFAULT_MIGRATION_TABLE)
    ? db.prepare<[], string>(`select name from ${DEFAULT_MIGRATION_TABLE} order by name`).pluck().all()
    : undefined;
  const known = Object.keys(identity.migrations).toSorted();
  const hasId = db.pragma('application_id', { simple: true }) === identity.applicationId;
  const hasNames = applied?.some((name) => name in identity.migrations) === true;
  const damaged = (what: string): StorageError => new StorageError('STORAGE_CORRUPT', `${path} is damaged: ${what}`);
  // A kill between the creation of the migration table and the first migration leaves the id at 0 and no migration applied.
  if (!hasId && (applied === undefined || applied.length > 0)) {
    if (hasNames && tables.includes(identity.ownTable)) throw damaged('its application id is gone');
    throw new SchemaError('SCHEMA_FOREIGN', `${path} is a database of another program`, {
      hint: 'Point the data directory somewhere else, or move the file away.',
    });
  }
  if (applied === undefined) throw damaged('its migration table is gone');
  const unknown = applied.filter((name) => !(name in identity.migrations));
  if (unknown.length === 0) return;
  const newer = known.every((name) => applied.includes(name)) && unknown.every((name) => name > (known.at(-1) ?? ''));
  if (!newer) throw damaged('its list of migrations cannot be');
  throw new SchemaError('SCHEMA_NEWER', `${path} has a newer schema (${unknown.join(', ')}) than this program knows`, {
    hint: 'Start the newer version again; this one has not changed the file.',
  });
}

/** Applies what is missing. Throws MIGRATION_FAILED, with nothing applied, where the Migrator would only return the error. */
export async function migrateToLatest(db: Database.Database, path: string, migrations: Migrations): Promise<void> {
  // Not destroyed: that would close the connection, which belongs to the caller.
  const kysely = new Kysely<unknown>({ dialect: new TransactionalDialect({ database: db }) });
  const migrator = new Migrator({ db: kysely, provider: { getMigrations: async () => ({ ...migrations }) } });
  const known = await migrator.getMigrations();
  const isUpgrade = known.some(({ executedAt }) => executedAt !== undefined) && known.some(({ executedAt }) => executedAt === undefined);
  if (isUpgrade) keepBackup(db, path);
  const { error, results } = await migrator.migrateToLatest();
  if (error !== undefined) {
    const failed = results?.find((result) => result.status === 'Error')?.migrationName ?? 'preparation';
    throw new SchemaError('MIGRATION_FAILED', `migration of ${path} failed (${failed})`, { cause: error });
  }
  rmSync(migrationBackup(path), { force: true });
}

/** Where the file as it was lies until a migration has succeeded. */
export function migrationBackup(path: string): string {
  return `${path}.before-migration`;
}

/** Complete or not there at all: it gets its name when it is whole. Throws MIGRATION_FAILED before anything is changed. */
function keepBackup(db: Database.Database, path: string): void {
  const draft = `${migrationBackup(path)}.tmp`;
  try {
    rmSync(draft, { force: true });
    // SQLite writes into an empty file that is there; so it is for the owner alone from its first byte.
    closeSync(openSync(draft, 'wx', 0o600));
    db.prepare('vacuum into ?').run(draft);
    const fd = openSync(draft, 'r');
    fsyncSync(fd);
    closeSync(fd);
    renameSync(draft, migrationBackup(path));
  } catch (cause) {
    rmSync(draft, { force: true });
    throw new SchemaError('MIGRATION_FAILED', `${path} was not migrated: the copy before it could not be made`, {
      cause,
      hint: 'Free as much space as the file takes; nothing was changed.',
    });
  }
}

/** Kysely leaves SQLite migrations outside a transaction because some pragmas cannot change inside one. Ours need none of those. */
class TransactionalDialect extends SqliteDialect {
  override createAdapter(): DialectAdapter {
    return new TransactionalAdapter();
  }
}

class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}
