// Owns all sessions by id: those of this host, and through the journal those that earlier hosts left. Must not know peers.
// Invariant: an id is never used twice while its journal is kept.
import { HostRequestError } from '../errors.ts';
import type { HostSession, SessionId } from '../protocol/messages.ts';
import type { Asker } from './asker.ts';
import { assertStartable } from './command-path.ts';
import { IdleClock } from './idle-clock.ts';
import type { IdleState } from './idle-clock.ts';
import { Session, stored } from './session.ts';
import type { CreateRequest, SessionParts } from './session.ts';
import { ViewerCounts } from './viewer-counts.ts';

export class SessionTable {
  readonly #parts: SessionParts;
  readonly #sessions = new Map<SessionId, Session>();
  readonly #viewers = new ViewerCounts();
  readonly #idle: IdleClock;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#idle = new IdleClock(parts.clock.monotonic());
  }

  viewers(asker: Asker, id: SessionId, viewers: number): void {
    this.#viewers.set(asker, id, viewers);
    this.#parts.changed(id);
  }

  /** Ends what has been idle for its time. Returns when to call again (ms from now). */
  endIdle(): number {
    const alive = [...this.#sessions.values()].filter((session) => session.alive);
    for (const id of this.#idle.tick(
      this.#parts.clock.monotonic(),
      alive.map((session) => this.#idleState(session)),
    )) {
      this.#parts.log.info({ session: id }, 'nobody looked, nothing was typed and nothing printed for the time set');
      this.#sessions.get(id)?.kill('idle');
    }
    return this.#idle.nextMs;
  }

  #idleState(session: Session): IdleState {
    const { id, activity } = session;
    const timeoutMs = this.#parts.journal.session(id)?.idleTimeoutMs ?? 0;
    return { id, timeoutMs, activity, viewers: this.#viewers.of(id) };
  }

  #viewOf(session: Session): HostSession {
    const view = session.view();
    const leftMs = session.alive ? this.#idle.leftMs(this.#idleState(session)) : null;
    return leftMs === null ? view : { ...view, idleEndsAt: this.#parts.clock.now() + leftMs };
  }

  /**
   * The next run of an ended session: the same program, folder and size. Throws UNKNOWN_SESSION, SESSION_ALIVE, TOO_MANY_SESSIONS,
   * CWD_NOT_FOUND, COMMAND_NOT_FOUND, STORAGE_FAILED (nothing has changed), SPAWN_FAILED.
   */
  restart(request: {
    readonly sessionId: SessionId;
    readonly command?: readonly string[];
    readonly env: Readonly<Record<string, string>>;
    readonly note: string;
  }): HostSession {
    const { limits } = this.#parts;
    const { sessionId: id, env, note } = request;
    const before = this.find(id);
    const { command: first, cwd, cols, rows, maxHistoryBytes, idleTimeoutMs, state } = this.view(id);
    const command = request.command ?? first;
    if (state === 'starting' || state === 'running') throw new HostRequestError('SESSION_ALIVE', 'the program still runs');
    if (this.aliveCount >= limits.sessions) {
      throw new HostRequestError('TOO_MANY_SESSIONS', `${limits.sessions} sessions run already`, { hint: 'End one first.' });
    }
    const create = { type: 'create', id: 0, sessionId: id, command, cwd, env, cols, rows, maxHistoryBytes, idleTimeoutMs } as const;
    assertStartable(create);
    const session = new Session(create, this.#parts, { note, ledger: before?.ledger });
    this.#sessions.set(id, session);
    this.#parts.changed(id);
    return this.#viewOf(session);
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
    return this.#viewOf(session);
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
    const found = this.find(id);
    const view = found ? this.#viewOf(found) : this.#parts.journal.session(id);
    if (!view) throw new HostRequestError('UNKNOWN_SESSION', `no session ${id}`);
    return view;
  }

  /** Oldest first. */
  list(): readonly HostSession[] {
    return this.#parts.journal.sessions().map((session) => {
      const found = this.#sessions.get(session.id);
      return found ? this.#viewOf(found) : session;
    });
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
