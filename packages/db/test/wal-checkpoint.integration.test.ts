import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, it, vi } from 'vitest';
import type { JournalNotice, SqliteJournal } from '../src/journal.ts';
import { openTestJournal } from '../src/testing.ts';
import { pattern } from './support/pattern.ts';
import { outputOf, readHistory } from './support/read-history.ts';
import { newSession, text } from './support/sessions.ts';

const MIB = 1024 * 1024;
const STUCK_READER = new URL('support/stuck-reader-worker.ts', import.meta.url);

const turnOfTheLoop = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Appends as a flood would: as fast as the journal takes it, up to `bytes`. Returns the largest log seen. */
async function flood(test: { journal: SqliteJournal; path: string }, id: string, bytes: number): Promise<number> {
  const { journal, path } = test;
  let largest = 0;
  let end = journal.session(id)?.endOffset ?? 0;
  const until = end + bytes;
  while (end < until || journal.pendingBytes(id) > 0) {
    // The host stops reading a terminal that has this much pending.
    while (end < until && journal.pendingBytes(id) < MIB) {
      journal.append(id, pattern(1, end, Math.min(until, end + 64 * 1024)));
      end = Math.min(until, end + 64 * 1024);
    }
    await turnOfTheLoop();
    largest = Math.max(largest, walSize(path));
  }
  return largest;
}

const walSize = (path: string): number => statSync(`${path}-wal`).size;

describe('the write-ahead log', () => {
  it('stays below 64 MiB in a flood, is copied by a worker, and is cut when the flood is over', async () => {
    await using test = await openTestJournal();
    const { id } = test.journal.createSession(newSession({ maxHistoryBytes: 1024 * MIB }));
    test.journal.followed(true);
    expect(await flood(test, id, 200 * MIB)).toBeLessThan(64 * MIB);
    const { counters } = test.journal.metrics();
    expect(counters).toMatchObject({ wal_checkpoint_failures: 0, wal_holds_expired: 0, reads_ended: 0 });
    expect(counters['wal_checkpoints']).toBeGreaterThan(0);
    await vi.waitFor(() => expect(walSize(test.path)).toBe(0), { timeout: 30_000 });
    await vi.waitFor(() => expect(test.journal.metrics().counters['wal_truncations']).toBe(1));
    expect(test.journal.append(id, text('!'))).toBe(200 * MIB + 1);
  });

  it('F38: a reader of ours that is stuck in a transaction is ended, and the log stays below 64 MiB', async () => {
    const notices: JournalNotice[] = [];
    await using test = await openTestJournal({ testing: { readerWorker: STUCK_READER }, onNotice: (notice) => notices.push(notice) });
    const { id } = test.journal.createSession(newSession({ maxHistoryBytes: 1024 * MIB }));
    test.journal.followed(true);
    await flood(test, id, MIB);
    const request = { id, fromOffset: 0, afterMark: 0, toOffset: MIB, maxBytes: MIB, cursor: null };
    const answer = test.journal.history(request, new AbortController().signal);
    const refused = expect(answer).rejects.toMatchObject({ code: 'HISTORY_TIMEOUT' });
    expect(await flood(test, id, 300 * MIB)).toBeLessThan(64 * MIB);
    await refused;
    expect(test.journal.metrics().counters['reads_ended']).toBeGreaterThan(0);
    expect(notices).toEqual([]);
  });

  it('F38: history read all the time does not make it grow beyond 64 MiB either', async () => {
    await using test = await openTestJournal();
    const { id } = test.journal.createSession(newSession({ maxHistoryBytes: 1024 * MIB }));
    test.journal.followed(true);
    await flood(test, id, 8 * MIB);
    const flooding = flood(test, id, 200 * MIB);
    const state = { flooded: false };
    void flooding.then(() => (state.flooded = true));
    let reads = 0;
    while (!state.flooded) {
      const { stream } = await readHistory(test.journal, id, { toOffset: 8 * MIB, maxBytes: MIB });
      expect(outputOf(stream).length).toBe(8 * MIB);
      reads++;
    }
    expect(reads).toBeGreaterThan(2);
    expect(await flooding).toBeLessThan(64 * MIB);
  });

  it('F41: on a disk whose syncs take 200 ms an echo comes within 100 ms, the log stays below 64 MiB, and the flood waits', async () => {
    await using test = await openTestJournal({ testing: { checkpointWorker: SLOW_WORKER } });
    const { journal } = test;
    const { id } = journal.createSession(newSession({ maxHistoryBytes: 1024 * MIB }));
    const typed = journal.createSession(newSession()).id;
    journal.followed(true);
    const waiting: number[] = [];
    const echoes: number[] = [];
    journal.onCommitted((entries) => {
      for (const entry of entries) {
        if (entry.kind === 'output' && entry.sessionId === typed) echoes.push(performance.now() - (waiting.shift() ?? 0));
      }
    });
    const keys = setInterval(() => {
      journal.typed(typed);
      waiting.push(performance.now());
      journal.append(typed, text('k'));
    }, 50);
    const largest = await flood(test, id, 150 * MIB);
    clearInterval(keys);
    expect(largest).toBeLessThan(64 * MIB);
    const sorted = echoes.toSorted((a, b) => a - b);
    expect(sorted.length).toBeGreaterThan(20);
    expect(sorted[Math.floor(sorted.length * 0.95)]).toBeLessThan(100);
    expect(journal.metrics().counters['wal_holds']).toBeGreaterThan(0);
  });

  it('a stranger that keeps the file open is named when the log has grown too long, and output is stored all the same', async () => {
    const notices: JournalNotice[] = [];
    await using test = await openTestJournal({ onNotice: (notice) => notices.push(notice) });
    const { id } = test.journal.createSession(newSession({ maxHistoryBytes: 1024 * MIB }));
    const stranger = new Database(test.path, { readonly: true });
    stranger.exec('begin');
    stranger.prepare('select count(*) from session').get();
    await flood(test, id, 100 * MIB);
    expect(notices).toEqual([expect.objectContaining({ kind: 'log-too-long' })]);
    expect(test.journal.session(id)?.endOffset).toBe(100 * MIB);
    stranger.close();
  });

  it('while the worker cannot do its work SQLite checkpoints inside commits, and the log has a bound', async () => {
    const notices: JournalNotice[] = [];
    await using test = await openTestJournal({ onNotice: (notice) => notices.push(notice), testing: { checkpointWorker: BROKEN_WORKER } });
    const { id } = test.journal.createSession(newSession({ maxHistoryBytes: 1024 * MIB }));
    test.journal.followed(true);
    let largest = 0;
    // Until the second failure, a second after the first, and 40 MiB more.
    while (notices.length < 2) {
      largest = Math.max(largest, await flood(test, id, 256 * 1024));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    largest = Math.max(largest, await flood(test, id, 40 * MIB));
    expect(notices.every(({ kind }) => kind === 'checkpoint-failed')).toBe(true);
    expect(largest).toBeLessThan(64 * MIB);
    const db = new Database(test.path, { readonly: true });
    const [, logged] = db.prepare<[], number[]>('pragma wal_checkpoint(noop)').raw().get() ?? [];
    db.close();
    expect(logged).toBeLessThan(4096);
  });

  it('a worker that dies is replaced', async () => {
    const notices: JournalNotice[] = [];
    let requests = 0;
    const step = (name: string): void => {
      if (name === 'checkpoint:passive') requests++;
    };
    await using test = await openTestJournal({
      onNotice: (notice) => notices.push(notice),
      testing: { checkpointWorker: DIES_ONCE_WORKER, step },
    });
    const { id } = test.journal.createSession(newSession({ maxHistoryBytes: 1024 * MIB }));
    test.journal.followed(true);
    while (test.journal.metrics().counters['wal_checkpoints'] === 0) {
      await flood(test, id, 256 * 1024);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(notices).toEqual([expect.objectContaining({ kind: 'checkpoint-failed' })]);
    expect(requests).toBeGreaterThanOrEqual(2);
  });
});

const SLOW_WORKER = new URL('support/slow-checkpoint-worker.ts', import.meta.url);
const BROKEN_WORKER = new URL("data:text/javascript,throw new Error('it cannot start')");
/** The journal gives each worker its turn: the first ends at its first request. */
const DIES_ONCE_WORKER = new URL('support/dies-once-checkpoint-worker.ts', import.meta.url);
