// Entry @cotg/db/reserve: a file that takes space so that it can be given up when the disk is full. Deleting needs space first (SQLite writes down what
// it will delete), so without it a full disk could not even be cleared by removing sessions, nor a program be started on it.
import { randomFillSync } from 'node:crypto';
import { existsSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sqliteCode } from './errors.ts';

/** Some hundred deleted sessions, or a start, behind what was in the log alone (bytes). */
export const RESERVE_BYTES = 4 * 1024 * 1024;
/** Kept only where so much is left beside it (bytes): else it would make the disk full. */
const LEAST_FREE_BYTES = 3 * RESERVE_BYTES;
/** The ends of sessions that were lost, locks, the shared memory of two databases (bytes). */
const START_BYTES = 1024 * 1024;
const FILE_MODE = 0o600;

const reservePath = (directory: string): string => join(directory, 'reserve');

/** Makes the file when there is room for it and it is missing. Never throws: it is a precaution. */
export function keepReserve(directory: string): void {
  const path = reservePath(directory);
  try {
    if (existsSync(path) || freeBytes(directory) < RESERVE_BYTES + LEAST_FREE_BYTES) return;
    // Not zeros: a file system that compresses would keep nothing for them.
    writeFileSync(path, randomFillSync(new Uint8Array(RESERVE_BYTES)), { mode: FILE_MODE, flag: 'wx' });
  } catch {
    // Half of it would be taken for all of it.
    releaseReserve(directory);
  }
}

/** What this user may still write on the disk of a directory (bytes); Infinity where that cannot be told: whoever writes there finds out. */
export function freeBytes(directory: string): number {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch {
    return Infinity;
  }
}

/** Before a start, which has to write a little whatever it finds. */
export function releaseReserveWhenFull(directory: string): void {
  if (freeBytes(directory) < START_BYTES) releaseReserve(directory);
}

/** Gives the space up. False when there was none to give. */
export function releaseReserve(directory: string): boolean {
  try {
    rmSync(reservePath(directory));
    return true;
  } catch {
    return false;
  }
}

/** Whether this failure, or one that it comes from, says that the disk is full. */
export function isDiskFull(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const code = 'code' in cause ? cause.code : undefined;
    if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'DISK_FULL') return true;
    const sqlite = sqliteCode(cause);
    if (sqlite === 'SQLITE_FULL' || sqlite === 'SQLITE_IOERR_SHMSIZE' || sqlite === 'SQLITE_IOERR_WRITE') return true;
  }
  return false;
}
