// Owns how a session looks from outside: what the host knows, joined with names and viewers. Pure.
import type { Session } from '@cotg/api';
import type { HostSession } from '@cotg/pty/client';
import { plainLine } from '@cotg/screen';

export interface SessionNotes {
  readonly name: string | null;
  readonly profile: string | null;
  /** Title that the program itself set, control characters removed. */
  readonly terminalTitle: string | null;
  readonly attention: boolean;
  readonly viewers: number;
  readonly pinned: boolean;
  /** Until an ended one is removed (ms); null: it stays, or lives. */
  readonly removedInMs: number | null;
  /** Wall clock, epoch ms. */
  readonly now: number;
}

const iso = (ms: number): string => new Date(ms).toISOString();
const isoOrNull = (ms: number | null): string | null => (ms === null ? null : iso(ms));

export function isAlive(session: Pick<HostSession, 'state'>): boolean {
  return session.state === 'starting' || session.state === 'running';
}

export function viewOf(session: HostSession, notes: SessionNotes): Session {
  const alive = isAlive(session);
  const removedAt = notes.removedInMs === null ? null : notes.now + notes.removedInMs;
  return {
    id: session.id,
    name: notes.name,
    title: notes.name ?? notes.terminalTitle ?? plainLine(session.command.join(' ')),
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
    idleEndsAt: isoOrNull(session.idleEndsAt),
    removedAt: removedAt === null ? null : iso(removedAt),
    firstOffset: session.firstOffset,
    endOffset: session.endOffset,
    storedBytes: session.storedBytes,
    maxHistoryBytes: session.maxHistoryBytes,
    viewers: notes.viewers,
    attention: notes.attention,
    pinned: notes.pinned,
    forecast: forecastOf(session, removedAt, notes),
  };
}

/** In words, with the reason. */
function forecastOf(session: HostSession, removedAt: number | null, { now, viewers }: SessionNotes): string | null {
  if (isAlive(session)) {
    if (session.idleEndsAt === null) return null;
    const after = `${inWords(session.idleTimeoutMs)} without a viewer, a key or output`;
    return viewers > 0 ? null : `Ends in ${inWords(session.idleEndsAt - now)} if nothing happens: ${after} is its limit.`;
  }
  if (removedAt === null) return null;
  return `Will be removed in ${inWords(removedAt - now)}: it has ended.`;
}

const UNITS = [
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
  [1000, 'second'],
] as const;

function inWords(ms: number): string {
  const [unitMs, unit] = UNITS.find(([each]) => ms >= each) ?? [1000, 'second'];
  const count = Math.max(1, Math.round(ms / unitMs));
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

/** Newest activity first; ties by id, so that the order is stable. */
export function byActivity(a: HostSession, b: HostSession): number {
  return b.lastActivityAt - a.lastActivityAt || (a.id < b.id ? -1 : 1);
}
