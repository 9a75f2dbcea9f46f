// Owns the sessions as the API sees them: the host's list joined with names and viewers; creating, ending, removing.
// Implements SessionsPort. The host is the authority on what exists; nothing is guessed while it does not answer.
import { randomUUID } from 'node:crypto';
import { homedir } from 'node:os';
import { isAbsolute } from 'node:path';
import { ApiError, may } from '@cotg/api';
import type { Caller, CreateSession, Session, SessionListEvent, SessionsPort, UpdateSession } from '@cotg/api';
import type { HostSession } from '@cotg/pty/client';
import type { Catalog } from '@cotg/db/catalog';
import type { ScreenFact } from '@cotg/screen';
import { messageOf } from '../errors.ts';
import { commandOf, environmentOf } from '../profiles.ts';
import { DeadGrace } from '../lifecycle/dead-grace.ts';
import type { SweptSessions } from '../lifecycle/sweeper.ts';
import type { Logger } from '../log.ts';
import { parseDuration } from '../settings.ts';
import { Broadcast } from './broadcast.ts';
import type { Audit } from './audit.ts';
import { cleanLabel } from './clean-label.ts';
import type { HostLink } from './host-link.ts';
import type { ProfileService } from './profile-service.ts';
import { SessionPlaces } from './session-places.ts';
import { byActivity, isAlive, viewOf } from './session-view.ts';

/** A phone's usual grid; the first viewer sets its own anyway. */
const DEFAULT_COLS = 80;
const DEFAULT_ROWS = 24;
/** The host itself escalates to SIGKILL after 2 s; a loaded machine gets time to report it. */
const KILL_WAIT_MS = 10_000;
/** What a client may not put into a child's environment: code that would run before the program does. */
const FORBIDDEN_ENV = /^(LD_|DYLD_|NODE_OPTIONS$|BASH_ENV$|ENV$|PYTHONSTARTUP$|PERL5OPT$|RUBYOPT$)/;

/** What the emulators know of sessions. */
export interface ScreenFacts {
  storedTitle(sessionId: string): string;
  storedPreview(sessionId: string): readonly string[];
  previews(on: boolean): void;
}

export interface SessionServiceOptions {
  readonly host: HostLink;
  readonly catalog: Catalog;
  readonly audit: Audit;
  readonly defaultCommand: readonly string[];
  readonly profiles: ProfileService;
  readonly childEnv: Readonly<Record<string, string>>;
  readonly maxHistoryBytes: number;
  readonly idleTimeoutMs: number;
  /** 0: ended sessions stay for ever. */
  readonly deadGraceMs: number;
  readonly maxSessions: number;
  readonly viewersOf: (sessionId: string) => number;
  readonly screens: ScreenFacts;
  readonly log: Logger;
  /** For those who look at the session; `title` is what they see as its title now. */
  readonly onFact: (sessionId: string, fact: ScreenFact, title: string) => void;
}

export class SessionService implements SessionsPort, SweptSessions {
  readonly #options: SessionServiceOptions;
  readonly #names = new Map<string, string>();
  /** Which profile each was started from. */
  readonly #profiles = new Map<string, string>();
  readonly #titles = new Map<string, string>();
  readonly #previews = new Map<string, readonly string[]>();
  readonly #attention = new Set<string>();
  readonly #pinned = new Set<string>();
  /** Ended sessions that a client has seen ended: since when. */
  readonly #endSeen = new Map<string, number>();
  readonly #grace: DeadGrace;
  /** Sessions that the host has been told are looked at. */
  readonly #watched = new Set<string>();
  readonly #places: SessionPlaces;
  #watchers = 0;
  readonly #changes = new Broadcast<SessionListEvent>();
  readonly #ends = new Broadcast<HostSession>();
  readonly #stop: (() => void)[] = [];

  private constructor(options: SessionServiceOptions) {
    this.#options = options;
    this.#places = new SessionPlaces(options.host, options.maxSessions);
    this.#grace = new DeadGrace(options.deadGraceMs);
    this.#stop.push(
      options.host.onEvent((event) => {
        if (event.type === 'session') {
          const { session } = event;
          if (isAlive(session)) this.#livesAgain(session.id);
          // Told to whoever looks at the list or at the session.
          else if (this.#changes.size > 0 || options.viewersOf(session.id) > 0) this.#noteEndSeen(session);
          this.#changes.send({ type: 'session', session: this.#view(session) });
          if (!isAlive(session)) this.#ends.send(session);
        } else if (event.type === 'removed') {
          this.#titles.delete(event.sessionId);
          this.#previews.delete(event.sessionId);
          this.#attention.delete(event.sessionId);
          this.#pinned.delete(event.sessionId);
          this.#endSeen.delete(event.sessionId);
          this.#grace.forget(event.sessionId);
          this.#changes.send({ type: 'removed', sessionId: event.sessionId });
        }
      }),
      options.host.onConnected((sessions) => {
        for (const { id } of sessions) this.#tellViewers(id);
        if (this.#changes.size > 0) this.#changes.send({ type: 'list', sessions: this.#viewAll(sessions) });
      }),
    );
  }

  static async open(options: SessionServiceOptions): Promise<SessionService> {
    const service = new SessionService(options);
    for (const { sessionId, name, profile, pinned, endSeenAt } of await options.catalog.sessions.list()) {
      if (name !== null) service.#names.set(sessionId, name);
      if (profile !== null) service.#profiles.set(sessionId, profile);
      if (pinned) service.#pinned.add(sessionId);
      if (endSeenAt !== null) service.#endSeen.set(sessionId, endSeenAt);
    }
    return service;
  }

  async list(): Promise<readonly Session[]> {
    const { reply } = await this.#options.host.request('list', {});
    return this.#viewAll(reply.sessions);
  }

  async get(id: string): Promise<Session> {
    return this.#seen(await this.#find(id));
  }

  async create(request: CreateSession, caller: Caller): Promise<Session> {
    // An environment of its own would make another program of the default one: PATH says which is found.
    if ((request.command || request.env) && !may(caller, 'admin')) {
      throw new ApiError('FORBIDDEN', 'This device may only start profiles.');
    }
    const profile = this.#options.profiles.chosen(request, caller);
    for (const name of Object.keys(request.env ?? {})) {
      if (FORBIDDEN_ENV.test(name)) throw new ApiError('BAD_INPUT', `${name} may not be set from outside.`);
    }
    const cwd = request.cwd ?? profile?.cwd ?? homedir();
    if (!isAbsolute(cwd)) throw new ApiError('BAD_INPUT', 'cwd must be an absolute folder.');
    const name = request.name === undefined || request.name === '' ? null : cleanName(request.name);
    const usualIdleMs = profile?.idleTimeoutMs ?? this.#options.idleTimeoutMs;
    const idleTimeoutMs = request.idleTimeout === undefined ? usualIdleMs : durationMs(request.idleTimeout);

    const sessionId = randomUUID();
    using _place = await this.#places.take(sessionId);
    const created = await this.#options.host.request('create', {
      sessionId,
      command: request.command ?? (profile ? commandOf(profile, sessionId) : this.#options.defaultCommand),
      cwd,
      env: { ...this.#options.childEnv, ...(profile ? environmentOf(profile) : {}), ...request.env, COTG_SESSION_ID: sessionId },
      cols: request.cols ?? DEFAULT_COLS,
      rows: request.rows ?? DEFAULT_ROWS,
      maxHistoryBytes: request.maxHistoryBytes ?? profile?.maxHistoryBytes ?? this.#options.maxHistoryBytes,
      idleTimeoutMs,
    });
    if (profile) {
      this.#profiles.set(sessionId, profile.name);
      await this.#store(this.#options.catalog.sessions.setProfile(sessionId, profile.name));
    }
    if (name !== null) {
      this.#names.set(sessionId, name);
      await this.#store(this.#options.catalog.sessions.setName(sessionId, name));
    }
    await this.#audit(caller, 'session.create', sessionId);
    return this.#view(created.reply.session);
  }

  async update(id: string, change: UpdateSession, caller: Caller): Promise<Session> {
    await this.#find(id);
    if (change.name !== undefined) await this.#rename(id, change.name);
    if (change.pinned !== undefined) await this.#pin(id, change.pinned);
    if (change.maxHistoryBytes !== undefined || change.idleTimeout !== undefined) {
      await this.#options.host.request('update', {
        sessionId: id,
        ...(change.maxHistoryBytes === undefined ? {} : { maxHistoryBytes: change.maxHistoryBytes }),
        ...(change.idleTimeout === undefined ? {} : { idleTimeoutMs: durationMs(change.idleTimeout) }),
      });
    }
    await this.#audit(caller, 'session.update', id);
    const session = await this.get(id);
    this.#changes.send({ type: 'session', session });
    return session;
  }

  async kill(id: string, caller: Caller): Promise<Session> {
    const ended = this.#waitForEnd(id);
    try {
      await this.#options.host.request('kill', { sessionId: id, reason: 'user' });
      await this.#audit(caller, 'session.kill', id);
      return this.#seen(await ended.session);
    } finally {
      ended.cancel();
    }
  }

  async restart(id: string, caller: Caller): Promise<Session> {
    using _place = await this.#places.take(id);
    const { command, env } = this.#options.profiles.again(await this.#find(id), this.#profiles.get(id));
    const { reply } = await this.#options.host.request('restart', {
      sessionId: id,
      ...(command ? { command } : {}),
      env: { ...this.#options.childEnv, ...env, COTG_SESSION_ID: id },
      note: `started again by ${caller.kind === 'owner' ? 'the owner' : 'a device'}`,
    });
    await this.#audit(caller, 'session.restart', id);
    return this.#view(reply.session);
  }

  async remove(id: string, caller: Caller): Promise<void> {
    await this.#remove(id);
    await this.#audit(caller, 'session.remove', id);
  }

  async due(): Promise<readonly string[]> {
    const { reply } = await this.#options.host.request('list', {});
    return reply.sessions.filter((session) => !isAlive(session) && this.#removedInMs(session) === 0).map(({ id }) => id);
  }

  async removeSwept(id: string): Promise<void> {
    await this.#remove(id);
    await this.#options.audit.recordAs({ at: Date.now(), actor: 'server', action: 'session.expire', sessionId: id, detail: {} });
  }

  async #remove(id: string): Promise<void> {
    await this.#options.host.request('remove', { sessionId: id });
    this.#names.delete(id);
    this.#profiles.delete(id);
    // It is gone, whatever the catalog can store: a row without a session is never looked at.
    await this.#store(this.#options.catalog.sessions.remove(id));
  }

  /** As a client is shown it: the grace of an ended one counts from the first time. */
  #seen(session: HostSession): Session {
    if (!isAlive(session)) this.#noteEndSeen(session);
    return this.#view(session);
  }

  #noteEndSeen({ id }: HostSession): void {
    if (this.#endSeen.has(id)) return;
    const now = Date.now();
    this.#endSeen.set(id, now);
    void this.#store(this.#options.catalog.sessions.noteEndSeen(id, now));
  }

  #livesAgain(id: string): void {
    if (!this.#endSeen.delete(id)) return;
    this.#grace.forget(id);
    void this.#store(this.#options.catalog.sessions.clearEndSeen(id));
  }

  /** What is worth less than an answer: it is known in memory, and lost only with this process. */
  async #store(change: Promise<void>): Promise<void> {
    try {
      await change;
    } catch (error) {
      this.#options.log.error({ error: messageOf(error) }, 'the catalog could not be written');
    }
  }

  #removedInMs(session: HostSession): number | null {
    const { id, endedAt } = session;
    if (endedAt === null) return null;
    const ended = { id, endedAt, seenAt: this.#endSeen.get(id) ?? null, pinned: this.#pinned.has(id) };
    return this.#grace.leftMs(ended, Date.now(), performance.now());
  }

  /** The host counts idle time and must know who looks. */
  #tellViewers(id: string): void {
    const viewers = this.#options.viewersOf(id);
    if (viewers === 0 && !this.#watched.delete(id)) return;
    if (viewers > 0) this.#watched.add(id);
    // Unknown or away: the next connection to the host says it again.
    this.#options.host.request('viewers', { sessionId: id, viewers }).catch(() => undefined);
  }

  async *watch(signal: AbortSignal): AsyncGenerator<SessionListEvent> {
    const changes = this.#changes.stream(signal);
    // The stream listens from its first `next`: start it before the list is read, so that nothing falls between.
    let next = changes.next();
    this.#watchers += 1;
    if (this.#watchers === 1) this.#options.screens.previews(true);
    try {
      const sessions = await this.list();
      yield { type: 'list', sessions };
      for (const { id } of sessions) {
        const lines = this.#previews.get(id) ?? this.#options.screens.storedPreview(id);
        if (lines.length > 0) yield { type: 'preview', sessionId: id, lines };
      }
      for (;;) {
        const { done, value } = await next;
        if (done) return;
        yield value === 'overflow' ? { type: 'list', sessions: await this.list() } : value;
        next = changes.next();
      }
    } finally {
      this.#watchers -= 1;
      if (this.#watchers === 0) this.#options.screens.previews(false);
    }
  }

  /** What a program told beside its screen. */
  fact(sessionId: string, fact: ScreenFact): void {
    if (fact.kind === 'title') this.#titles.set(sessionId, fact.title);
    // Whoever looks at the session has seen it.
    else if (this.#options.viewersOf(sessionId) === 0) this.#attention.add(sessionId);
    this.#options.onFact(sessionId, fact, this.#names.get(sessionId) ?? (fact.kind === 'title' ? fact.title : ''));
    this.#announce(sessionId);
  }

  preview(sessionId: string, lines: readonly string[]): void {
    this.#previews.set(sessionId, lines);
    this.#changes.send({ type: 'preview', sessionId, lines });
  }

  /** A viewer came or went. */
  viewersChanged(id: string): void {
    if (this.#options.viewersOf(id) > 0) this.#attention.delete(id);
    this.#tellViewers(id);
    this.#announce(id);
  }

  #announce(id: string): void {
    if (this.#changes.size === 0) return;
    this.#find(id).then(
      (session) => this.#changes.send({ type: 'session', session: this.#view(session) }),
      () => undefined, // Gone meanwhile: `removed` has said so.
    );
  }

  async #find(id: string): Promise<HostSession> {
    const { reply } = await this.#options.host.request('list', {});
    const session = reply.sessions.find((candidate) => candidate.id === id);
    if (!session) throw new ApiError('UNKNOWN_SESSION', 'There is no such session.');
    return session;
  }

  /** Named and pinned: no sweep takes it. */
  async keep(id: string, name: string): Promise<void> {
    await this.#rename(id, name);
    await this.#pin(id, true);
  }

  async #pin(id: string, pinned: boolean): Promise<void> {
    await this.#options.catalog.sessions.setPinned(id, pinned);
    if (pinned) this.#pinned.add(id);
    else this.#pinned.delete(id);
  }

  titleOf(session: HostSession): string {
    return this.#view(session).title;
  }

  /** For a viewer of the session. */
  view(session: HostSession): Session {
    return this.#seen(session);
  }

  #view(session: HostSession): Session {
    return viewOf(session, {
      name: this.#names.get(session.id) ?? null,
      profile: this.#profiles.get(session.id) ?? null,
      terminalTitle: (this.#titles.get(session.id) ?? this.#options.screens.storedTitle(session.id)) || null,
      attention: this.#attention.has(session.id),
      viewers: this.#options.viewersOf(session.id),
      pinned: this.#pinned.has(session.id),
      removedInMs: this.#removedInMs(session),
      now: Date.now(),
    });
  }

  #viewAll(sessions: readonly HostSession[]): Session[] {
    return sessions.toSorted(byActivity).map((session) => this.#seen(session));
  }

  async #rename(id: string, name: string | null): Promise<void> {
    const clean = name === null ? null : cleanName(name);
    await this.#options.catalog.sessions.setName(id, clean);
    if (clean === null) this.#names.delete(id);
    else this.#names.set(id, clean);
  }

  #waitForEnd(id: string): { session: Promise<HostSession>; cancel: () => void } {
    const { promise, resolve, reject } = Promise.withResolvers<HostSession>();
    const timer = setTimeout(
      () => reject(new ApiError('SESSION_ALIVE', 'The program has not ended yet; it is being ended.', { hint: 'Look again in a moment.' })),
      KILL_WAIT_MS,
    );
    const stop = this.#ends.listen((session) => {
      if (session.id === id) resolve(session);
    });
    // When the request itself fails nobody awaits this.
    promise.catch(() => undefined);
    return {
      session: promise,
      cancel: () => {
        clearTimeout(timer);
        stop();
      },
    };
  }

  #audit(caller: Caller, action: string, sessionId: string): Promise<void> {
    return this.#options.audit.record(caller, action, {}, sessionId);
  }

  close(): void {
    for (const stop of this.#stop) stop();
  }
}

function durationMs(value: string | number): number {
  const ms = typeof value === 'number' ? value : parseDuration(value);
  if (ms === undefined || (ms > 0 && ms < 1000)) throw new ApiError('BAD_INPUT', 'A duration is at least 1 s, or 0 for never.');
  return ms;
}

function cleanName(name: string): string | null {
  const clean = cleanLabel(name);
  return clean === '' ? null : clean;
}
