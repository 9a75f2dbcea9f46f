// Owns who looks at which session: attach, input, acknowledgements, sizes. What a viewer gets is in viewer-stream.ts. Implements OutputPort.
import { ApiError, may } from '@cotg/api';
import type {
  Ack,
  Attach,
  AttachEvent,
  Backlog,
  Caller,
  Detached,
  DetachOthers,
  Input,
  InputResult,
  OutputPort,
  PlacedEvent,
  Resize,
  RestInput,
  RestResize,
  Screen,
  ScreenRequest,
  Session,
  TakeControl,
} from '@cotg/api';
import type { HostSession, StorageState } from '@cotg/pty/client';
import type { ScreenFact } from '@cotg/screen';
import type { Logger } from '../log.ts';
import { eventOfFact } from './attach-events.ts';
import type { ReconnectCounts } from './metrics-service.ts';
import type { HostLink } from './host-link.ts';
import { Reconnects } from './reconnects.ts';
import { Resizes } from './resizes.ts';
import { isUpToDate } from './resume-position.ts';
import { ScreenComparer } from './screen-comparer.ts';
import { ScriptInput } from './script-input.ts';
import { ANSWERING, NOT_ANSWERING, PAUSED, RESUMED } from './notices.ts';
import { ViewerStream } from './viewer-stream.ts';
import type { Screens } from './viewer-stream.ts';
import { CONTROL_GRACE_MS } from './size-control.ts';
import { SessionViewers } from './viewers.ts';
import type { Reader } from './viewers.ts';
import type { Follower } from './wait-service.ts';

/** A tab that reloads comes back within this; the feed is kept meanwhile. */
const FEED_LINGER_MS = 5000;
export interface OutputServiceOptions {
  readonly host: HostLink;
  readonly view: (session: HostSession) => Session;
  readonly viewersChanged: (sessionId: string) => void;
  readonly screens: Screens;
  readonly log: Logger;
}

export class OutputService implements OutputPort {
  readonly #options: OutputServiceOptions;
  readonly #startedAt = Date.now();
  readonly #sessions = new Map<string, SessionViewers>();
  readonly #lingering = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #stop: (() => void)[];
  readonly #scripts: ScriptInput;
  readonly #comparer: ScreenComparer;
  readonly #reconnects = new Reconnects();
  readonly #resizes: Resizes;
  #isPaused = false;
  #isHostSilent = false;

  constructor(options: OutputServiceOptions) {
    this.#options = options;
    this.#comparer = new ScreenComparer({ screens: options.screens, look: (id) => this.hostSession(id), log: options.log });
    this.#resizes = new Resizes(
      async (id, { cols, rows }) => (await options.host.request('resize', { sessionId: id, cols, rows })).reply.session,
    );
    this.#scripts = new ScriptInput({
      send: (input) => this.input(input),
      lastInput: async (sessionId, viewerId) => (await options.host.request('lastInput', { sessionId, viewerId })).reply.lastInput,
    });
    this.#stop = [
      options.host.onEvent((event, body) => {
        if ('sessionId' in event) this.#sessions.get(event.sessionId)?.feed.take(event, body);
        if (event.type === 'removed') this.#forget(event.sessionId);
        if (event.type === 'storage') this.#storageIs(event.storage);
      }),
      options.host.onConnected((_sessions, host) => {
        this.#storageIs(host.storage);
        for (const session of this.#sessions.values()) session.feed.restart();
      }),
      options.host.onAnswering((answers) => this.#hostAnswers(answers)),
    ];
  }

  #storageIs(storage: StorageState): void {
    const isPaused = storage === 'paused';
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    this.#tellAll(this.#notice() ?? RESUMED);
  }

  #hostAnswers(answers: boolean): void {
    this.#isHostSilent = !answers;
    this.#tellAll(this.#notice() ?? ANSWERING);
  }

  /** What whoever looks should know now; the graver of two. */
  #notice(): AttachEvent | undefined {
    if (this.#isHostSilent) return NOT_ANSWERING;
    return this.#isPaused ? PAUSED : undefined;
  }

  #tellAll(notice: AttachEvent): void {
    for (const viewers of this.#sessions.values()) viewers.noteAll(notice);
  }

  /** All viewers of all sessions. */
  get viewers(): number {
    return [...this.#sessions.values()].reduce((sum, { count }) => sum + count, 0);
  }

  /** Screens of viewers that were compared with the emulator's, since the start. */
  get comparisons(): number {
    return this.#comparer.comparisons;
  }

  /** Those that were not the emulator's; each was replaced. */
  get mismatches(): number {
    return this.#comparer.mismatches;
  }

  get reconnects(): ReconnectCounts {
    return this.#reconnects.counts;
  }

  viewersOf(sessionId: string): number {
    return this.#sessions.get(sessionId)?.count ?? 0;
  }

  async *attach(request: Attach, caller: Caller, backlog: Backlog, signal: AbortSignal): AsyncGenerator<PlacedEvent> {
    const session = await this.hostSession(request.sessionId);
    const viewers = this.#acquire(session);
    const hasSize = request.cols !== undefined && request.rows !== undefined;
    const viewer = viewers.add(request.viewerId, { maySize: hasSize && may(caller, 'type'), sized: request.sized });
    const onAbort = (): void => viewer.end();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) viewer.end();
    this.#options.viewersChanged(request.sessionId);
    const reconnected = this.#reconnects.note(request);
    try {
      await viewers.feed.follow();
      const { host, screens, log } = this.#options;
      const stream = new ViewerStream({
        request,
        session,
        viewers,
        viewer,
        backlog,
        host,
        screens,
        log,
        look: () => this.hostSession(request.sessionId),
        resize: (grid) => this.#resizes.resize(request.sessionId, grid),
        hello: (now, lastInput) => this.#hello(now, viewers, lastInput),
        notice: () => this.#notice(),
      });
      for await (const placed of stream.events()) {
        // The hello alone shows nothing; what follows it does, and so does the hello when nothing was missed.
        if (placed.event.type !== 'hello' || isUpToDate(request, session)) reconnected?.();
        yield placed;
      }
      if (viewer.isDetached) throw new ApiError('DETACHED', 'Another device has sent this one away from the session.');
    } finally {
      signal.removeEventListener('abort', onAbort);
      viewers.remove(viewer, !backlog.isOpen());
      this.#release(request.sessionId, viewers);
      this.#options.viewersChanged(request.sessionId);
    }
  }

  async screen(request: ScreenRequest): Promise<Screen> {
    const session = await this.hostSession(request.sessionId);
    const minOffset = request.minOffset ?? session.endOffset;
    const found = await this.#options.screens.rows(session, request.ansi ? 'ansi' : 'text', minOffset);
    const { cols, rows, cursor, lines, title, hash, offset } = found;
    return { cols, rows, cursor: { ...cursor }, lines: [...lines], title, hash, offset };
  }

  /** What a program told beside its screen, for those who look at it. */
  fact(sessionId: string, fact: ScreenFact, title: string): void {
    this.#sessions.get(sessionId)?.noteAll(eventOfFact(fact, title));
  }

  async input(request: Input): Promise<InputResult> {
    // No await before the request: inputs reach the host in the order in which they came in.
    const body = request.base64 === undefined ? Buffer.from(request.data ?? '', 'utf8') : Buffer.from(request.base64, 'base64');
    const { reply } = await this.#options.host.request(
      'input',
      { sessionId: request.sessionId, viewerId: request.viewerId, n: request.n },
      { body },
    );
    return { applied: reply.result, lastInput: reply.lastInput, endOffset: reply.endOffset };
  }

  /** Input of a script that keeps no numbers. */
  async inputFromScript(sessionId: string, request: RestInput): Promise<InputResult> {
    return this.#scripts.type(sessionId, request);
  }

  /** The size for now, whoever controls it: a script has no screen of its own. UNKNOWN_SESSION, SESSION_ENDED. */
  async resizeFromScript(sessionId: string, grid: RestResize): Promise<Session> {
    return this.#options.view(await this.#resizes.resize(sessionId, grid));
  }

  ack(request: Ack): void {
    const viewer = this.#sessions.get(request.sessionId)?.get(request.viewerId);
    viewer?.acknowledge(request.offset);
    if (viewer && request.screen !== undefined) this.#comparer.compare(viewer, request.sessionId, request.offset, request.screen);
  }

  async resize(request: Resize, _caller: Caller): Promise<Session> {
    if (this.#sessions.get(request.sessionId)?.controller !== request.viewerId) {
      throw new ApiError('NOT_CONTROLLER', 'Another viewer sets the size of this session.');
    }
    return this.#options.view(await this.#resizes.resize(request.sessionId, request));
  }

  async takeControl(request: TakeControl, _caller: Caller): Promise<Session> {
    const viewers = this.#sessions.get(request.sessionId);
    if (viewers?.get(request.viewerId) === undefined) throw new ApiError('NOT_ATTACHED', 'Only somebody who looks can set the size.');
    viewers.takeControl(request.viewerId);
    return this.#options.view(await this.#resizes.resize(request.sessionId, request));
  }

  async detachOthers({ sessionId, viewerId }: DetachOthers): Promise<Detached> {
    await this.hostSession(sessionId);
    return { detached: this.#sessions.get(sessionId)?.detachOthers(viewerId) ?? 0 };
  }

  /** Reads along without looking: the session does not live longer for it. UNKNOWN_SESSION, HOST_UNREACHABLE. */
  async follow(sessionId: string, reader: Reader): Promise<Follower> {
    const viewers = this.#acquire(await this.hostSession(sessionId));
    viewers.addReader(reader);
    const letGo = (): void => {
      viewers.removeReader(reader);
      this.#release(sessionId, viewers);
    };
    try {
      await viewers.feed.follow();
    } catch (error) {
      letGo();
      throw error;
    }
    return { feed: viewers.feed, [Symbol.dispose]: letGo };
  }

  #hello(session: HostSession, viewers: SessionViewers, lastInput: number): AttachEvent {
    const view = this.#options.view(session);
    return {
      type: 'hello',
      session: view,
      size: { cols: session.cols, rows: session.rows },
      title: view.title,
      state: session.state,
      firstOffset: session.firstOffset,
      endOffset: session.endOffset,
      controller: viewers.controller,
      lastInput,
    };
  }

  /** UNKNOWN_SESSION. */
  async hostSession(sessionId: string): Promise<HostSession> {
    const { reply } = await this.#options.host.request('list', {});
    const session = reply.sessions.find((candidate) => candidate.id === sessionId);
    if (!session) throw new ApiError('UNKNOWN_SESSION', 'There is no such session.');
    return session;
  }

  #acquire({ id: sessionId, createdAt }: HostSession): SessionViewers {
    clearTimeout(this.#lingering.get(sessionId));
    this.#lingering.delete(sessionId);
    let viewers = this.#sessions.get(sessionId);
    if (!viewers) {
      // Only a session that is older than this server had viewers before it.
      const returnForMs = createdAt < this.#startedAt ? this.#startedAt + CONTROL_GRACE_MS - Date.now() : 0;
      viewers = new SessionViewers(this.#options.host, sessionId, returnForMs);
      this.#sessions.set(sessionId, viewers);
    }
    return viewers;
  }

  #release(sessionId: string, viewers: SessionViewers): void {
    if (!viewers.isUnused || this.#sessions.get(sessionId) !== viewers) return;
    clearTimeout(this.#lingering.get(sessionId));
    this.#lingering.set(
      sessionId,
      setTimeout(() => this.#forget(sessionId), FEED_LINGER_MS),
    );
  }

  #forget(sessionId: string): void {
    clearTimeout(this.#lingering.get(sessionId));
    this.#lingering.delete(sessionId);
    this.#scripts.forget(sessionId);
    this.#resizes.forget(sessionId);
    const viewers = this.#sessions.get(sessionId);
    this.#sessions.delete(sessionId);
    viewers?.endAll();
    viewers?.feed.close().catch(() => undefined); // The host is away or has forgotten the session: nothing is followed.
  }

  close(): void {
    for (const stop of this.#stop) stop();
    for (const timer of this.#lingering.values()) clearTimeout(timer);
    for (const viewers of this.#sessions.values()) viewers.endAll();
    this.#sessions.clear();
  }
}
