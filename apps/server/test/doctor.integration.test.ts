// `cotg doctor` on real files.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCatalog } from '@cotg/db/catalog';
import { openJournal } from '@cotg/db/journal';
import { acquireLease } from '@cotg/db/lease';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCli } from '../src/cli/run.ts';
import { openDataDir } from '../src/data-dir.ts';
import type { DataDir } from '../src/data-dir.ts';

let parent: string;
let dataDir: DataDir;

beforeEach(async () => {
  parent = mkdtempSync(join(tmpdir(), 'cotg-doctor-'));
  dataDir = openDataDir(join(parent, 'data'));
  await (await openJournal({ path: dataDir.journal, synchronous: 'normal' })).close();
  await (await openCatalog({ path: dataDir.catalog })).close();
});

afterEach(() => rmSync(parent, { recursive: true, force: true }));

async function doctor(): Promise<{ exitCode: number; report: Record<string, unknown> }> {
  const lines: string[] = [];
  const io = {
    out: (line: string) => lines.push(line),
    err: (line: string) => lines.push(line),
    isTerminal: false,
    ask: async () => undefined,
  };
  const exitCode = await runCli(['doctor', '--json', '--data-dir', dataDir.path], io);
  return { exitCode, report: JSON.parse(lines.join('\n')) as Record<string, unknown> };
}

test('what is whole is called whole', async () => {
  expect(await doctor()).toEqual({ exitCode: 0, report: { whole: true, unchecked: [], problems: [], setAside: [], leftovers: [] } });
});

test('F34: a damaged page is found, and the file keeps every byte', async () => {
  const content = readFileSync(dataDir.journal);
  content.fill(0xff, 4096, 3 * 4096);
  writeFileSync(dataDir.journal, content);
  const { exitCode, report } = await doctor();
  expect(exitCode).toBe(1);
  expect(report).toMatchObject({
    whole: false,
    problems: expect.arrayContaining([expect.objectContaining({ file: 'journal.db', kind: 'integrity' })]),
  });
  expect(readFileSync(dataDir.journal).equals(content)).toBe(true);
});

test('a file that others may read is named', async () => {
  chmodSync(dataDir.catalog, 0o644);
  expect(await doctor()).toMatchObject({ exitCode: 1, report: { problems: [{ file: 'catalog.db', kind: 'permissions' }] } });
});

test('the file of a program that runs is not opened, and is said to be unchecked', async () => {
  using _lease = acquireLease(dataDir.hostLock);
  expect(await doctor()).toMatchObject({ exitCode: 0, report: { unchecked: ['journal.db'] } });
});
