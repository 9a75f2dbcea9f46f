import { renameSync } from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { openJournal } from '../src/journal.ts';
import type { HistoryPage, HistoryRequest, JournalNotice, SqliteJournal } from '../src/journal.ts';
import { openTestJournal, temporaryDirectory } from '../src/testing.ts';
import { marksOf, outputOf, readHistory } from './support/read-history.ts';
import { newSession, text } from './support/sessions.ts';

const never = new AbortController().signal;

function withOutput(journal: SqliteJournal, output = 'some output'): string {
  const { id } = journal.createSession(newSession());
  journal.append(id, text(output));
  journal.flush();
  return id;
}

function ask(journal: SqliteJournal, id: string, change: Partial<HistoryRequest> = {}, signal = never): Promise<HistoryPage> {
  return journal.history({ id, fromOffset: 0, afterMark: 0, toOffset: 100, maxBytes: 100, cursor: null, ...change }, signal);
}

describe('reading history', () => {
  it('gives nothing that is not committed', async () => {
    await using test = await openTestJournal();
    const id = withOutput(test.journal);
    test.journal.append(id, text(' and more'));
    const page = await ask(test.journal, id);
    expect(page).toMatchObject({ kind: 'page', endOffset: 11, next: null });
    expect(page.kind === 'page' && Buffer.from(page.bytes).toString()).toBe('some output');
  });

  it('an unknown session and a position at or behind the end are answers, not errors', async () => {
    await using test = await openTestJournal();
    const id = withOutput(test.journal);
    expect(await ask(test.journal, 'nobody')).toEqual({ kind: 'unknown-session' });
    const { lastMark = 0 } = test.journal.session(id) ?? {};
    for (const fromOffset of [11, 12, 5000]) {
      for (const afterMark of [lastMark, 0]) {
        const page = await ask(test.journal, id, { fromOffset, afterMark, toOffset: 10_000 });
        expect(page).toMatchObject({ kind: 'page', firstOffset: 0, endOffset: 11, pieces: [], marks: [], next: null });
      }
    }
  });

  it('below the first kept byte it says where the journal begins', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('journal.db');
    const first = await openJournal({ path, synchronous: 'normal' });
    const id = withOutput(first);
    await first.close();
    // As trimming will leave it.
    const db = new Database(path);
    db.exec('update session set first_offset = 5; update tail set off = 5, data = substr(data, 6), crc = null');
    db.close();
    await using journal = await openJournal({ path, synchronous: 'normal' });
    expect(await ask(journal, id, { fromOffset: 4 })).toEqual({ kind: 'trimmed', firstOffset: 5, endOffset: 11 });
    const { stream } = await readHistory(journal, id, { fromOffset: 5 });
    expect(outputOf(stream).toString()).toBe('output');
  });

  it('a hole in the stored output is an error that names it, never a silent jump', async () => {
    await using test = await openTestJournal();
    const id = withOutput(test.journal, 'first ');
    test.journal.append(id, text('second '));
    test.journal.flush();
    test.journal.append(id, text('third'));
    test.journal.flush();
    const db = new Database(test.path);
    db.exec('delete from tail where off = 6');
    db.close();
    await expect(ask(test.journal, id)).rejects.toMatchObject({ name: 'StorageError', code: 'JOURNAL_DAMAGED' });
    await test.journal.close();
    // The next start makes a gap of it: what is whole can be read, and what is missing has its bounds.
    await using again = await openJournal({ path: test.path, synchronous: 'normal' });
    const { stream } = await readHistory(again, id);
    expect(outputOf(stream).toString()).toBe('first third');
    expect(marksOf(stream).filter(({ kind }) => kind === 'gap')).toMatchObject([{ offset: 6, lostBytes: 7 }]);
  });

  it('an aborted request rejects at once and the others go on', async () => {
    await using test = await openTestJournal();
    const id = withOutput(test.journal);
    const abort = new AbortController();
    const requests = [never, abort.signal, never, abort.signal].map((signal) => ask(test.journal, id, {}, signal));
    const settled = Promise.allSettled(requests);
    abort.abort();
    const outcomes = await settled;
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
    expect(outcomes[1]).toMatchObject({ reason: { name: 'AbortError' } });
    await expect(ask(test.journal, id, {}, abort.signal)).rejects.toMatchObject({ name: 'AbortError' });
    expect(await ask(test.journal, id)).toMatchObject({ kind: 'page' });
  });

  it('aborting the request that the worker has leaves the next one its own answer', async () => {
    await using test = await openTestJournal();
    const id = withOutput(test.journal);
    const abort = new AbortController();
    const first = ask(test.journal, id, { toOffset: 4 }, abort.signal);
    const second = ask(test.journal, id, { fromOffset: 5 });
    abort.abort();
    await expect(first).rejects.toMatchObject({ name: 'AbortError' });
    const page = await second;
    expect(page.kind === 'page' && Buffer.from(page.bytes).toString()).toBe('output');
  });

  it('a worker that fails is reported, and the next request gets a new one', async () => {
    const notices: JournalNotice[] = [];
    await using test = await openTestJournal({ onNotice: (notice) => notices.push(notice) });
    const id = withOutput(test.journal);
    renameSync(test.path, `${test.path}.away`);
    await expect(ask(test.journal, id)).rejects.toMatchObject({ name: 'StorageError', code: 'STORAGE_FAILED' });
    renameSync(`${test.path}.away`, test.path);
    expect(notices).toMatchObject([{ kind: 'reader-failed' }]);
    expect(await ask(test.journal, id)).toMatchObject({ kind: 'page', endOffset: 11 });
  });

  it('closing the journal rejects what waits', async () => {
    await using test = await openTestJournal();
    const id = withOutput(test.journal);
    const outcomes = Promise.allSettled([ask(test.journal, id), ask(test.journal, id)]);
    await test.journal.close();
    expect((await outcomes).every((outcome) => outcome.status === 'rejected' && outcome.reason.code === 'STORAGE_CLOSED')).toBe(true);
    await expect(ask(test.journal, id)).rejects.toMatchObject({ code: 'STORAGE_CLOSED' });
  });

  it('refuses numbers that are no offsets', async () => {
    await using test = await openTestJournal();
    const id = withOutput(test.journal);
    for (const fromOffset of [-1, 0.5, Number.NaN, Infinity]) {
      await expect(ask(test.journal, id, { fromOffset })).rejects.toMatchObject({ code: 'INVARIANT' });
    }
  });
});
