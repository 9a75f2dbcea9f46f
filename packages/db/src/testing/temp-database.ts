// Owns real databases on real files for tests; `await using` closes them and removes their directory.
import { openCatalog } from '../catalog/catalog.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { openJournal } from '../journal/sqlite-journal.ts';
import type { JournalOptions, SqliteJournal } from '../journal/sqlite-journal.ts';
import { temporaryDirectory } from './temporary-directory.ts';

export interface TestJournal extends AsyncDisposable {
  readonly path: string;
  readonly journal: SqliteJournal;
}

export async function openTestJournal(options: Partial<Omit<JournalOptions, 'path'>> = {}): Promise<TestJournal> {
  const directory = temporaryDirectory();
  const path = directory.file('journal.db');
  const journal = await openJournal({ synchronous: 'normal', ...options, path });
  return {
    path,
    journal,
    async [Symbol.asyncDispose]() {
      await journal.close();
      directory[Symbol.dispose]();
    },
  };
}

export interface TestCatalog extends AsyncDisposable {
  readonly path: string;
  readonly catalog: Catalog;
}

export async function openTestCatalog(): Promise<TestCatalog> {
  const directory = temporaryDirectory();
  const path = directory.file('catalog.db');
  const catalog = await openCatalog({ path });
  return {
    path,
    catalog,
    async [Symbol.asyncDispose]() {
      await catalog.close();
      directory[Symbol.dispose]();
    },
  };
}
