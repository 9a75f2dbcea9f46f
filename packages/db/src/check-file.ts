// Owns the check of a database file that nobody has open: the caller holds the lease of its owner. Only reads, and never repairs.
import { lstatSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { openError, SchemaError, StorageError } from './errors.ts';
import { checkSchema } from './migrate.ts';
import type { SchemaIdentity } from './migrate.ts';
import { openReadonly } from './readonly-database.ts';
import type { Finding } from './journal/verify.ts';

/** A file with more faults than this is told as damaged all the same (count). */
const MAX_FINDINGS = 1000;

/** Nothing for a file that is whole, and for one that does not exist. Throws SCHEMA_NEWER and SCHEMA_FOREIGN: such a file is not damaged. */
export function checkFile(path: string, identity: SchemaIdentity, verify: (db: Database.Database) => Iterable<Finding>): Finding[] {
  const entry = lstatSync(path, { throwIfNoEntry: false });
  if (entry === undefined || (entry.isFile() && entry.size === 0)) return [];
  if (!entry.isFile()) return [{ kind: 'integrity', session: null, detail: 'it is no regular file' }];
  const findings: Finding[] = [];
  let db: Database.Database | undefined;
  try {
    db = openReadonly(path);
    checkSchema(db, path, identity);
    // One picture of the file from the first question to the last.
    db.exec('begin');
    for (const finding of verify(db)) {
      findings.push(finding);
      if (findings.length >= MAX_FINDINGS) break;
    }
  } catch (error) {
    if (error instanceof SchemaError) throw error;
    const known = error instanceof StorageError ? error : openError(path, error);
    if (known.code !== 'STORAGE_CORRUPT') throw known;
    findings.push({ kind: 'integrity', session: null, detail: known.message });
  } finally {
    db?.close();
  }
  return findings;
}
