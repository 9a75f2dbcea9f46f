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

async function repair(): Promise<{ exitCode: number; lines: string[] }> {
  const lines: string[] = [];
  const io = {
    out: (line: string) => lines.push(line),
    err: (line: string) => lines.push(line),
    isTerminal: false,
    ask: async () => undefined,
  };
  return { exitCode: await runCli(['doctor', '--repair', '--data-dir', dataDir.path], io), lines };
}

test('--repair leaves what is whole alone', async () => {
  const before = [readFileSync(dataDir.journal), readFileSync(dataDir.catalog)];
  const { exitCode, lines } = await repair();
  expect([exitCode, lines]).toEqual([
    0,
    ['whole     journal.db: nothing to repair', 'whole     catalog.db: nothing to repair', 'Everything that is kept is whole.'],
  ]);
  expect([readFileSync(dataDir.journal), readFileSync(dataDir.catalog)]).toEqual(before);
});

test('F34: --repair sets a damaged journal aside as it is, keeps what can be read, says what is missing, and then all is whole', async () => {
  const output = Buffer.from('what was printed before the disk failed\r\n'.repeat(20_000));
  {
    await using journal = await openJournal({ path: dataDir.journal, synchronous: 'normal' });
    const session = { command: ['x'], cwd: '/', cols: 80, rows: 24, maxHistoryBytes: 50e6, idleTimeoutMs: 1e6, createdAt: 1 };
    for (const id of ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222']) {
      journal.createSession({ ...session, id });
      for (let at = 0; at < output.length; at += 4000) {
        journal.append(id, output.subarray(at, at + 4000));
        journal.flush();
      }
    }
  }
  const content = readFileSync(dataDir.journal);
  const middle = Math.floor(content.length / 2 / 4096) * 4096;
  content.fill(0xff, middle, middle + 2 * 4096);
  writeFileSync(dataDir.journal, content);
  const { exitCode, lines } = await repair();
  expect(exitCode, lines.join('\n')).toBe(0);
  expect(lines[0]).toMatch(/^repaired {2}journal\.db: \d+ rows go on; the damaged file is journal\.db\.damaged-/);
  expect(lines.some((line) => /^missing {3}journal\.db: \[\d+, \d+\) \(/.test(line))).toBe(true);
  const name = /journal\.db\.damaged-\S+/.exec(lines[0] ?? '')?.[0] ?? '';
  expect(readFileSync(join(dataDir.path, name)).equals(content)).toBe(true);
});

test('--repair touches nothing while the host or the server runs', async () => {
  const content = readFileSync(dataDir.journal);
  content.fill(0xff, 4096, 3 * 4096);
  writeFileSync(dataDir.journal, content);
  for (const lock of [dataDir.hostLock, dataDir.serverLock]) {
    using _lease = acquireLease(lock);
    const { exitCode, lines } = await repair();
    expect(exitCode).toBe(3);
    expect(lines.join('\n')).toContain('It runs: a database in use is not repaired.');
  }
  expect(readFileSync(dataDir.journal).equals(content)).toBe(true);
});
