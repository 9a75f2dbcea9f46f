import Database from 'better-sqlite3';
import { describe, expect, it, vi } from 'vitest';
import { openDatabase } from '../src/database.ts';
import { openJournal, SqliteJournal } from '../src/journal.ts';
import { journalSchema } from '../src/journal/migrations/index.ts';
import type { CommittedEntry, JournalNotice } from '../src/journal.ts';
import { openTestJournal, temporaryDirectory } from '../src/testing.ts';
import { pattern } from './support/pattern.ts';
import { joinStream, marksOf, outputOf, readHistory } from './support/read-history.ts';
import { collectCommitted, CREATED_AT, EXITED, newSession, text } from './support/sessions.ts';

const never = new AbortController().signal;

describe('sessions and runs', () => {
  it('a created session is starting, empty, and begins with a mark of its size', async () => {
    await using test = await openTestJournal();
    const made = newSession({ cols: 46, rows: 60 });
    const session = test.journal.createSession(made);
    expect(session).toMatchObject({ id: made.id, run: 1, state: 'starting', pid: null, cols: 46, rows: 60, endOffset: 0, lastMark: 1 });
    expect(test.journal.sessions()).toEqual([session]);
    const { stream } = await readHistory(test.journal, made.id);
    expect(stream).toEqual([{ mark: { kind: 'resize', offset: 0, mark: 1, at: CREATED_AT, cols: 46, rows: 60 } }]);
  });

  it('refuses a second session with the same id and leaves the first as it is', async () => {
    await using test = await openTestJournal();
    const made = newSession();
    const session = test.journal.createSession(made);
    expect(() => test.journal.createSession({ ...made, cwd: '/' })).toThrow(expect.objectContaining({ code: 'SESSION_EXISTS' }));
    expect(test.journal.sessions()).toEqual([session]);
  });

  it('a run goes from starting to running to its end, and never back', async () => {
    await using test = await openTestJournal();
    const { id } = test.journal.createSession(newSession());
    const identity = { pid: 4711, startTime: '123456', bootId: 'b' };
    expect(test.journal.runStarted(id, identity)).toMatchObject({ state: 'running', pid: 4711 });
    expect(test.journal.identity(id)).toEqual(identity);
    expect(() => test.journal.runStarted(id, identity)).toThrow(expect.objectContaining({ code: 'RUN_STATE' }));
    const ended = test.journal.runEnded(id, EXITED);
    expect(ended).toMatchObject({ state: 'exited', pid: null, exitCode: 3, signal: null, reason: 'exit', endedAt: EXITED.endedAt });
    expect(() => test.journal.runEnded(id, EXITED)).toThrow(expect.objectContaining({ code: 'RUN_STATE' }));
    expect(() => test.journal.runStarted(id, identity)).toThrow(expect.objectContaining({ code: 'RUN_STATE' }));
  });

  it('the exit mark lies behind all output appended before, and everything is stored when runEnded returns', async () => {
    await using test = await openTestJournal();
    const { id } = test.journal.createSession(newSession());
    test.journal.append(id, text('last words'));
    const ended = test.journal.runEnded(id, EXITED);
    expect(test.journal.pendingBytes(id)).toBe(0);
    expect(ended.endOffset).toBe(10);
    const { stream } = await readHistory(test.journal, id);
    expect(outputOf(stream).toString()).toBe('last words');
    expect(stream.at(-1)).toEqual({
      mark: { kind: 'exit', offset: 10, mark: 3, at: EXITED.endedAt, run: 1, state: 'exited', reason: 'exit', exitCode: 3, signal: null },
    });
  });

  it('everything is the same after closing and opening again', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('journal.db');
    const first = await openJournal({ path, synchronous: 'normal' });
    const running = newSession();
    const ended = newSession({ createdAt: CREATED_AT + 1 });
    for (const made of [running, ended]) {
      first.createSession(made);
      first.runStarted(made.id, { pid: 99, startTime: '7', bootId: null });
      first.append(made.id, text(`output of ${made.id}`));
      first.resized(made.id, 100, 30);
    }
    first.runEnded(ended.id, EXITED);
    first.updateSession(running.id, { maxHistoryBytes: 1_000_000, idleTimeoutMs: 2 });
    first.flush();
    const before = first.sessions();
    const history = await readHistory(first, running.id);
    await first.close();

    const second = await openJournal({ path, synchronous: 'full' });
    expect(second.sessions()).toEqual(before);
    expect(second.session(running.id)).toMatchObject({
      state: 'running',
      pid: 99,
      cols: 100,
      rows: 30,
      maxHistoryBytes: 1_000_000,
      idleTimeoutMs: 2,
    });
    expect(second.identity(running.id)).toEqual({ pid: 99, startTime: '7', bootId: null });
    expect(await readHistory(second, running.id)).toEqual(history);
    expect(second.append(running.id, text('!'))).toBe((before[0]?.endOffset ?? 0) + 1);
    await second.close();
  });

  it('a removed session is gone at once, its rows soon after, and its neighbours stay whole', async () => {
    await using test = await openTestJournal();
    const [gone, kept] = [newSession(), newSession()];
    test.journal.createSession(gone);
    test.journal.createSession(kept);
    for (let i = 0; i < 50; i++) {
      test.journal.append(gone.id, Buffer.alloc(100_000, i));
      test.journal.append(kept.id, Buffer.alloc(1000, i));
      test.journal.flush();
    }
    test.journal.runEnded(gone.id, EXITED);
    test.journal.removeSession(gone.id);
    expect(test.journal.session(gone.id)).toBeUndefined();
    expect(await test.journal.history({ id: gone.id, fromOffset: 0, afterMark: 0, toOffset: 1, maxBytes: 1, cursor: null }, never)).toEqual(
      {
        kind: 'unknown-session',
      },
    );
    // The rows of the other one may have been compacted meanwhile.
    await vi.waitFor(() => expect(countRows(test.path)).toMatchObject({ purge: 0, session: 1, run: 1 }), { timeout: 10_000 });
    expect(Number(countRows(test.path).tail)).toBeLessThanOrEqual(50);
    const { stream } = await readHistory(test.journal, kept.id);
    expect(outputOf(stream).length).toBe(50_000);
  });

  it('rows of a session removed just before a crash are deleted after the next start', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('journal.db');
    const first = await openJournal({ path, synchronous: 'normal' });
    const { id } = first.createSession(newSession());
    first.append(id, Buffer.alloc(5_000_000));
    first.flush();
    first.removeSession(id);
    await first.close();
    expect(countRows(path)).toMatchObject({ purge: 1 });
    const second = await openJournal({ path, synchronous: 'normal' });
    await vi.waitFor(() => expect(countRows(path)).toEqual({ tail: 0, purge: 0, session: 0, run: 0 }), { timeout: 10_000 });
    await second.close();
  });

  it('activity moves with output and touched, and never back', async () => {
    let now = CREATED_AT;
    await using test = await openTestJournal({ now: () => now });
    const { id } = test.journal.createSession(newSession());
    now += 1000;
    test.journal.append(id, text('x'));
    expect(test.journal.session(id)?.lastActivityAt).toBe(CREATED_AT + 1000);
    test.journal.touched(id, CREATED_AT + 3000);
    test.journal.touched(id, CREATED_AT + 2000);
    expect(test.journal.session(id)?.lastActivityAt).toBe(CREATED_AT + 3000);
  });
});

describe('committing', () => {
  it('the listener hears of output only when it is in the file, in order, and without being asked to flush', async () => {
    await using test = await openTestJournal();
    const { id } = test.journal.createSession(newSession());
    const reader = new Database(test.path, { readonly: true });
    const stored = reader.prepare('select coalesce(sum(length(data)), 0) from tail').pluck();
    const shown: { readonly shown: number; readonly stored: unknown }[] = [];
    let bytes = 0;
    const done = Promise.withResolvers<void>();
    test.journal.onCommitted((entries) => {
      for (const entry of entries) if (entry.kind === 'output') bytes = entry.offset + entry.bytes.length;
      shown.push({ shown: bytes, stored: stored.get() });
      if (bytes === 3_000_000) done.resolve();
    });
    for (let i = 0; i < 3000; i++) test.journal.append(id, Buffer.alloc(1000, i));
    expect(shown).toEqual([]);
    expect(test.journal.pendingBytes(id)).toBe(3_000_000);
    await done.promise;
    reader.close();
    expect(shown.every((step) => step.shown === step.stored)).toBe(true);
    expect(shown.length).toBeGreaterThanOrEqual(Math.ceil(3_000_000 / (512 * 1024)));
    expect(test.journal.pendingBytes(id)).toBe(0);
  });

  it('what the listener is told is what history gives, marks in their places', async () => {
    await using test = await openTestJournal();
    const shown = collectCommitted(test.journal);
    const { id } = test.journal.createSession(newSession());
    test.journal.append(id, text('before'));
    test.journal.resized(id, 100, 40);
    test.journal.append(id, text('after'));
    test.journal.flush();
    const { stream } = await readHistory(test.journal, id, { afterMark: 1 });
    expect(joinStream(shown.get(id) ?? [])).toEqual(stream);
    expect(stream.map((entry) => ('mark' in entry ? entry.mark.kind : Buffer.from(entry.output).toString()))).toEqual([
      'time',
      'before',
      'resize',
      'after',
    ]);
  });

  it('what the listener itself makes happen is reported behind what it is looking at', async () => {
    await using test = await openTestJournal();
    const { id } = test.journal.createSession(newSession());
    const seen: string[] = [];
    test.journal.onCommitted((entries) => {
      for (const entry of entries) {
        if (entry.kind !== 'output') continue;
        const output = Buffer.from(entry.bytes).toString();
        if (output === 'question') {
          test.journal.append(id, text('answer'));
          test.journal.flush();
        }
        seen.push(output);
      }
    });
    test.journal.append(id, text('question'));
    test.journal.flush();
    expect(seen).toEqual(['question', 'answer']);
  });

  it('one commit makes one row of a session, however many chunks came', async () => {
    await using test = await openTestJournal();
    const { id } = test.journal.createSession(newSession());
    for (let i = 0; i < 100; i++) test.journal.append(id, text('chunk'));
    test.journal.flush();
    expect(countRows(test.path).tail).toBe(1);
  });

  it('output is stamped with a time at most every quarter of a second', async () => {
    let now = CREATED_AT;
    let monotonic = 0;
    await using test = await openTestJournal({ now: () => now, monotonicNow: () => monotonic });
    const { id } = test.journal.createSession(newSession());
    for (let i = 0; i < 100; i++) {
      test.journal.append(id, Buffer.alloc(100));
      now += 10;
      monotonic += 10;
    }
    test.journal.flush();
    const { stream } = await readHistory(test.journal, id);
    const times = marksOf(stream).filter((mark) => mark.kind === 'time');
    expect(times.map(({ offset, at }) => [offset, at - CREATED_AT])).toEqual([
      [0, 0],
      [2500, 250],
      [5000, 500],
      [7500, 750],
    ]);
  });

  it('a resize to the size it has leaves no mark', async () => {
    await using test = await openTestJournal();
    const { id } = test.journal.createSession(newSession());
    test.journal.resized(id, 80, 24);
    test.journal.resized(id, 90, 24);
    test.journal.resized(id, 90, 24);
    test.journal.flush();
    expect(test.journal.session(id)).toMatchObject({ cols: 90, rows: 24, lastMark: 2 });
  });
});

describe('when storing fails', () => {
  it('F14, F42: while a stranger holds the write lock output is kept, it is said once, and all is stored and shown when the lock is gone', async () => {
    const notices: JournalNotice[] = [];
    await using test = await openTestJournal({ onNotice: (notice) => notices.push(notice) });
    const shown: CommittedEntry[] = [];
    test.journal.onCommitted((entries) => shown.push(...entries));
    const { id } = test.journal.createSession(newSession());
    const blocker = new Database(test.path, { timeout: 0 });
    blocker.exec('begin immediate');
    test.journal.append(id, text('kept'));
    test.journal.flush();
    expect(test.journal.stats().storage).toBe('paused');
    expect(test.journal.pendingBytes(id)).toBe(4);
    test.journal.append(id, text(' and kept'));
    expect(shown).toEqual([]);
    blocker.exec('rollback');
    blocker.close();
    await vi.waitFor(() => expect(test.journal.stats().storage).toBe('ok'), { timeout: 10_000 });
    const output = shown.flatMap((entry) => (entry.kind === 'output' ? [entry.bytes] : []));
    expect(Buffer.concat(output).toString()).toBe('kept and kept');
    expect(notices.map((notice) => notice.kind)).toEqual(['storage-paused', 'storage-resumed']);
    expect(notices[0]).toMatchObject({ code: 'SQLITE_BUSY', pendingBytes: 4 });
  });

  it('a full disk pauses storing without losing or doubling a byte', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('journal.db');
    const notices: JournalNotice[] = [];
    const db = await openDatabase({ path, synchronous: 'normal', identity: journalSchema });
    await using journal = new SqliteJournal(db, { path, synchronous: 'normal', onNotice: (notice) => notices.push(notice) });
    const { id } = journal.createSession(newSession());
    // SQLite's own limit of the file's size fails as a full disk does: in the middle of a transaction, with SQLITE_FULL.
    db.pragma('max_page_count = 300');
    for (let from = 0; from < 3_000_000; from += 10_000) journal.append(id, pattern(0, from, from + 10_000));
    journal.flush();
    expect(journal.stats().storage).toBe('paused');
    expect(notices).toMatchObject([{ kind: 'storage-paused', code: 'SQLITE_FULL' }]);
    const stored = journal.session(id)?.endOffset ?? 0;
    expect(stored).toBeGreaterThan(0);
    expect(stored + journal.pendingBytes(id)).toBe(3_000_000);
    expect(() => journal.createSession(newSession({ command: ['x'.repeat(1_000_000)] }))).toThrow(
      expect.objectContaining({ code: 'STORAGE_FAILED' }),
    );
    db.pragma('max_page_count = 1000000');
    await vi.waitFor(() => expect(journal.pendingBytes(id)).toBe(0), { timeout: 10_000 });
    const { stream } = await readHistory(journal, id, { maxBytes: 1_000_000 });
    expect(outputOf(stream).equals(pattern(0, 0, 3_000_000))).toBe(true);
    expect(notices.at(-1)).toMatchObject({ kind: 'storage-resumed' });
    expect(journal.sessions().length).toBe(1);
  });

  it('a run that ended meanwhile is refused loudly and stored by itself later, once', async () => {
    await using test = await openTestJournal();
    const { id } = test.journal.createSession(newSession());
    const blocker = new Database(test.path, { timeout: 0 });
    blocker.exec('begin immediate');
    test.journal.append(id, text('tail'));
    expect(() => test.journal.runEnded(id, EXITED)).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED' }));
    expect(test.journal.session(id)?.state).toBe('starting');
    blocker.close();
    expect(test.journal.runEnded(id, EXITED)).toMatchObject({ state: 'exited', endOffset: 4 });
    const { stream } = await readHistory(test.journal, id);
    expect(marksOf(stream).map((mark) => mark.kind)).toEqual(['resize', 'time', 'exit']);
  });

  it('closing with output that cannot be stored says so', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('journal.db');
    const journal = await openJournal({ path, synchronous: 'normal' });
    const { id } = journal.createSession(newSession());
    const blocker = new Database(path, { timeout: 0 });
    blocker.exec('begin immediate');
    journal.append(id, text('lost'));
    await expect(journal.close()).rejects.toMatchObject({ code: 'STORAGE_FAILED', message: expect.stringContaining('4 bytes') });
    blocker.close();
  });
});

describe('closing', () => {
  it('stores what is queued, leaves one file, and refuses everything afterwards', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('journal.db');
    const journal = await openJournal({ path, synchronous: 'normal' });
    const { id } = journal.createSession(newSession());
    journal.append(id, text('the end'));
    await Promise.all([journal.close(), journal.close()]);
    expect(() => journal.append(id, text('x'))).toThrow(expect.objectContaining({ code: 'STORAGE_CLOSED' }));
    const db = new Database(path, { readonly: true });
    expect(db.prepare('select data from tail').pluck().get()).toEqual(Buffer.from('the end'));
    db.close();
  });
});

function countRows(path: string): Record<'tail' | 'purge' | 'session' | 'run', unknown> {
  const db = new Database(path, { readonly: true });
  const count = (table: string): unknown => db.prepare(`select count(*) from ${table}`).pluck().get();
  const counts = { tail: count('tail'), purge: count('purge'), session: count('session'), run: count('run') };
  db.close();
  return counts;
}
