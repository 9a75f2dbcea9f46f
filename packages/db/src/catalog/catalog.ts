// Owns catalog.db as a value: opened, its nouns, closed. Every write is synced before its promise resolves: a revoked device stays
// revoked after a power cut.
import { randomBytes } from 'node:crypto';
import type Database from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { backupTo } from '../backup-to.ts';
import { openRecovering } from '../recovery.ts';
import type { DamageReport } from '../recovery.ts';
import { makeAudit } from './audit.ts';
import type { AuditLog } from './audit.ts';
import { makeCheckpoints } from './checkpoints.ts';
import type { Checkpoints } from './checkpoints.ts';
import { makeLoginAttempts } from './login-attempts.ts';
import type { LoginAttemptStore } from './login-attempts.ts';
import { makeDevices } from './devices.ts';
import type { Devices } from './devices.ts';
import { catalogSchema } from './migrations/index.ts';
import { catalogSalvage } from './salvage-plan.ts';
import type { CatalogSchema } from './schema.ts';
import { makeSessions } from './sessions.ts';
import type { CatalogSessions } from './sessions.ts';

/** Random bytes of the instance id: short enough for a cookie's name, no two installations of a person alike. */
const INSTANCE_ID_BYTES = 5;

export interface Catalog extends AsyncDisposable {
  readonly sessions: CatalogSessions;
  readonly devices: Devices;
  readonly audit: AuditLog;
  readonly checkpoints: Checkpoints;
  readonly loginAttempts: LoginAttemptStore;
  /** Ten lower-case hex digits, the same for the life of the file. */
  readonly instanceId: string;
  /** Writes a consistent copy to a new file (mode 0600). Throws STORAGE_FAILED; a file that is there already is refused. */
  backup(path: string): Promise<void>;
  close(): Promise<void>;
}

export interface CatalogOptions {
  /** File of the database; its directory must exist. */
  readonly path: string;
  /** Epoch milliseconds. */
  readonly now?: () => number;
  /** The file was damaged and is set aside; what was whole goes on in a new one. */
  readonly onDamage?: (report: DamageReport) => void;
}

/**
 * Opens or creates the catalog; a damaged file is set aside, and what is whole in it goes on. Throws StorageError or SchemaError; a file that
 * is refused is left as it is.
 */
export async function openCatalog(options: CatalogOptions): Promise<Catalog> {
  const { path, now = Date.now, onDamage = () => undefined } = options;
  return openRecovering({
    path,
    synchronous: 'full',
    identity: catalogSchema,
    plan: catalogSalvage,
    now,
    onDamage,
    use: (database) => makeCatalog(database, now),
  });
}

async function makeCatalog(database: Database.Database, now: () => number): Promise<Catalog> {
  const db = new Kysely<CatalogSchema>({ dialect: new SqliteDialect({ database }) });
  const instanceId = await readInstanceId(db, now());
  const close = (): Promise<void> => db.destroy();
  return {
    sessions: makeSessions(db, now),
    devices: makeDevices(db),
    audit: makeAudit(db),
    checkpoints: makeCheckpoints(db),
    loginAttempts: makeLoginAttempts(db),
    instanceId,
    backup: (path) => backupTo(database, path),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Made at the first opening, never changed. */
async function readInstanceId(db: Kysely<CatalogSchema>, createdAt: number): Promise<string> {
  await db
    .insertInto('instance')
    .values({ id: 1, instance_id: randomBytes(INSTANCE_ID_BYTES).toString('hex'), created_at: createdAt })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
  const row = await db.selectFrom('instance').select('instance_id').where('id', '=', 1).executeTakeFirstOrThrow();
  return row.instance_id;
}
