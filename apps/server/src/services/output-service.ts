// Owns the stream that a viewer gets: hello, then history and live output without gap or overlap, within its window.
// Implements OutputPort. A viewer is a loop that pulls: nothing is queued for one that does not read.
import { ApiError, formatEventId, parseEventId } from '@cotg/api';
import type {
  Ack,
  Attach,
  AttachEvent,
  Backlog,
  Caller,
  Input,
  InputResult,
  OutputPort,
  PlacedEvent,
  Resize,
  RestInput,
  Screen,
  ScreenRequest,
  Session,
} from '@cotg/api';
import { HostRequestError } from '@cotg/pty/client';
import type { HostSession, StorageState } from '@cotg/pty/client';
import { EMULATOR_VERSION } from '@cotg/screen';
import type { ScreenFact } from '@cotg/screen';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { RowsReply, SnapshotReply } from '../screens/messages.ts';
import { behind } from './entries.ts';
import type { StreamEntry, StreamPosition } from './entries.ts';
import { readHistory } from './history-reader.ts';
import type { ReconnectCounts } from './metrics-service.ts';
import type { HostLink } from './host-link.ts';
import { pause } from './pause.ts';
import { ScriptInput } from './script-input.ts';
import { SessionViewers } from './viewers.ts';
import { WINDOW_BYTES } from './viewer.ts';
import type { Viewer } from './viewer.ts';

/** One event carries at most this much output: a key's echo never waits long behind one. */
const EVENT_BYTES = 64 * 1024;
/** A client that acknowledges without reading fills its socket's buffer instead of its window: wait for that too. */
const MAX_SOCKET_BACKLOG_BYTES = 2 * WINDOW_BYTES;
const BACKLOG_POLL_MS = 20;
/** A tab that reloads comes back within this; the feed is kept meanwhile. */
const FEED_LINGER_MS = 5000;
/** Coming back over a longer distance costs a screen (about 10 KB with its scrollback), not what was missed. */
const FAR_BYTES = 256 * 1024;
/** Lines above the screen that come with it; older ones are read in the history. */
const MAX_SCROLLBACK_LINES = 1000;

/** A reconnect that takes longer has not worked for whoever waits. */
const RECONNECT_MS = 10_000;
/** Viewers that are remembered as having been here. */
const MAX_KNOWN_VIEWERS = 10_000;

const PAUSED: AttachEvent = {
  type: 'notice',
  code: 'STORAGE_PAUSED',
  message: 'History is paused: this computer cannot store output now. The terminal goes on; what it prints meanwhile may be missing later.',
};
/** An empty message takes the notice away. */
const RESUMED: AttachEvent = { type: 'notice', code: 'STORAGE_RESUMED', message: '' };

interface PlacedSnapshot {
  readonly event: SnapshotEvent;
  readonly run: number;
  readonly mark: number;
}

type SnapshotEvent = Extract<AttachEvent, { type: 'snapshot' }>;

/** Where screens come from. */
export interface Screens {
  snapshot(session: HostSession, scrollback: number): Promise<SnapshotReply>;
  rows(session: HostSession, format: 'text' | 'ansi', minOffset: number): Promise<RowsReply>;
}

export interface OutputServiceOptions {
  readonly host: HostLink;
  readonly view: (session: HostSession) => Session;
  readonly viewersChanged: (sessionId: string) => void;
  readonly screens: Screens;
  readonly log: Logger;
}

export class OutputService implements OutputPort {
  readonly #options: OutputServiceOptions;
  readonly #sessions = new Map<string, SessionViewers>();
  readonly #lingering = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #stop: (() => void)[];
  readonly #scripts: ScriptInput;
  #isPaused = false;
  #mismatches = 0;
  #comparisons = 0;
  readonly #comparing = new WeakSet<Viewer>();
  #reconnects: ReconnectCounts = { tried: 0, succeeded: 0 };
  /** Viewers that were here, newest last. */
  readonly #known = new Set<string>();

  constructor(options: OutputServiceOptions) {
    this.#options = options;
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
    ];
  }

  #storageIs(storage: StorageState): void {
    const isPaused = storage === 'paused';
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    for (const viewers of this.#sessions.values()) viewers.noteAll(isPaused ? PAUSED : RESUMED);
  }

  /** All viewers of all sessions. */
  get viewers(): number {
    return [...this.#sessions.values()].reduce((sum, { count }) => sum + count, 0);
  }

  /** Screens of viewers that were not the emulator's, since the start; each was replaced. */
  /** Screens of viewers that were compared with the emulator's. */
  get comparisons(): number {
    return this.#comparisons;
  }

  get mismatches(): number {
    return this.#mismatches;
  }

  get reconnects(): ReconnectCounts {
    return this.#reconnects;
  }

  viewersOf(sessionId: string): number {
    return this.#sessions.get(sessionId)?.count ?? 0;
  }

  async *attach(request: Attach, _caller: Caller, backlog: Backlog, signal: AbortSignal): AsyncGenerator<PlacedEvent> {
    const session = await this.#hostSession(request.sessionId);
    const viewers = this.#acquire(request.sessionId);
    const viewer = viewers.add(request.viewerId);
    const onAbort = (): void => viewer.end();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) viewer.end();
    this.#options.viewersChanged(request.sessionId);
    const reconnected = this.#noteReconnect(request);
    try {
      await viewers.feed.follow();
      for await (const placed of this.#stream({ request, session, viewers, viewer, backlog })) {
        // The hello alone shows nothing; what follows it does, and so does the hello when nothing was missed.
        if (placed.event.type !== 'hello' || isUpToDate(request, session)) reconnected?.();
        yield placed;
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      viewers.remove(viewer);
      this.#release(request.sessionId, viewers);
      this.#options.viewersChanged(request.sessionId);
    }
  }

  /** Undefined for somebody who was never here. The answer is called when the first screen or output is on its way. */
  #noteReconnect(request: Attach): (() => void) | undefined {
    const wasHere = request.have !== undefined || request.lastEventId !== undefined || this.#known.has(request.viewerId);
    this.#known.delete(request.viewerId);
    this.#known.add(request.viewerId);
    const [oldest] = this.#known;
    if (this.#known.size > MAX_KNOWN_VIEWERS && oldest !== undefined) this.#known.delete(oldest);
    if (!wasHere) return undefined;
    const since = performance.now();
    this.#reconnects = { ...this.#reconnects, tried: this.#reconnects.tried + 1 };
    let isDone = false;
    return () => {
      if (isDone) return;
      isDone = true;
      if (performance.now() - since <= RECONNECT_MS) this.#reconnects = { ...this.#reconnects, succeeded: this.#reconnects.succeeded + 1 };
    };
  }

  async *#stream(context: {
    request: Attach;
    session: HostSession;
    viewers: SessionViewers;
    viewer: Viewer;
    backlog: Backlog;
  }): AsyncGenerator<PlacedEvent> {
    const { request, viewers, viewer, backlog } = context;
    let { session } = context;
    let ephemeral = 0;
    let run = session.run;
    let position = resumePosition(request, session);

    const { reply } = await this.#options.host.request('lastInput', { sessionId: request.sessionId, viewerId: request.viewerId });
    if (viewers.controller === viewer.id && request.cols !== undefined && request.rows !== undefined) {
      session = await this.#resizeHost(session, request.cols, request.rows);
    }
    // Without a position the id names none (run 0): whoever is cut off before the snapshot begins anew.
    yield {
      id: position
        ? formatEventId({ run, ...position }, (ephemeral += 1))
        : formatEventId({ run: 0, offset: 0, mark: 0 }, (ephemeral += 1)),
      event: this.#hello(session, viewers, reply.lastInput),
    };
    const isFar = position !== undefined && session.endOffset - position.offset > FAR_BYTES;
    if (!position || isFar) {
      const asked = request.lastEventId !== undefined || request.have !== undefined;
      const snapshot = await this.#snapshot(session, request, isFar ? 'behind' : asked ? 'gap' : 'attach');
      position = { offset: snapshot.event.offset, mark: snapshot.mark };
      ({ run } = snapshot);
      yield { id: formatEventId({ run, ...position }, (ephemeral += 1)), event: snapshot.event };
    }
    viewer.begin(position.offset);
    if (this.#isPaused) viewer.note(PAUSED);

    while (!viewer.signal.aborted) {
      const mended = viewer.takeResync()
        ? await this.#presentScreen(await this.#hostSession(request.sessionId), request, 'resync')
        : undefined;
      if (mended) {
        position = { offset: mended.event.offset, mark: mended.mark };
        ({ run } = mended);
        viewer.begin(position.offset);
        yield { id: formatEventId({ run, ...position }, (ephemeral += 1)), event: mended.event };
        continue;
      }
      const note = viewer.takeNote();
      if (note) {
        yield { id: formatEventId({ run, ...position }, (ephemeral += 1)), event: note };
        continue;
      }
      const room = viewer.room();
      if (room === 0) {
        await viewer.woken();
        continue;
      }
      if (backlog.bufferedBytes() > MAX_SOCKET_BACKLOG_BYTES) {
        await pause(BACKLOG_POLL_MS, viewer.signal);
        continue;
      }
      const ahead = viewers.feed.ahead(position, Math.min(room, EVENT_BYTES));
      if (ahead.kind === 'end') {
        await viewer.woken();
        continue;
      }
      const batch: readonly StreamEntry[] | 'trimmed' =
        ahead.kind === 'entries'
          ? ahead.entries
          : await this.#olderEntries(request.sessionId, position, ahead.ringStart, room, viewer.signal);
      if (batch === 'trimmed') {
        // So far behind that it is not kept any more: the present is what there is.
        const now = await this.#hostSession(request.sessionId);
        const present = await this.#snapshot(now, request, 'behind');
        position = { offset: present.event.offset, mark: present.mark };
        ({ run } = present);
        viewer.begin(position.offset);
        yield { id: formatEventId({ run, ...position }, (ephemeral += 1)), event: present.event };
        // That it has ended may be among what the screen stands for.
        const end = endOf(now);
        if (end && position.mark >= now.lastMark) yield { id: formatEventId({ run, ...position }, (ephemeral += 1)), event: end };
        continue;
      }
      const joined: Iterable<StreamEntry> = joinOutput(batch);
      for (const entry of joined) {
        // What follows was never stored, but the emulator may have seen it: its screen is better than a hole.
        const isGap = entry.kind === 'mark' && entry.entry.kind === 'gap' && entry.entry.lostBytes > 0;
        const screen = isGap ? await this.#presentScreen(await this.#hostSession(request.sessionId), request, 'gap') : undefined;
        if (screen) {
          position = { offset: screen.event.offset, mark: screen.mark };
          ({ run } = screen);
          viewer.begin(position.offset);
          yield { id: formatEventId({ run, ...position }, (ephemeral += 1)), event: screen.event };
          break;
        }
        position = behind(position, entry);
        if (entry.kind === 'mark' && entry.entry.kind === 'seam') run = entry.entry.run;
        const event = eventOf(entry);
        if (!event) continue;
        viewer.sent(position.offset);
        yield { id: formatEventId({ run, ...position }, entry.kind === 'output' ? ephemeral : (ephemeral += 1)), event };
        if (viewer.signal.aborted) return;
      }
    }
  }

  /** The screen as it is; when it cannot be had, the one at the first kept byte, and everything behind it as bytes. */
  async #snapshot(session: HostSession, request: Attach, reason: SnapshotEvent['reason']): Promise<PlacedSnapshot> {
    const present = await this.#presentScreen(session, request, reason);
    if (present) return present;
    const { reply, body } = await this.#options.host.request('base', { sessionId: session.id });
    const { offset, mark, run, cols, rows, version } = reply.base ?? { ...session, offset: 0, mark: 0, run: 1, version: '' };
    const state = version === EMULATOR_VERSION ? body : new Uint8Array(0);
    return { event: { type: 'snapshot', offset, cols, rows, state, reason }, run, mark };
  }

  /** Undefined when the screens process cannot give it in time. */
  async #presentScreen(session: HostSession, request: Attach, reason: SnapshotEvent['reason']): Promise<PlacedSnapshot | undefined> {
    try {
      const scrollback = Math.min(request.scrollback ?? MAX_SCROLLBACK_LINES, MAX_SCROLLBACK_LINES);
      const { offset, cols, rows, state, run, mark } = await this.#options.screens.snapshot(session, scrollback);
      return { event: { type: 'snapshot', offset, cols, rows, state, reason }, run, mark };
    } catch (error) {
      this.#options.log.warn({ session: session.id, error: messageOf(error) }, 'no screen to show; going on with what is kept');
      return undefined;
    }
  }

  async screen(request: ScreenRequest): Promise<Screen> {
    const session = await this.#hostSession(request.sessionId);
    const minOffset = request.minOffset ?? session.endOffset;
    const found = await this.#options.screens.rows(session, request.ansi ? 'ansi' : 'text', minOffset);
    const { cols, rows, cursor, lines, title, hash, offset } = found;
    return { cols, rows, cursor: { ...cursor }, lines: [...lines], title, hash, offset };
  }

  /** What a program told beside its screen, for those who look at it. */
  fact(sessionId: string, fact: ScreenFact, title: string): void {
    this.#sessions.get(sessionId)?.noteAll(eventOfFact(fact, title));
  }

  /** One page from the journal, no more than fits the window: the viewer has fallen behind the ring. */
  async #olderEntries(
    sessionId: string,
    position: StreamPosition,
    ringStart: StreamPosition,
    room: number,
    signal: AbortSignal,
  ): Promise<readonly StreamEntry[] | 'trimmed'> {
    const toOffset = Math.min(ringStart.offset, position.offset + room);
    const request = { sessionId, from: position, toOffset, pageBytes: room };
    try {
      for await (const page of readHistory(this.#options.host, request, signal)) return page;
    } catch (error) {
      if (error instanceof ApiError && error.cause instanceof HostRequestError && error.cause.code === 'TRIMMED') return 'trimmed';
      throw error;
    }
    if (signal.aborted) return [];
    // Nothing lies between: the marks of this very offset are all seen. Go on where the ring begins.
    throw new ApiError('INTERNAL', `No history between ${position.offset} and ${ringStart.offset}.`);
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

  ack(request: Ack): void {
    const viewer = this.#sessions.get(request.sessionId)?.get(request.viewerId);
    viewer?.acknowledge(request.offset);
    if (viewer && request.screen !== undefined) {
      this.#compare(viewer, request.sessionId, request.offset, request.screen).catch((error: unknown) =>
        // The screens process is away or behind: the next quiet moment tells.
        this.#options.log.debug({ session: request.sessionId, error: messageOf(error) }, 'a screen could not be compared'),
      );
    }
  }

  /** A viewer that shows something else than the emulator at the very same offset gets the emulator's screen. */
  async #compare(viewer: Viewer, sessionId: string, offset: number, shown: NonNullable<Ack['screen']>): Promise<void> {
    if (this.#comparing.has(viewer)) return;
    this.#comparing.add(viewer);
    try {
      const session = await this.#hostSession(sessionId);
      // Not quiet: there is newer output, another size or another run on the way to it.
      if (session.endOffset !== offset || session.run !== shown.run) return;
      const screen = await this.#options.screens.rows(session, 'text', offset);
      if (screen.offset !== offset || screen.cols !== shown.cols || screen.rows !== shown.rows) return;
      this.#comparisons += 1;
      if (screen.hash === shown.hash) return;
      this.#mismatches += 1;
      this.#options.log.warn({ session: sessionId, viewer: viewer.id, offset }, 'a viewer shows another screen; it gets the right one');
      viewer.askResync();
    } finally {
      this.#comparing.delete(viewer);
    }
  }

  async resize(request: Resize, _caller: Caller): Promise<Session> {
    if (this.#sessions.get(request.sessionId)?.controller !== request.viewerId) {
      throw new ApiError('NOT_CONTROLLER', 'Another viewer sets the size of this session.');
    }
    const { reply } = await this.#options.host.request('resize', { sessionId: request.sessionId, cols: request.cols, rows: request.rows });
    return this.#options.view(reply.session);
  }

  /** The session as it is afterwards. */
  async #resizeHost(session: HostSession, cols: number, rows: number): Promise<HostSession> {
    const alive = session.state === 'running' || session.state === 'starting';
    if (!alive || (session.cols === cols && session.rows === rows)) return session;
    const { reply } = await this.#options.host.request('resize', { sessionId: session.id, cols, rows });
    return reply.session;
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

  async #hostSession(sessionId: string): Promise<HostSession> {
    const { reply } = await this.#options.host.request('list', {});
    const session = reply.sessions.find((candidate) => candidate.id === sessionId);
    if (!session) throw new ApiError('UNKNOWN_SESSION', 'There is no such session.');
    return session;
  }

  #acquire(sessionId: string): SessionViewers {
    clearTimeout(this.#lingering.get(sessionId));
    this.#lingering.delete(sessionId);
    let viewers = this.#sessions.get(sessionId);
    if (!viewers) {
      viewers = new SessionViewers(this.#options.host, sessionId);
      this.#sessions.set(sessionId, viewers);
    }
    return viewers;
  }

  #release(sessionId: string, viewers: SessionViewers): void {
    if (viewers.count > 0 || this.#sessions.get(sessionId) !== viewers) return;
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

/** The viewer has everything: its hello is all it gets. */
function isUpToDate(request: Attach, session: HostSession): boolean {
  return resumePosition(request, session)?.offset === session.endOffset;
}

/** Where to go on; undefined to begin anew: nothing known, trimmed away, or from a journal that has lost its tail. */
function resumePosition(request: Attach, session: HostSession): StreamPosition | undefined {
  const known = request.lastEventId === undefined ? request.have : parseEventId(request.lastEventId);
  if (!known || known.run < 1) return undefined;
  const isHeld =
    known.offset >= session.firstOffset && known.offset <= session.endOffset && known.mark <= session.lastMark && isOfRun(known, session);
  return isHeld ? { offset: known.offset, mark: known.mark } : undefined;
}

/** An earlier run ended where the newest begins: what a client has from behind that was never stored, and others' output stands there now. */
function isOfRun(known: { readonly run: number; readonly offset: number }, session: HostSession): boolean {
  return known.run === session.run || (known.run < session.run && known.offset <= session.runFromOffset);
}

/** Neighbouring outputs as one, up to the size of an event. */
/** Undefined while it lives. */
function endOf({ state, reason, exitCode, signal, endedAt, run, endOffset, lastMark }: HostSession): AttachEvent | undefined {
  if (endedAt === null || reason === null) return undefined;
  return eventOf({
    kind: 'mark',
    entry: { kind: 'exit', offset: endOffset, mark: lastMark, at: endedAt, run, state, reason, exitCode, signal },
  });
}

function* joinOutput(entries: readonly StreamEntry[]): Generator<StreamEntry> {
  let parts: Uint8Array[] = [];
  let [offset, length] = [0, 0];
  const joined = (): StreamEntry => ({ kind: 'output', offset, bytes: parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts) });
  for (const entry of entries) {
    if (parts.length > 0 && (entry.kind === 'mark' || length + entry.bytes.length > EVENT_BYTES)) {
      yield joined();
      parts = [];
      length = 0;
    }
    if (entry.kind === 'mark') {
      yield entry;
      continue;
    }
    for (let at = 0; at < entry.bytes.length; at += EVENT_BYTES) {
      if (parts.length === 0) offset = entry.offset + at;
      const part = entry.bytes.subarray(at, at + EVENT_BYTES);
      parts.push(part);
      length += part.length;
      if (length >= EVENT_BYTES) {
        yield joined();
        parts = [];
        length = 0;
      }
    }
  }
  if (parts.length > 0) yield joined();
}

function eventOfFact(fact: ScreenFact, title: string): AttachEvent {
  switch (fact.kind) {
    case 'title':
      return { type: 'title', title };
    case 'bell':
      return { type: 'bell' };
    case 'attention':
      return { type: 'attention', on: true, text: [fact.title, fact.body].filter((part) => part !== '').join(': ') };
  }
}

/** Undefined for what viewers do not get. */
function eventOf(entry: StreamEntry): AttachEvent | undefined {
  if (entry.kind === 'output') return { type: 'output', offset: entry.offset, bytes: entry.bytes };
  const mark = entry.entry;
  switch (mark.kind) {
    case 'resize':
      return { type: 'resize', offset: mark.offset, cols: mark.cols, rows: mark.rows };
    case 'seam':
      return { type: 'seam', offset: mark.offset, run: mark.run, note: mark.note };
    case 'gap':
      if (mark.lostBytes === 0) return undefined;
      return {
        type: 'gap',
        offset: mark.offset,
        lostBytes: mark.lostBytes,
        message: `${mark.lostBytes} bytes of output could not be stored here.`,
      };
    case 'exit':
      return { type: 'exit', offset: mark.offset, state: mark.state, code: mark.exitCode, signal: mark.signal, reason: mark.reason };
    case 'time':
      return undefined;
  }
}
