// Owns all sessions by id: those of this host, and through the journal those that earlier hosts left. Must not know peers.
// Invariant: an id is never used twice while its journal is kept.
import { HostRequestError } from '../errors.ts';
import type { HostSession, SessionId } from '../protocol/messages.ts';
import { assertStartable } from './command-path.ts';
import { Session, stored } from './session.ts';
import type { CreateRequest, SessionParts } from './session.ts';

export class SessionTable {
  readonly #parts: SessionParts;
  readonly #sessions = new Map<SessionId, Session>();

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  get aliveCount(): number {
    let count = 0;
    for (const session of this.#sessions.values()) if (session.alive) count += 1;
    return count;
  }

  /** Throws SESSION_EXISTS, TOO_MANY_SESSIONS, CWD_NOT_FOUND, COMMAND_NOT_FOUND (nothing created), SPAWN_FAILED, STORAGE_FAILED. */
  create(request: CreateRequest): HostSession {
    const { journal, limits } = this.#parts;
    if (journal.session(request.sessionId)) throw new HostRequestError('SESSION_EXISTS', `session ${request.sessionId} exists`);
    if (this.aliveCount >= limits.sessions) {
      throw new HostRequestError('TOO_MANY_SESSIONS', `${limits.sessions} sessions run already`, { hint: 'End one first.' });
    }
    assertStartable(request);
    const session = new Session(request, this.#parts);
    this.#sessions.set(session.id, session);
    this.#parts.changed(session.id);
    return session.view();
  }

  /** The session of this host under that id; undefined for one that an earlier host left. Throws UNKNOWN_SESSION. */
  find(id: SessionId): Session | undefined {
    const session = this.#sessions.get(id);
    if (!session && !this.#parts.journal.session(id)) throw new HostRequestError('UNKNOWN_SESSION', `no session ${id}`);
    return session;
  }

  /** Throws UNKNOWN_SESSION, SESSION_ENDED. */
  alive(id: SessionId): Session {
    const session = this.find(id);
    if (!session?.alive) throw new HostRequestError('SESSION_ENDED', 'the program has ended');
    return session;
  }

  /** Throws UNKNOWN_SESSION. */
  view(id: SessionId): HostSession {
    const view = this.find(id)?.view() ?? this.#parts.journal.session(id);
    if (!view) throw new HostRequestError('UNKNOWN_SESSION', `no session ${id}`);
    return view;
  }

  /** Oldest first. */
  list(): readonly HostSession[] {
    return this.#parts.journal.sessions().map((session) => this.#sessions.get(session.id)?.view() ?? session);
  }

  /** Throws UNKNOWN_SESSION, SESSION_ALIVE, STORAGE_FAILED. */
  remove(id: SessionId): void {
    if (this.find(id)?.alive) throw new HostRequestError('SESSION_ALIVE', 'the program still runs; end it first');
    stored(() => this.#parts.journal.removeSession(id));
    this.#sessions.delete(id);
  }

  /** Ends all children and resolves when their ends are recorded. Sessions in the middle of a kill keep their grace. */
  async endAll(graceMs: number): Promise<void> {
    const alive = [...this.#sessions.values()].filter((session) => session.alive);
    for (const session of alive) session.kill('user', graceMs);
    await Promise.all(alive.map((session) => session.ended()));
  }

  committed(id: SessionId): void {
    this.#sessions.get(id)?.committed();
  }
}
