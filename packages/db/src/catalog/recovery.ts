// Owns opening a catalog that may be damaged: a server must start whatever its disk has done. What cannot be opened is put aside; names, pins,
// devices, the audit and the instance's name are taken over as far as they can be read. Stored screens are a cache and are made anew.
import { dirname, join } from 'node:path';
import type Database from 'better-sqlite3';
import { openDatabase } from '../database.ts';
import { sqliteCode, StorageError } from '../errors.ts';
import { openReadonly } from '../readonly-database.ts';
import { setAside } from '../set-aside.ts';
import type { SetAside } from '../set-aside.ts';
import { openCatalog } from './catalog.ts';
import type { Catalog, CatalogOptions } from './catalog.ts';
import { catalogSchema } from './migrations/index.ts';

export interface RecoveredCatalog {
  readonly catalog: Catalog;
  /** Null when the file was whole, or there was none. */
  readonly recovered: { readonly setAside: SetAside; readonly rows: number; readonly cause: unknown } | null;
}

const TABLES = ['instance', 'session', 'device', 'audit'] as const;

/** Throws SchemaError for a file of a newer version (it is left as it is), and StorageError for a disk that cannot be used at all. */
export async function openCatalogOrSalvage(options: CatalogOptions): Promise<RecoveredCatalog> {
  try {
    return { catalog: await openCatalog(options), recovered: null };
  } catch (cause) {
    if (!isDamage(cause)) throw cause;
    const aside = setAside(options.path, (options.now ?? Date.now)());
    const fresh = await openDatabase({ path: options.path, synchronous: 'full', identity: catalogSchema });
    let rows = 0;
    try {
      rows = salvage(join(dirname(options.path), aside.name), fresh);
    } finally {
      fresh.close();
    }
    return { catalog: await openCatalog(options), recovered: { setAside: aside, rows, cause } };
  }
}

function isDamage(error: unknown): boolean {
  if (error instanceof StorageError) return error.code === 'STORAGE_CORRUPT';
  const code = sqliteCode(error);
  return code !== undefined && (code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT'));
}

/** Rows taken over. A device that is lost must be let in again; a device that was revoked never comes back by this. */
function salvage(path: string, fresh: Database.Database): number {
  let damaged: Database.Database | undefined;
  let rows = 0;
  try {
    damaged = openReadonly(path);
    // Without it SQLite reads nothing of a file that is shorter than its header says.
    damaged.unsafeMode(true);
    damaged.pragma('writable_schema = on');
    for (const table of TABLES) rows += copyTable(damaged, fresh, table);
  } catch (error) {
    // Not a database at all: nothing to take over.
    if (sqliteCode(error) === undefined) throw error;
  } finally {
    damaged?.close();
  }
  return rows;
}

/** Up to the first row that cannot be read, or does not keep the rules of its table. */
function copyTable(damaged: Database.Database, fresh: Database.Database, table: (typeof TABLES)[number]): number {
  let rows = 0;
  try {
    for (const row of damaged.prepare(`select * from ${table}`).iterate() as Iterable<Record<string, unknown>>) {
      const names = Object.keys(row);
      fresh.prepare(`insert into ${table} (${names.join(', ')}) values (${names.map((name) => `@${name}`).join(', ')})`).run(row);
      rows += 1;
    }
  } catch (error) {
    if (sqliteCode(error) === undefined) throw error;
  }
  return rows;
}
