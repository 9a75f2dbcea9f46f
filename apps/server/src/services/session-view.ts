// Owns how a session looks from outside: what the host knows, joined with names and viewers. Pure.
import type { Session } from '@cotg/api';
import type { HostSession } from '@cotg/pty/client';

export interface SessionNotes {
  readonly name: string | null;
  readonly profile: string | null;
  /** Title that the program itself set, control characters removed. */
  readonly terminalTitle: string | null;
  readonly attention: boolean;
  readonly viewers: number;
}

const iso = (ms: number): string => new Date(ms).toISOString();
const isoOrNull = (ms: number | null): string | null => (ms === null ? null : iso(ms));

export function isAlive(session: Pick<HostSession, 'state'>): boolean {
  return session.state === 'starting' || session.state === 'running';
}

export function viewOf(session: HostSession, notes: SessionNotes): Session {
  const alive = isAlive(session);
  return {
    id: session.id,
    name: notes.name,
    title: notes.name ?? notes.terminalTitle ?? session.command.join(' '),
    profile: notes.profile,
    command: [...session.command],
    cwd: session.cwd,
    run: session.run,
    pid: session.pid,
    state: session.state,
    alive,
    reason: session.reason,
    exitCode: session.exitCode,
    signal: session.signal,
    cols: session.cols,
    rows: session.rows,
    createdAt: iso(session.createdAt),
    lastActivityAt: iso(session.lastActivityAt),
    endedAt: isoOrNull(session.endedAt),
    // Nothing sweeps yet, so nothing is forecast.
    idleEndsAt: null,
    removedAt: null,
    firstOffset: session.firstOffset,
    endOffset: session.endOffset,
    storedBytes: session.storedBytes,
    maxHistoryBytes: session.maxHistoryBytes,
    viewers: notes.viewers,
    attention: notes.attention,
  };
}

/** Newest activity first; ties by id, so that the order is stable. */
export function byActivity(a: HostSession, b: HostSession): number {
  return b.lastActivityAt - a.lastActivityAt || (a.id < b.id ? -1 : 1);
}
