import { statSync, writeFileSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { checkCatalogFile, checkJournalFile } from '../src/doctor.ts';
import { openCatalog } from '../src/catalog.ts';
import { openJournal } from '../src/journal.ts';
import { openTestCatalog, openTestJournal, temporaryDirectory } from '../src/testing.ts';
import { pattern } from './support/pattern.ts';
import { outputOf, readHistory } from './support/read-history.ts';
import { newSession } from './support/sessions.ts';

const PIECE = 16 * 1024;

it('F40: a copy taken while a session prints opens at a consistent offset and is whole', async () => {
  await using source = await openTestJournal();
  using directory = temporaryDirectory();
  const { id } = source.journal.createSession(newSession());
  let end = 0;
  const print = (): void => {
    source.journal.append(id, pattern(1, end, end + PIECE));
    end += PIECE;
    source.journal.flush();
  };
  for (let count = 0; count < 200; count += 1) print();
  const before = end;
  const path = directory.file('journal.db');
  const progress = { copied: false };
  const copy = source.journal.backup(path).finally(() => (progress.copied = true));
  // As a flood does: commits between the steps of the copy.
  for (let count = 0; count < 400 && !progress.copied; count += 1) {
    print();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await copy;
  expect(end).toBeGreaterThan(before);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(checkJournalFile(path)).toEqual([]);
  await using restored = await openJournal({ path, synchronous: 'normal' });
  const session = restored.session(id);
  const to = session?.endOffset ?? 0;
  expect(to).toBeGreaterThanOrEqual(before);
  expect(outputOf((await readHistory(restored, id)).stream).equals(pattern(1, 0, to))).toBe(true);
});

it('F40: a copy of a catalog in use has its devices; a file that is there is refused and kept', async () => {
  await using source = await openTestCatalog();
  using directory = temporaryDirectory();
  await source.catalog.devices.insert({ id: 'd', name: 'phone', tokenHash: 'b'.repeat(64), role: 'admin', createdAt: 1 });
  const path = directory.file('catalog.db');
  await source.catalog.backup(path);
  expect(checkCatalogFile(path)).toEqual([]);
  const restored = await openCatalog({ path });
  expect((await restored.devices.list()).map(({ name }) => name)).toEqual(['phone']);
  expect(restored.instanceId).toBe(source.catalog.instanceId);
  await restored.close();
  const taken = directory.file('mine');
  writeFileSync(taken, 'mine');
  await expect(source.catalog.backup(taken)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
  expect(readFileSync(taken, 'utf8')).toBe('mine');
});
