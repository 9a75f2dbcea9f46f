// Owns opening a journal that may be damaged: a host must start whatever its disk has done. What cannot be opened is put aside, what is whole in
// it goes into a fresh file. Must not know terminals.
import { dirname, join } from 'node:path';
import { openDatabase } from '../database.ts';
import { sqliteCode, StorageError } from '../errors.ts';
import { openReadonly } from '../readonly-database.ts';
import { setAside } from '../set-aside.ts';
import type { SetAside } from '../set-aside.ts';
import { journalSchema } from './migrations/index.ts';
import { salvageJournal } from './salvage.ts';
import type { Salvaged } from './salvage.ts';
import { openJournal } from './sqlite-journal.ts';
import type { JournalOptions, SqliteJournal } from './sqlite-journal.ts';

export interface RecoveredJournal {
  readonly journal: SqliteJournal;
  /** Null when the file was whole, or there was none. */
  readonly recovered: { readonly setAside: SetAside; readonly salvaged: Salvaged | null; readonly cause: unknown } | null;
}

/** Throws SchemaError for a file of a newer version (it is left as it is), and StorageError for a disk that cannot be used at all. */
export async function openJournalOrSalvage(options: JournalOptions): Promise<RecoveredJournal> {
  try {
    return { journal: await openJournal(options), recovered: null };
  } catch (cause) {
    if (!isDamage(cause)) throw cause;
    const aside = setAside(options.path, (options.now ?? Date.now)());
    const salvaged = await salvage(options, aside);
    return { journal: await openJournal(options), recovered: { setAside: aside, salvaged, cause } };
  }
}

function isDamage(error: unknown): boolean {
  if (error instanceof StorageError) return error.code === 'STORAGE_CORRUPT' || error.code === 'JOURNAL_DAMAGED';
  const code = sqliteCode(error);
  return code !== undefined && (code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT'));
}

/** Null when nothing of it can be read. */
async function salvage(options: JournalOptions, aside: SetAside): Promise<Salvaged | null> {
  const { path, synchronous, now = Date.now } = options;
  const fresh = await openDatabase({ path, synchronous, identity: journalSchema });
  try {
    const damaged = openReadonly(join(dirname(path), aside.name));
    try {
      // Without it SQLite reads nothing of a file that is shorter than its header says.
      damaged.unsafeMode(true);
      damaged.pragma('writable_schema = on');
      return salvageJournal(damaged, fresh, now());
    } finally {
      damaged.close();
    }
  } catch (error) {
    if (sqliteCode(error) === undefined) throw error;
    return null;
  } finally {
    fresh.close();
  }
}
