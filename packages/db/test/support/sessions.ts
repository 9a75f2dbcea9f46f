// Sessions and outputs for tests that do not care which.
import { randomUUID } from 'node:crypto';
import type { CommittedEntry, NewSession, RunEnd, SqliteJournal } from '../../src/journal.ts';
import type { Stream } from './read-history.ts';

export const CREATED_AT = 1_700_000_000_000;

export function newSession(change: Partial<NewSession> = {}): NewSession {
  return {
    id: randomUUID(),
    command: ['bash', '-l'],
    cwd: '/tmp',
    cols: 80,
    rows: 24,
    maxHistoryBytes: 50 * 1024 * 1024,
    idleTimeoutMs: 86_400_000,
    createdAt: CREATED_AT,
    ...change,
  };
}

export const EXITED: RunEnd = { state: 'exited', reason: 'exit', exitCode: 3, signal: null, endedAt: CREATED_AT + 5000 };

export function text(value: string): Uint8Array {
  return Buffer.from(value);
}

/** Collects what the listener is told, by session; join it to compare. */
export function collectCommitted(journal: SqliteJournal): Map<string, Stream> {
  const streams = new Map<string, Stream>();
  journal.onCommitted((entries: readonly CommittedEntry[]) => {
    for (const entry of entries) {
      const stream = streams.get(entry.sessionId) ?? [];
      streams.set(entry.sessionId, stream);
      stream.push(entry.kind === 'mark' ? { mark: entry.entry } : { output: entry.bytes });
    }
  });
  return streams;
}
