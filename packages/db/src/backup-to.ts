// Owns a consistent copy of a database that is in use, made by the connection that writes it: no second process opens the file, and what is
// committed meanwhile is in the copy as well. Must not know what the tables mean.
import { closeSync, fsyncSync, openSync, rmSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { StorageError } from './errors.ts';

const FILE_MODE = 0o600;
/** Pages copied in one turn of the loop (count): 1 MiB, about 2 ms, so that terminals do not wait. */
const STEP_PAGES = 256;

export async function backupTo(db: Database.Database, path: string): Promise<void> {
  let made = false;
  try {
    // Never over something: the copy is for the owner alone from its first byte.
    closeSync(openSync(path, 'wx', FILE_MODE));
    made = true;
    await db.backup(path, { progress: () => STEP_PAGES });
    const fd = openSync(path, 'r');
    fsyncSync(fd);
    closeSync(fd);
  } catch (cause) {
    if (made) for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true });
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StorageError('STORAGE_FAILED', `the copy ${path} could not be made: ${reason}`, { cause });
  }
}
