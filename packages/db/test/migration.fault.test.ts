// Older files, made by the code of their time, are brought to the newest schema, whenever the process is killed meanwhile.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { openCatalog } from '../src/catalog.ts';
import { openJournal, verifyJournal } from '../src/journal.ts';
import { migrationBackup } from '../src/migrate.ts';
import { temporaryDirectory } from '../src/testing.ts';
import { outputOf, readHistory } from './support/read-history.ts';

const WRITER = fileURLToPath(new URL('support/migration-writer.ts', import.meta.url));
const CHILD_TIMEOUT_MS = 20_000;
const SESSION = '11111111-1111-4111-8111-111111111111';
const OUTPUT = 'written by the first layout\r\nand after a resize\r\n';

function copyOfFixture(name: string, path: string): void {
  copyFileSync(fileURLToPath(new URL(`fixtures/${name}`, import.meta.url)), path);
  chmodSync(path, 0o600);
}

async function expectJournal(path: string, at: string): Promise<void> {
  const journal = await openJournal({ path, synchronous: 'normal' });
  const { stream } = await readHistory(journal, SESSION);
  expect(outputOf(stream).toString(), at).toBe(OUTPUT);
  expect(journal.session(SESSION), at).toMatchObject({ cols: 100, rows: 30 });
  await journal.close();
  const db = new Database(path, { readonly: true });
  expect([...verifyJournal(db)], at).toEqual([]);
  db.close();
  expect(existsSync(migrationBackup(path)), at).toBe(false);
}

async function expectCatalog(path: string, at: string): Promise<void> {
  const catalog = await openCatalog({ path });
  expect(
    (await catalog.devices.list()).map(({ name }) => name),
    at,
  ).toEqual(['phone']);
  await catalog.close();
  expect(existsSync(migrationBackup(path)), at).toBe(false);
}

describe('files of older versions', () => {
  it('a journal of the first layout keeps its output', async () => {
    using directory = temporaryDirectory();
    copyOfFixture('journal-0001.db', directory.file('journal.db'));
    await expectJournal(directory.file('journal.db'), 'at once');
  });

  it('a journal from before rows of the tail had checksums keeps its output', async () => {
    using directory = temporaryDirectory();
    copyOfFixture('journal-0002.db', directory.file('journal.db'));
    await expectJournal(directory.file('journal.db'), 'at once');
  });

  it('a catalog of the first layout keeps its devices', async () => {
    using directory = temporaryDirectory();
    copyOfFixture('catalog-0001.db', directory.file('catalog.db'));
    await expectCatalog(directory.file('catalog.db'), 'at once');
  });

  it.each([
    { kind: 'journal', fixture: 'journal-0001.db', expectWhole: expectJournal },
    { kind: 'journal', fixture: 'journal-0002.db', expectWhole: expectJournal },
    { kind: 'catalog', fixture: 'catalog-0001.db', expectWhole: expectCatalog },
    { kind: 'catalog', fixture: 'catalog-0002.db', expectWhole: expectCatalog },
  ])(
    'F8: killed before any statement of the migration of $fixture, the next start completes it',
    async ({ kind, fixture, expectWhole }) => {
      let done = false;
      let kept = 0;
      let n = 0;
      for (n = 1; !done; n += 1) {
        using directory = temporaryDirectory();
        const path = directory.file(`${kind}.db`);
        copyOfFixture(fixture, path);
        const child = spawnSync(process.execPath, [WRITER, kind, path, String(n)], { encoding: 'utf8', timeout: CHILD_TIMEOUT_MS });
        done = child.stdout === 'done';
        if (!done) expect(child.signal, child.stderr).toBe('SIGKILL');
        const backup = migrationBackup(path);
        if (existsSync(backup)) {
          kept += 1;
          expect(statSync(backup).mode & 0o777).toBe(0o600);
          const copy = directory.file(`copy-${kind}.db`);
          copyFileSync(backup, copy);
          await expectWhole(copy, `the backup, killed before statement ${n}`);
        }
        await expectWhole(path, `killed before statement ${n}`);
      }
      expect(n).toBeGreaterThan(4);
      expect(kept).toBeGreaterThan(1);
    },
  );
});

it('F25: a disk that is full while an older file is brought to the newest schema: the file is as it was, and it goes on when there is room', async () => {
  using directory = temporaryDirectory();
  const path = directory.file('journal.db');
  copyOfFixture('journal-0001.db', path);
  const before = readFileSync(path);
  // Files of the child may not grow at all: its writes fail as on a full disk (util-linux; every Debian has it).
  const full = spawnSync('prlimit', ['--fsize=4096:unlimited', process.execPath, WRITER, 'journal', path, '1000000'], {
    encoding: 'utf8',
    timeout: CHILD_TIMEOUT_MS,
  });
  expect(full.status === 0 && full.stdout.startsWith('done'), full.stdout + full.stderr).toBe(false);
  const db = new Database(path, { readonly: true });
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
  db.close();
  expect(readFileSync(path).equals(before)).toBe(true);
  await expectJournal(path, 'with room again');
});
