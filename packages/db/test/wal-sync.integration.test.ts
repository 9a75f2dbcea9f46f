import { open } from 'node:fs/promises';
import { writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { FileHandle } from 'node:fs/promises';
import { WalSync } from '../src/journal/wal-sync.ts';
import { openTestJournal, temporaryDirectory } from '../src/testing.ts';
import { newSession, text } from './support/sessions.ts';

/** Watches the real call on every file handle. */
async function watchSyncs() {
  const handle = await open('/dev/null');
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  return vi.spyOn(prototype, 'datasync');
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('sync of the write-ahead log', () => {
  it('many commits are followed by one sync, and none by none', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('x.db');
    writeFileSync(`${path}-wal`, 'log');
    const syncs = await watchSyncs();
    const errors: unknown[] = [];
    const sync = new WalSync({ path, onError: (cause) => errors.push(cause), onFailed: (cause) => errors.push(cause) });
    for (let i = 0; i < 10; i++) sync.committed();
    await vi.waitFor(() => expect(syncs).toHaveBeenCalledTimes(1));
    sync.committed();
    await vi.waitFor(() => expect(syncs).toHaveBeenCalledTimes(2));
    await sync.close();
    sync.committed();
    expect(errors).toEqual([]);
    expect(syncs).toHaveBeenCalledTimes(2);
  });

  it('a failure is reported and the next commit tries again', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('x.db');
    const syncs = await watchSyncs();
    const errors: unknown[] = [];
    const sync = new WalSync({ path, onError: (cause) => errors.push(cause), onFailed: (cause) => errors.push(cause) });
    sync.committed();
    await vi.waitFor(() => expect(errors).toEqual([expect.objectContaining({ code: 'ENOENT' })]));
    writeFileSync(`${path}-wal`, 'log');
    sync.committed();
    await vi.waitFor(() => expect(syncs).toHaveBeenCalledTimes(1));
    await sync.close();
  });

  it('the journal syncs after each kind of commit with synchronous normal', async () => {
    const syncs = await watchSyncs();
    await using test = await openTestJournal({ synchronous: 'normal' });
    const { id } = test.journal.createSession(newSession());
    await vi.waitFor(() => expect(syncs).toHaveBeenCalledTimes(1));
    test.journal.append(id, text('x'));
    test.journal.flush();
    await vi.waitFor(() => expect(syncs).toHaveBeenCalledTimes(2));
  });

  it('the journal leaves syncing to SQLite with synchronous full', async () => {
    const syncs = await watchSyncs();
    await using full = await openTestJournal({ synchronous: 'full' });
    const { id } = full.journal.createSession(newSession());
    full.journal.append(id, text('x'));
    full.journal.flush();
    // Another journal's sync, which began later, has been made: this one's would have been too.
    await using normal = await openTestJournal({ synchronous: 'normal' });
    normal.journal.createSession(newSession());
    await vi.waitFor(() => expect(syncs).toHaveBeenCalled());
    expect(syncs).toHaveBeenCalledTimes(1);
  });
});
