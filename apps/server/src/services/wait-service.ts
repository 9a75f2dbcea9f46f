// Owns waiting for a terminal: until it shows a line, is quiet, or its program has ended. Reads along the session's stream at its own pace: neither
// the program nor any viewer waits for it. Bounded in time and number.
import { ApiError } from '@cotg/api';
import type { Backlog, Caller, WaitFor, WaitResult } from '@cotg/api';
import { HostRequestError } from '@cotg/pty/client';
import type { HostSession } from '@cotg/pty/client';
import { unpackState } from '../screens/state-views.ts';
import { behind } from './entries.ts';
import type { StreamEntry, StreamPosition } from './entries.ts';
import type { HistoryStart } from './history-lines.ts';
import { readHistory } from './history-reader.ts';
import type { HostLink } from './host-link.ts';
import { compilePattern } from './safe-pattern.ts';
import type { SessionFeed } from './session-feed.ts';
import { isAlive } from './session-view.ts';
import { makeScreenWatch, PIECE_BYTES } from './screen-watch.ts';
import type { ScreenWatch } from './screen-watch.ts';
import type { Screens } from './viewer-stream.ts';
import type { Reader } from './viewers.ts';

/** Each may keep an emulator, about 1 MiB with a usual screen. */
const MAX_WAITS = 64;
const MAX_WAITS_PER_CALLER = 16;
/** A socket that has gone tells nobody who waits on it: it is looked at so often (ms). */
const CALLER_POLL_MS = 1000;
/** An end whose last output is still on its way is looked at again after this (ms). */
const END_POLL_MS = 100;

/** Reading along; disposing of it lets the feed go. */
export interface Follower extends Disposable {
  readonly feed: SessionFeed;
}

export interface WaitServiceOptions {
  readonly host: HostLink;
  readonly screens: Screens;
  /** UNKNOWN_SESSION. */
  readonly look: (sessionId: string) => Promise<HostSession>;
  readonly follow: (sessionId: string, reader: Reader) => Promise<Follower>;
}

export class WaitService {
  readonly #options: WaitServiceOptions;
  readonly #waits = new Map<string, number>();
  readonly #closed = new AbortController();

  constructor(options: WaitServiceOptions) {
    this.#options = options;
  }

  /** As of ScriptingPort. */
  async waitFor(request: WaitFor, caller: Caller, backlog: Pick<Backlog, 'isOpen'>, signal: AbortSignal): Promise<WaitResult> {
    const matcher = matcherOf(request);
    using _place = this.#take(caller.kind === 'owner' ? 'owner' : caller.deviceId);
    const gone = new AbortController();
    const poll = setInterval(() => {
      if (!backlog.isOpen()) gone.abort();
    }, CALLER_POLL_MS);
    try {
      return await wait({ ...this.#options, request, matcher, signal: AbortSignal.any([signal, gone.signal, this.#closed.signal]) });
    } finally {
      clearInterval(poll);
    }
  }

  /** How many wait now. */
  get waits(): number {
    return [...this.#waits.values()].reduce((sum, count) => sum + count, 0);
  }

  #take(who: string): Disposable {
    const mine = this.#waits.get(who) ?? 0;
    if (mine >= MAX_WAITS_PER_CALLER || this.waits >= MAX_WAITS)
      throw new ApiError('TOO_MANY_REQUESTS', 'Too many waits at a time.', { hint: 'Let one of them end first.' });
    this.#waits.set(who, mine + 1);
    return {
      [Symbol.dispose]: () => {
        const left = (this.#waits.get(who) ?? 1) - 1;
        if (left === 0) this.#waits.delete(who);
        else this.#waits.set(who, left);
      },
    };
  }

  close(): void {
    this.#closed.abort();
  }
}

interface Matcher {
  readonly kindOf: (line: string) => 'text' | 'pattern' | undefined;
}

function matcherOf({ text, pattern }: WaitFor): Matcher | undefined {
  if (text === undefined && pattern === undefined) return undefined;
  const compiled = pattern === undefined ? undefined : compilePattern(pattern);
  return { kindOf: (line) => (text !== undefined && line.includes(text) ? 'text' : compiled?.matches(line) ? 'pattern' : undefined) };
}

interface WaitOptions extends WaitServiceOptions {
  readonly request: WaitFor;
  readonly matcher: Matcher | undefined;
  readonly signal: AbortSignal;
}

async function wait(options: WaitOptions): Promise<WaitResult> {
  const { request, host, look, follow, signal } = options;
  const { sessionId } = request;
  const bell = new Bell();
  let ended: HostSession | undefined;
  let isRemoved = false;
  let lastEnd = -1;
  let isListening = false;
  const note = (session: HostSession): void => {
    if (session.id !== sessionId) return;
    // Kept when it is started again meanwhile: an end was what was waited for.
    if (!isAlive(session)) ended = session;
    bell.ring();
  };
  const stops = [
    host.onEvent((event) => {
      if (event.type === 'session') note(event.session);
    }),
    host.onConnected((sessions) => {
      // What comes while it is registered is as old as the connection.
      if (isListening) for (const session of sessions) note(session);
    }),
  ];
  isListening = true;
  const onAbort = (): void => bell.ring();
  signal.addEventListener('abort', onAbort, { once: true });
  const reader: Reader = {
    changed: () => bell.ring(),
    ended: () => {
      isRemoved = true;
      bell.ring();
    },
  };
  const deadline = performance.now() + request.timeoutMs;
  let quietSince = performance.now();
  let track: Track | undefined;
  try {
    note(await look(sessionId));
    using follower = await follow(sessionId, reader);
    const { feed } = follower;
    track = options.matcher && (await Track.begin(options, options.matcher, feed, await look(sessionId)));
    lastEnd = feed.end?.offset ?? 0;
    for (;;) {
      signal.throwIfAborted();
      if (isRemoved) throw new ApiError('UNKNOWN_SESSION', 'The session was removed.');
      const end = feed.end?.offset ?? 0;
      if (end !== lastEnd) [lastEnd, quietSince] = [end, performance.now()];
      const found = await track?.step();
      if (typeof found === 'object') return { ...found, offset: track?.offset ?? end };
      const isDrained = found === undefined || found === 'drained';
      const now = performance.now();
      if (isDrained && ended) {
        const session = await look(sessionId);
        if (isAlive(session) || !track || track.covers(session))
          return endOf(isAlive(session) ? ended : session, track?.offset ?? session.endOffset);
      }
      if (now >= deadline) return { kind: 'timeout', code: 'TIMEOUT', offset: track?.offset ?? end };
      const quietAt = request.idleMs === undefined ? Infinity : quietSince + request.idleMs;
      if (isDrained && now >= quietAt) return { kind: 'idle', offset: end };
      if (isDrained) await bell.rung(Math.min(deadline - now, quietAt - now, ended ? END_POLL_MS : Infinity));
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    for (const stop of stops) stop();
    track?.close();
  }
}

function endOf({ state, exitCode, signal, reason }: HostSession, offset: number): WaitResult {
  return { kind: 'exit', offset, state, exitCode, signal, reason };
}

type Found = { readonly kind: 'text' | 'pattern'; readonly line: string };

/** An emulator that reads along, from a position of its own. */
class Track {
  readonly #options: WaitOptions;
  readonly #matcher: Matcher;
  readonly #feed: SessionFeed;
  #watch: ScreenWatch;
  #position: StreamPosition;
  #isFresh = true;

  private constructor(options: WaitOptions, matcher: Matcher, feed: SessionFeed, from: { watch: ScreenWatch; position: StreamPosition }) {
    this.#options = options;
    this.#matcher = matcher;
    this.#feed = feed;
    this.#watch = from.watch;
    this.#position = from.position;
  }

  static async begin(options: WaitOptions, matcher: Matcher, feed: SessionFeed, session: HostSession): Promise<Track> {
    const { fromOffset } = options.request;
    if (fromOffset !== undefined && fromOffset > session.endOffset)
      throw new ApiError('BAD_INPUT', `Nothing has been printed at offset ${fromOffset} yet.`);
    const from =
      fromOffset === undefined
        ? await presentScreen(options, matcher, session)
        : await blankScreen(matcher, session, Math.max(fromOffset, session.firstOffset));
    return new Track(options, matcher, feed, from);
  }

  get offset(): number {
    return this.#position.offset;
  }

  /** Everything up to its end has been looked at. */
  covers({ endOffset, lastMark }: HostSession): boolean {
    return this.#position.offset >= endOffset && this.#position.mark >= lastMark;
  }

  /** Looks at the next piece. */
  async step(): Promise<Found | 'more' | 'drained'> {
    if (this.#isFresh) {
      this.#isFresh = false;
      const found = this.#foundIn(await this.#watch.look());
      if (found) return found;
    }
    const ahead = this.#feed.ahead(this.#position, PIECE_BYTES);
    if (ahead.kind === 'end') return 'drained';
    const entries = ahead.kind === 'entries' ? ahead.entries : await this.#older(ahead.ringStart);
    for (const entry of entries) {
      const found = this.#foundIn(await this.#watch.take(entry));
      this.#position = behind(this.#position, entry);
      if (found) return found;
    }
    return 'more';
  }

  #foundIn(line: string | undefined): Found | undefined {
    const kind = line === undefined ? undefined : this.#matcher.kindOf(line);
    return kind && line !== undefined ? { kind, line } : undefined;
  }

  /** From the journal. What is not kept any more is skipped: the present screen is what there is. */
  async #older(ringStart: StreamPosition): Promise<readonly StreamEntry[]> {
    const { host, request, signal, look } = this.#options;
    // Marks of before the first look: nothing of them is to be drawn.
    if (ringStart.offset <= this.#position.offset) {
      this.#position = { offset: this.#position.offset, mark: Math.max(this.#position.mark, ringStart.mark) };
      return [];
    }
    const toOffset = Math.min(ringStart.offset, this.#position.offset + PIECE_BYTES);
    const range = { sessionId: request.sessionId, from: this.#position, toOffset, pageBytes: PIECE_BYTES };
    try {
      for await (const page of readHistory(host, range, signal)) return page;
    } catch (error) {
      if (!(error instanceof ApiError && error.cause instanceof HostRequestError && error.cause.code === 'TRIMMED')) throw error;
      const { watch, position } = await presentScreen(this.#options, this.#matcher, await look(request.sessionId));
      this.#watch.close();
      [this.#watch, this.#position, this.#isFresh] = [watch, position, true];
      return [];
    }
    signal.throwIfAborted();
    // Nothing lies between.
    this.#position = { offset: toOffset, mark: toOffset === ringStart.offset ? ringStart.mark : this.#position.mark };
    return [];
  }

  close(): void {
    this.#watch.close();
  }
}

interface Beginning {
  readonly watch: ScreenWatch;
  readonly position: StreamPosition;
}

async function presentScreen({ screens }: Pick<WaitOptions, 'screens'>, matcher: Matcher, session: HostSession): Promise<Beginning> {
  const { cols, rows, state, offset, mark } = await screens.snapshot(session, 0);
  const start: HistoryStart = { cols, rows, state: state.length === 0 ? null : unpackState(state) };
  return { watch: await watchFrom(start, matcher), position: { offset, mark } };
}

async function blankScreen(matcher: Matcher, { cols, rows }: HostSession, offset: number): Promise<Beginning> {
  return { watch: await watchFrom({ cols, rows, state: null }, matcher), position: { offset, mark: 0 } };
}

function watchFrom(start: HistoryStart, { kindOf }: Matcher): Promise<ScreenWatch> {
  return makeScreenWatch(start, (line) => kindOf(line) !== undefined);
}

/** Rung by whoever has news; waits for the next ring, at once when it rang since the last wait. */
class Bell {
  #isRung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#isRung = true;
    this.#wake?.();
  }

  async rung(ms: number): Promise<void> {
    if (!this.#isRung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.max(0, Math.ceil(ms)));
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
    this.#isRung = false;
  }
}
