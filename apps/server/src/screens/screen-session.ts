// Owns one session's emulator in the screens process: asleep (only its position is known), waking, or live. Feeds it bytes,
// resizes and seams at their offsets, answers the program's queries once, and gives out the screen between two writes.
// Must not know the server's channel or other sessions.
//
// Queries: the host remembers up to which offset they have been answered. Replies to what lies before it are dropped, those
// behind it are sent with the offset they belong to; a screens process that dies in between changes nothing.
import { stepBytes } from '@cotg/db/retention';
import type { HostEvent, HostSession } from '@cotg/pty/client';
import { EMULATOR_VERSION } from '@cotg/screen';
import { behind } from '../services/entries.ts';
import type { StreamEntry, StreamPosition } from '../services/entries.ts';
import { readHistory } from '../services/history-reader.ts';
import { SessionFeed } from '../services/session-feed.ts';
import type { HostLink } from '../services/host-link.ts';
import { makeEmulator } from './emulator.ts';
import type { ScreenFact } from '@cotg/screen';
import type { Emulator } from './emulator.ts';
import type { Checkpoint, RowsReply, ScreenPosition, SnapshotReply } from './messages.ts';
import { packState, unpackState } from './state-views.ts';

/** Parsed at a time: about 1 ms, so that many sessions take turns. */
const SLICE_BYTES = 32 * 1024;
/** What must be parsed again at most after the process died. */
const CHECKPOINT_EVERY_BYTES = 4 * 1024 * 1024;
/** How often the host learns how far the emulator is, so that it can hold a flood back (the bound is half a history). */
const PROGRESS_EVERY_BYTES = 256 * 1024;
/** … more often while somebody is shown its screens: then it holds a flood back much sooner (bytes) … */
const AWAITED_PROGRESS_BYTES = 64 * 1024;
/** … which is so when one was asked for within this time (ms): a viewer that is skipped to the present asks several times a second. */
const AWAITED_MS = 2000;
/** Without output for so long an emulator is put to sleep: waking takes about a millisecond, keeping one costs about one megabyte. */
const SLEEP_AFTER_MS = 5000;
/** Lines above the screen that a viewer gets; older ones are read in the history. */
export const SCROLLBACK_LINES = 1000;

export interface ScreenSessionEvents {
  readonly store: (checkpoint: Checkpoint) => void;
  /** Something the program told beside its screen, live output only. */
  readonly fact: (fact: ScreenFact) => void;
  /** The screen changed. */
  readonly changed: () => void;
  readonly asleep: () => void;
  /** A stored screen could not be read: it is built anew. */
  readonly unreadable: (error: unknown) => void;
  /** This session's emulator is of no more use. */
  readonly failed: (error: unknown) => void;
}

export interface ScreenSessionOptions {
  readonly host: HostLink;
  /** As it is known at the moment. */
  readonly session: () => HostSession;
  readonly loadCheckpoint: () => Promise<Checkpoint | null>;
  readonly events: ScreenSessionEvents;
}

interface Waiter {
  readonly minOffset: number;
  readonly resolve: (isThere: boolean) => void;
}

export class ScreenSession {
  readonly id: string;
  readonly #options: ScreenSessionOptions;
  readonly #feed: SessionFeed;
  readonly #ended = new AbortController();
  readonly #loop: Promise<void>;
  #emulator: Emulator | undefined;
  #position: StreamPosition = { offset: 0, mark: 0 };
  #run = 1;
  #answered = 0;
  #reported = 0;
  #askedMs = Number.NEGATIVE_INFINITY;
  #isReportedAwaited = false;
  #stored: StreamPosition | undefined;
  /** Where the host was last offered a beginning for what it keeps, or where this emulator began. */
  #offered = 0;
  #waiters: Waiter[] = [];
  #wake: (() => void) | undefined;
  #woken = false;
  #isLive = false;

  constructor(options: ScreenSessionOptions) {
    this.#options = options;
    this.id = options.session().id;
    this.#feed = new SessionFeed(options.host, this.id, { changed: () => this.#notify(), patient: true });
    this.#loop = this.#live().catch((error: unknown) => {
      this.#isLive = false;
      if (!this.#ended.signal.aborted) options.events.failed(error);
    });
  }

  get isLive(): boolean {
    return this.#isLive;
  }

  take(event: HostEvent, body: Uint8Array): void {
    this.#feed.take(event, body);
  }

  /** The host is another one, or the connection was made anew: what is followed must be followed again. */
  reconnected(): void {
    this.#feed.restart();
  }

  /** The screen at `minOffset` or later; rejects when it is not there in time. */
  async snapshot(scrollback: number, minOffset: number, timeoutMs: number): Promise<SnapshotReply> {
    const emulator = await this.#at(minOffset, timeoutMs);
    const state = emulator.screen.dump({ scrollback });
    return {
      ...this.#place(emulator),
      cols: state.cols,
      rows: state.rows,
      state: packState(state),
      isWhole: emulator.linesAbove() <= scrollback,
      hash: emulator.hash(),
      title: emulator.title(),
    };
  }

  async rows(format: 'text' | 'ansi', minOffset: number, timeoutMs: number): Promise<RowsReply> {
    const emulator = await this.#at(minOffset, timeoutMs);
    return { ...this.#place(emulator), ...emulator.rows(format), title: emulator.title(), hash: emulator.hash() };
  }

  preview(): readonly string[] {
    return this.#emulator?.preview() ?? [];
  }

  /** Stores the present state and ends. */
  async retire(): Promise<void> {
    this.#ended.abort();
    this.#notify();
    // Not in the middle of a slice: its place is known only when it has been parsed.
    await this.#loop;
    const emulator = this.#emulator;
    if (emulator && this.#isLive) {
      this.#store(emulator);
      await this.#offerLast(emulator);
    }
    this.#isLive = false;
    emulator?.dispose();
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(false);
    await this.#feed.close().catch(() => undefined); // The host is away: nothing is followed there.
  }

  /** The emulator itself knows which byte it has parsed last; marks are counted here. */
  #place(emulator: Emulator): { run: number; offset: number; mark: number } {
    return { run: this.#run, offset: emulator.screen.offset, mark: this.#position.mark };
  }

  async #at(minOffset: number, timeoutMs: number): Promise<Emulator> {
    this.#askedMs = performance.now();
    if (!this.#isLive || this.#position.offset < minOffset) {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const waiter = { minOffset, resolve };
      this.#waiters.push(waiter);
      this.#notify();
      const timer = setTimeout(() => resolve(false), timeoutMs);
      const isThere = await promise;
      clearTimeout(timer);
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
      if (!isThere) throw new BehindError(this.#position.offset);
    }
    if (!this.#emulator || this.#ended.signal.aborted) throw new BehindError(this.#position.offset);
    return this.#emulator;
  }

  async #live(): Promise<void> {
    const { signal } = this.#ended;
    // Followed while the stored screen is read: somebody waits for both.
    const followed = this.#feed.follow();
    followed.catch(() => undefined); // It is awaited below.
    const stored = await this.#usable();
    await followed;
    this.#answered = this.#feed.answeredOffset;
    // Asked before the screen is restored, milliseconds of work: the host answers meanwhile.
    let read = stored && this.#readBehind(stored, signal);
    const emulator = await this.#restore(stored);
    this.#emulator = emulator;
    if (this.#position.offset !== stored?.offset || this.#position.mark !== stored.mark) read = null;
    this.#isLive = true;
    let quietSince = performance.now();
    while (!signal.aborted) {
      const ahead = this.#feed.ahead(this.#position, this.#sliceBytes());
      if (ahead.kind === 'end') {
        this.#serveWaiters();
        const left = SLEEP_AFTER_MS - (performance.now() - quietSince);
        // What its limits hold back (a bell within a second of the last one) is told before it sleeps.
        const factsDueMs = emulator.flushFacts();
        if (left <= 0 && this.#waiters.length === 0 && factsDueMs === null) {
          this.#options.events.asleep();
          return;
        }
        await this.#next(Math.max(1, Math.min(left > 0 ? left : Number.MAX_SAFE_INTEGER, factsDueMs ?? SLEEP_AFTER_MS)));
        continue;
      }
      const entries = ahead.kind === 'entries' ? ahead.entries : await (read ?? this.#older(this.#position, ahead.ringStart, signal));
      read = null;
      for (const entry of entries) await this.#feedOne(emulator, entry);
      this.#feed.release(this.#position);
      // Before the host is told: the screen is there.
      this.#serveWaiters();
      await this.#report(emulator);
      await this.#offerBase(emulator);
      if (this.#position.offset - (this.#stored?.offset ?? 0) >= CHECKPOINT_EVERY_BYTES) this.#store(emulator);
      this.#options.events.changed();
      quietSince = performance.now();
    }
  }

  /** The newest stored state, if it is one of this session as it is now. */
  async #usable(): Promise<Checkpoint | null> {
    const stored = await this.#options.loadCheckpoint();
    const session = this.#options.session();
    const isOfRun = stored && (stored.run === session.run || stored.offset <= session.runFromOffset);
    return stored &&
      isOfRun &&
      stored.offset >= session.firstOffset &&
      stored.offset <= session.endOffset &&
      stored.mark <= session.lastMark
      ? stored
      : null;
  }

  /** What the host kept behind a stored state; null when nothing must be read there. */
  #readBehind({ offset, mark }: StreamPosition, signal: AbortSignal): Promise<readonly StreamEntry[]> | null {
    const from = { offset, mark };
    const ahead = this.#feed.ahead(from, this.#sliceBytes(from));
    if (ahead.kind !== 'behind') return null;
    const read = this.#older(from, ahead.ringStart, signal);
    read.catch(() => undefined); // It is awaited where it is fed.
    return read;
  }

  /** Restored from the stored state, else from the host's base; blank where everything is kept, or nothing can be read. */
  async #restore(stored: Checkpoint | null): Promise<Emulator> {
    const session = this.#options.session();
    const emulator = stored && (await this.#restoreFrom(stored));
    if (emulator) {
      this.#stored = this.#position;
      return emulator;
    }
    const { reply, body } = await this.#options.host.request('base', { sessionId: this.id });
    const base = reply.base;
    if (!base) return this.#blank({ run: 1, offset: 0, mark: 0, cols: session.cols, rows: session.rows });
    const restored = base.version === EMULATOR_VERSION ? await this.#restoreFrom({ ...base, state: body }) : null;
    return restored ?? this.#blank(base);
  }

  async #restoreFrom(from: ScreenPosition & { cols: number; rows: number; state: Uint8Array }): Promise<Emulator | null> {
    const emulator = this.#blank(from);
    try {
      await emulator.restore(unpackState(from.state), from.offset);
      return emulator;
    } catch (error) {
      emulator.dispose();
      this.#options.events.unreadable(error);
      return null;
    }
  }

  #blank({ run, offset, mark, cols, rows }: ScreenPosition & { cols: number; rows: number }): Emulator {
    this.#position = { offset, mark };
    this.#run = run;
    this.#offered = offset;
    return makeEmulator({ cols, rows, scrollback: SCROLLBACK_LINES, offset, onFact: this.#options.events.fact });
  }

  /** A slice ends where the answered queries end, so that replies before and behind can be told apart, and where a base is due. */
  #sliceBytes(from: StreamPosition = this.#position): number {
    const toAnswered = this.#answered - from.offset;
    const slice = Math.min(SLICE_BYTES, stepBytes(this.#options.session().maxHistoryBytes));
    return toAnswered > 0 ? Math.min(slice, toAnswered) : slice;
  }

  async #older(from: StreamPosition, ringStart: StreamPosition, signal: AbortSignal): Promise<readonly StreamEntry[]> {
    const toOffset = Math.min(ringStart.offset, from.offset + this.#sliceBytes(from));
    for await (const page of readHistory(this.#options.host, { sessionId: this.id, from, toOffset, pageBytes: SLICE_BYTES }, signal))
      return page;
    return [];
  }

  async #feedOne(emulator: Emulator, entry: StreamEntry): Promise<void> {
    if (entry.kind === 'output') await emulator.write(entry.bytes);
    else if (entry.entry.kind === 'gap') await emulator.skip(entry.entry.lostBytes);
    else if (entry.entry.kind === 'resize') await emulator.resize(entry.entry.cols, entry.entry.rows);
    else if (entry.entry.kind === 'seam') {
      await emulator.reset(entry.entry.note);
      this.#run = entry.entry.run;
    }
    this.#position = behind(this.#position, entry);
  }

  async #report(emulator: Emulator): Promise<void> {
    const replies = emulator.takeReplies();
    const isNews = this.#position.offset > this.#answered;
    const isAwaited = performance.now() - this.#askedMs < AWAITED_MS;
    const everyBytes = isAwaited ? AWAITED_PROGRESS_BYTES : PROGRESS_EVERY_BYTES;
    const isDue = this.#position.offset - this.#reported >= everyBytes || (isAwaited && !this.#isReportedAwaited);
    if (!isDue && !(isNews && replies.length > 0)) return;
    this.#reported = this.#position.offset;
    this.#isReportedAwaited = isAwaited;
    await this.#options.host.request(
      'parsed',
      { sessionId: this.id, run: this.#run, offset: this.#position.offset, isAwaited },
      isNews ? { body: replies } : {},
    );
    this.#answered = Math.max(this.#answered, this.#position.offset);
  }

  async #offerBase(emulator: Emulator): Promise<void> {
    if (this.#position.offset - this.#offered >= stepBytes(this.#options.session().maxHistoryBytes)) await this.#offer(emulator);
  }

  /** When nobody waits: of a session that prints a little now and then no emulator sees a whole step. The host refuses what comes too early. */
  async #offerLast(emulator: Emulator): Promise<void> {
    if (this.#position.offset === this.#offered) return;
    await this.#offer(emulator).catch(() => undefined); // The host is away: it goes on without.
  }

  async #offer(emulator: Emulator): Promise<void> {
    this.#offered = this.#position.offset;
    const { state, emulator: version, cols, rows, run, offset, mark } = this.#checkpoint(emulator);
    await this.#options.host.request('offerBase', { sessionId: this.id, run, offset, mark, cols, rows, version }, { body: state });
  }

  #store(emulator: Emulator): void {
    const { offset, mark } = this.#position;
    if (this.#stored?.offset === offset && this.#stored.mark === mark) return;
    this.#stored = this.#position;
    this.#options.events.store(this.#checkpoint(emulator));
  }

  #checkpoint(emulator: Emulator): Checkpoint {
    const state = emulator.screen.dump();
    return {
      sessionId: this.id,
      ...this.#place(emulator),
      cols: state.cols,
      rows: state.rows,
      emulator: state.emulator,
      hash: emulator.hash(),
      title: emulator.title(),
      preview: emulator.preview(),
      state: packState(state),
    };
  }

  #serveWaiters(): void {
    if (!this.#isLive) return;
    for (const waiter of this.#waiters) if (this.#position.offset >= waiter.minOffset) waiter.resolve(true);
  }

  #notify(): void {
    this.#woken = true;
    this.#wake?.();
  }

  async #next(timeoutMs: number): Promise<void> {
    if (!this.#woken) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
    this.#woken = false;
  }
}

/** The screen asked for was not there in time. */
export class BehindError extends Error {
  override readonly name = 'BehindError';
  readonly offset: number;
  constructor(offset: number) {
    super(`The screen has only reached offset ${offset}.`);
    this.offset = offset;
  }
}
