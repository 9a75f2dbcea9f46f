// Owns serving from a copy of the catalog while the disk of the data directory cannot be written: what is changed in it lives as long as the server.
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

export interface CatalogCopy {
  readonly path: string;
  remove(): void;
}

/** Nobody has the catalog open: its server's lease is held. The copy lies in a folder of the owner's alone (mode 0700). */
export function copyCatalog(path: string): CatalogCopy {
  const folder = mkdtempSync(join(tmpdir(), 'cotg-read-only-'));
  for (const suffix of ['', '-wal']) {
    if (existsSync(path + suffix)) copyFileSync(path + suffix, join(folder, basename(path) + suffix));
  }
  return { path: join(folder, basename(path)), remove: () => rmSync(folder, { recursive: true, force: true }) };
}
