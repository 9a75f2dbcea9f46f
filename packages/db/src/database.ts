// Owns: how a database file of ours is opened: file mode, identity, pragmas, schema.
// Must not know what the tables mean. One process opens a file, its worker threads may read it.
//
// The database file is never opened through node:fs once SQLite has it: closing such a descriptor would drop the POSIX locks
// that SQLite holds on the file in this process. Only an absent file is created here, before SQLite sees it.
import { chmodSync, closeSync, existsSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { openError, SchemaError, StorageError } from './errors.ts';
import { checkSchema, migrateToLatest } from './migrate.ts';
import type { SchemaIdentity } from './migrate.ts';
import { openReadonly } from './readonly-database.ts';

/** Output of terminals and hashes of tokens: for the owner alone. SQLite gives -wal and -shm the mode of the database file. */
const FILE_MODE = 0o600;

/**
 * How long a statement of the writing connection waits for another's lock (ms). Nobody else writes, so only a stranger with the file
 * open makes it matter; the wait is on the main loop, and terminals must not stand still for it.
 */
const WRITER_BUSY_TIMEOUT_MS = 150;

/** The page size all measurements were made with: 8 KB and 16 KB pages wrote 1.2 to 2 times as much per commit. */
const PAGE_SIZE_BYTES = 4096;
/** The build's own default is 16 MB for each connection; a log is written at its end, and reads are of whole pages of history (KiB). */
const PAGE_CACHE_KIB = 1024;

export interface OpenDatabaseOptions {
  readonly path: string;
  readonly identity: SchemaIdentity;
  readonly synchronous: 'normal' | 'full';
}

/**
 * Opens for writing, creating the file (mode 0600) if needed, and migrates it. The directory must exist.
 * Throws StorageError (STORAGE_UNWRITABLE, STORAGE_CORRUPT) or SchemaError; SCHEMA_NEWER and SCHEMA_FOREIGN leave the file as it is.
 */
export async function openDatabase(options: OpenDatabaseOptions): Promise<Database.Database> {
  const { path, identity } = options;
  let db: Database.Database | undefined;
  try {
    requireDirectory(path);
    if (existsSync(path) && statSync(path).size > 0) refuseForeignSchema(path, identity);
    restrictModes(path);
    db = new Database(path, { timeout: WRITER_BUSY_TIMEOUT_MS });
    setPragmas(db, options.synchronous);
    await migrateToLatest(db, path, identity.migrations);
    return db;
  } catch (error) {
    db?.close();
    throw error instanceof SchemaError || error instanceof StorageError ? error : openError(path, error);
  }
}

function requireDirectory(path: string): void {
  const directory = dirname(path);
  if (!existsSync(directory)) {
    throw new StorageError('STORAGE_UNWRITABLE', `the directory ${directory} does not exist`, { hint: 'Create it with mode 0700.' });
  }
}

/** A connection that cannot write looks first, so that a refused file keeps every byte. */
function refuseForeignSchema(path: string, identity: SchemaIdentity): void {
  const db = openReadonly(path);
  try {
    checkSchema(db, path, identity);
  } finally {
    db.close();
  }
}

function restrictModes(path: string): void {
  if (!existsSync(path)) closeSync(openSync(path, 'wx', FILE_MODE));
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    if (existsSync(file)) chmodSync(file, FILE_MODE);
  }
}

function setPragmas(db: Database.Database, synchronous: 'normal' | 'full'): void {
  // The first two take effect only before the first table; on an existing file they change nothing.
  db.pragma(`page_size = ${PAGE_SIZE_BYTES}`);
  // Gives space back in small steps after trimming; costs a pointer map.
  db.pragma('auto_vacuum = incremental');
  const mode = db.pragma('journal_mode = wal', { simple: true });
  if (mode !== 'wal') {
    throw new StorageError('STORAGE_UNWRITABLE', `${db.name}: write-ahead logging is not available (journal mode ${String(mode)})`, {
      hint: 'The data directory must be on a local disk, not on a network file system.',
    });
  }
  // On every open: SQLite's own default is FULL for a file just switched to WAL and NORMAL (in this build) for a reopened one.
  db.pragma(`synchronous = ${synchronous}`);
  db.pragma('foreign_keys = on');
  db.pragma('trusted_schema = off');
  // Finds a damaged page when it is read instead of using it.
  db.pragma('cell_size_check = on');
  // SQLite checkpoints inside the commit that makes the WAL pass 1000 pages (4 MB), 10-20 ms each. That is right for a database that
  // is written now and then; the journal turns it off once it has a worker for it (wal-checkpointer.ts).
  db.pragma('wal_autocheckpoint = 1000');
  db.pragma(`cache_size = -${PAGE_CACHE_KIB}`);
}
