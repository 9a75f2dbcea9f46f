import { copyFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import Database from 'better-sqlite3';
import { afterEach, expect, it, vi } from 'vitest';
import { openJournal } from '../src/journal.ts';
import type { CommittedEntry, JournalNotice } from '../src/journal.ts';
import { temporaryDirectory } from '../src/testing.ts';
import { pattern } from './support/pattern.ts';
import { outputOf, readHistory } from './support/read-history.ts';
import { newSession } from './support/sessions.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** The next sync of the log fails as the kernel lets it fail: once. */
async function failNextSync(): Promise<void> {
  const handle = await open('/dev/null');
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  vi.spyOn(prototype, 'datasync').mockRejectedValueOnce(Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' }));
}

async function openFailing() {
  const directory = temporaryDirectory();
  const path = directory.file('journal.db');
  const notices: JournalNotice[] = [];
  const shown: CommittedEntry[] = [];
  const journal = await openJournal({ path, synchronous: 'normal', onNotice: (notice) => notices.push(notice) });
  journal.onCommitted((entries) => shown.push(...entries));
  const { id } = journal.createSession(newSession());
  // Settled: the sync that fails is of what follows.
  await new Promise((resolve) => setTimeout(resolve, 300));
  await failNextSync();
  journal.append(id, pattern(0, 0, 100_000));
  journal.flush();
  const kinds = (): string[] => notices.map(({ kind }) => kind);
  const isTold = (kind: JournalNotice['kind']): Promise<void> => vi.waitFor(() => expect(kinds()).toContain(kind), { timeout: 10_000 });
  await isTold('sync-failed');
  return {
    ...{ directory, path, journal, id, notices, kinds, isTold },
    shownBytes: () => shown.reduce((sum, entry) => sum + (entry.kind === 'output' ? entry.bytes.length : 0), 0),
    async [Symbol.asyncDispose]() {
      await journal.close();
      directory[Symbol.dispose]();
    },
  };
}

it('F26: a sync that fails is not tried again and believed: nothing is stored behind it until the log is copied and synced elsewhere, then all is verified', async () => {
  await using test = await openFailing();
  const { journal, id, path, directory } = test;
  expect(journal.stats().storage).toBe('paused');
  expect(test.kinds()).toContain('storage-paused');
  journal.append(id, pattern(0, 100_000, 150_000));
  await test.isTold('storage-resumed');
  await vi.waitFor(() => expect(test.shownBytes()).toBe(150_000));
  // What was in the log when its sync failed needs the log no more.
  copyFileSync(path, directory.file('alone.db'));
  const alone = new Database(directory.file('alone.db'));
  expect(alone.prepare('select sum(length(data)) from tail').pluck().get()).toBeGreaterThanOrEqual(100_000);
  alone.close();
  await test.isTold('verified');
  expect(test.notices.find(({ kind }) => kind === 'verified')).toEqual({ kind: 'verified', findings: [] });
  const { stream } = await readHistory(journal, id);
  expect(outputOf(stream).equals(pattern(0, 0, 150_000))).toBe(true);
  expect(journal.lostTails()).toEqual([]);
});

it('F26: while the log cannot be copied, terminals go on from memory and nothing is called stored; afterwards it is', async () => {
  await using test = await openFailing();
  const { journal, id, path } = test;
  // A stranger who reads keeps the log from being emptied.
  const stranger = new Database(path, { readonly: true });
  stranger.exec('begin');
  stranger.prepare('select count(*) from tail').get();
  const storedBefore = stranger.prepare('select max(off + length(data)) from tail').pluck().get();
  await new Promise((resolve) => setTimeout(resolve, 1500));
  journal.append(id, pattern(0, 100_000, 120_000));
  await vi.waitFor(() => expect(test.shownBytes()).toBe(120_000), { timeout: 10_000 });
  expect(journal.stats().storage).toBe('paused');
  const other = new Database(path, { readonly: true });
  expect(other.prepare('select max(off + length(data)) from tail').pluck().get()).toBe(storedBefore);
  other.close();
  expect(() => journal.createSession(newSession())).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED' }) as Error);
  stranger.exec('commit');
  stranger.close();
  await test.isTold('storage-resumed');
  expect(journal.stats().storage).toBe('ok');
  const { stream } = await readHistory(journal, id);
  expect(outputOf(stream).equals(pattern(0, 0, 120_000))).toBe(true);
});
