// Owns the stream of one viewer: hello, then the screen or what was missed, then what comes, without gap or overlap, within its window.
// A loop that pulls: nothing is queued for a viewer that does not read. One that is too far behind for its link goes on with the present screen.
import { ApiError, formatEventId } from '@cotg/api';
import type { Attach, AttachEvent, Backlog, PlacedEvent } from '@cotg/api';
import { HostRequestError } from '@cotg/pty/client';
import type { HostSession, MarkEntry } from '@cotg/pty/client';
import { EMULATOR_VERSION } from '@cotg/screen';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { RowsReply, SnapshotReply } from '../screens/messages.ts';
import { endOf, eventOf, joinOutput } from './attach-events.ts';
import { behind } from './entries.ts';
import type { StreamEntry, StreamPosition } from './entries.ts';
import { readHistory } from './history-reader.ts';
import type { HostLink } from './host-link.ts';
import { pause } from './pause.ts';
import { resumePosition } from './resume-position.ts';
import type { Viewer } from './viewer.ts';
import type { SessionViewers } from './viewers.ts';

/** One event carries at most this much output: a key's echo never waits long behind one. */
const EVENT_BYTES = 64 * 1024;
/** A client that acknowledges without reading fills its socket's buffer instead of its window: wait for that too. */
const MAX_SOCKET_BACKLOG_BYTES = 512 * 1024;
const BACKLOG_POLL_MS = 20;
/** A larger screen comes in parts of this size (bytes): on a link of 8 kB/s each is there before the silence is taken for a dead link. */
const PART_BYTES = 16 * 1024;
/** Lines above the screen that come with it; older ones are read in the history. */
const MAX_SCROLLBACK_LINES = 1000;
/** From this rate on (bytes/s) a screen brings its lines along in the middle of a flood; below, once it is over. */
const QUICK_LINK = 1_000_000;
/** Nothing has come for so long (ms): the lines that were left out are sent. */
const SETTLED_MS = 300;
/** A host that did not answer is asked again after this (ms). */
const LOOK_AGAIN_MS = 1000;
/** An emulator that is not ahead of the viewer within this time (ms) is no help; it is asked again after as long. */
const SKIP_TIMEOUT_MS = 250;
/** A viewer that is skipping gets the next screen when the last one was acknowledged or must have left the link's queue: this much longer than that
    takes, and not more often than this (ms). One whose link is unknown and that never acknowledges goes on after the last (ms), within its window. */
const LEFT_QUEUE = 1.5;
const SCREEN_INTERVAL_MS = 100;
const SCREEN_ACK_MS = 5000;

type SnapshotEvent = Extract<AttachEvent, { type: 'snapshot' }>;

interface PlacedSnapshot {
  readonly event: SnapshotEvent;
  readonly mark: number;
  readonly isWhole: boolean;
  /** Asked for above it. */
  readonly lines: number;
}

/** How recent a screen must be, and how long it may take. */
interface Wanted {
  readonly minOffset: number;
  readonly timeoutMs: number;
}

/** Where screens come from. */
export interface Screens {
  snapshot(session: HostSession, scrollback: number, wanted?: Wanted): Promise<SnapshotReply>;
  rows(session: HostSession, format: 'text' | 'ansi', minOffset: number): Promise<RowsReply>;
}

export interface ViewerStreamOptions {
  readonly request: Attach;
  /** As it was when the viewer came. */
  readonly session: HostSession;
  readonly viewers: SessionViewers;
  readonly viewer: Viewer;
  readonly backlog: Backlog;
  readonly host: HostLink;
  readonly screens: Screens;
  readonly log: Logger;
  /** The session now. UNKNOWN_SESSION. */
  readonly look: () => Promise<HostSession>;
  readonly resize: (grid: { readonly cols: number; readonly rows: number }) => Promise<HostSession>;
  readonly hello: (session: HostSession, lastInput: number) => AttachEvent;
  /** What whoever comes now should know. */
  readonly notice: () => AttachEvent | undefined;
}

export class ViewerStream {
  readonly #options: ViewerStreamOptions;
  #run: number;
  #position: StreamPosition;
  #ephemeral = 0;
  /** Until when the acknowledgement of a screen that was sent instead of output is waited for (ms). */
  #awaitedUntilMs = 0;
  #lacksLines = false;
  /** What the last screen took (bytes). */
  #screenBytes = Infinity;
  #nextSkipMs = 0;
  /** The runs whose end the viewer knows: from hello, and from an event (or a mark that was sent). */
  #endedAtHello = 0;
  #endTold = 0;
  /** Where a screen was sent behind which the session could not be looked at. */
  #unseenEnd: { readonly run: number; readonly offset: number } | undefined;
  /** Of the event that was sent last. */
  #told = { run: 0, offset: 0, mark: 0 };

  constructor(options: ViewerStreamOptions) {
    this.#options = options;
    this.#run = options.session.run;
    this.#position = { offset: 0, mark: 0 };
  }

  async *events(): AsyncGenerator<PlacedEvent> {
    const { viewer, notice } = this.#options;
    yield* this.#begin();
    const now = notice();
    if (now) viewer.note(now);
    while (!viewer.signal.aborted) yield* this.#next();
  }

  async *#begin(): AsyncGenerator<PlacedEvent> {
    const { request, viewer, hello, host } = this.#options;
    const session = await this.#takeSize(this.#options.session);
    const known = resumePosition(request, session);
    const { reply } = await host.request('lastInput', { sessionId: request.sessionId, viewerId: request.viewerId });
    // Without a position the id names none (run 0): whoever is cut off before the snapshot begins anew.
    if (known === undefined) this.#run = 0;
    else this.#position = known;
    yield this.#place(hello(session, reply.lastInput));
    this.#run = session.run;
    if (session.endedAt !== null) this.#endedAtHello = session.run;
    const isFar = known !== undefined && !request.complete && session.endOffset - known.offset > viewer.flow.farBytes;
    // Of a screen that was on its way when the connection broke the lines may be missing still.
    this.#lacksLines = known !== undefined && viewer.hasFewerLines;
    if (known && !isFar) return;
    const asked = request.lastEventId !== undefined || request.have !== undefined;
    yield* this.#replace(await this.#snapshot(session, isFar ? 'behind' : asked ? 'gap' : 'attach'));
  }

  /** The first viewer of a session sets its size. */
  async #takeSize(session: HostSession): Promise<HostSession> {
    const { request, viewers, viewer, resize } = this.#options;
    const { cols, rows } = request;
    if (viewers.controller !== viewer.id || cols === undefined || rows === undefined) return session;
    const alive = session.state === 'running' || session.state === 'starting';
    if (!alive || (session.cols === cols && session.rows === rows)) return session;
    return resize({ cols, rows });
  }

  /** What comes next, or a wait for it. */
  async *#next(): AsyncGenerator<PlacedEvent> {
    const { viewers, viewer, backlog, look } = this.#options;
    if (viewer.takeResync()) {
      const mended = await this.#presentScreen(await look(), 'resync', this.#lines());
      if (mended) {
        yield* this.#replace(mended);
        return;
      }
    }
    const note = viewer.takeNote();
    if (note) {
      yield this.#place(note);
      return;
    }
    const room = viewer.flow.room();
    const screenWaitMs = this.#screenWaitMs();
    if (room === 0 || screenWaitMs > 0) {
      // Without room only an acknowledgement helps, however long ago the screen was sent.
      await viewer.woken(room === 0 ? undefined : screenWaitMs);
      return;
    }
    if (backlog.bufferedBytes() > MAX_SOCKET_BACKLOG_BYTES) {
      await pause(BACKLOG_POLL_MS, viewer.signal);
      return;
    }
    if (this.#isTooFar()) {
      const skipped = await this.#skip();
      if (skipped) {
        yield* this.#instead(skipped);
        return;
      }
    }
    const ahead = viewers.feed.ahead(this.#position, Math.min(room, viewer.flow.eventBytes, EVENT_BYTES));
    if (ahead.kind === 'end') {
      yield* this.#rest();
      return;
    }
    const batch = ahead.kind === 'entries' ? ahead.entries : await this.#olderEntries(ahead.ringStart, room);
    if (batch === 'trimmed') {
      // So far behind that it is not kept any more: the present is what there is.
      yield* this.#instead(await this.#snapshot(await look(), 'behind'));
      return;
    }
    yield* this.#send(batch);
  }

  /** Everything was sent. */
  async *#rest(): AsyncGenerator<PlacedEvent> {
    const { viewer, look } = this.#options;
    const woken = await viewer.woken(this.#lacksLines ? SETTLED_MS : this.#unseenEnd && LOOK_AGAIN_MS);
    if (woken || viewer.signal.aborted) return;
    if (this.#unseenEnd) yield* this.#tellEnd();
    if (!this.#lacksLines) return;
    const whole = await this.#fittingScreen(await look(), 'behind');
    // Whatever came: more would not fit the link.
    this.#lacksLines = false;
    if (whole && (whole.isWhole || whole.lines > viewer.linesAbove)) yield* this.#replace(whole);
  }

  async *#send(batch: readonly StreamEntry[]): AsyncGenerator<PlacedEvent> {
    const { viewer, look } = this.#options;
    for (const entry of joinOutput(batch, EVENT_BYTES)) {
      // What follows was never stored, but the emulator may have seen it: its screen is better than a hole.
      const isGap = entry.kind === 'mark' && entry.entry.kind === 'gap' && entry.entry.lostBytes > 0;
      const screen = isGap ? await this.#presentScreen(await look(), 'gap', this.#lines()) : await this.#resized(entry);
      if (screen) {
        yield* this.#replace(screen);
        return;
      }
      this.#position = behind(this.#position, entry);
      if (entry.kind === 'mark' && entry.entry.kind === 'seam') this.#run = entry.entry.run;
      const event = eventOf(entry);
      if (!event || (entry.kind === 'mark' && this.#isToldEnd(entry.entry))) continue;
      if (entry.kind === 'output') viewer.flow.sent(this.#position.offset, entry.bytes.length);
      yield this.#place(event, entry.kind === 'output');
      if (viewer.signal.aborted) return;
    }
  }

  /**
   * A change of size brings lines down from above the screen and wraps them anew. Where they are missing the viewer cannot do that itself: it
   * gets the screen as it is behind the change, or as soon as things have settled. Undefined for all else.
   */
  async #resized(entry: StreamEntry): Promise<PlacedSnapshot | undefined> {
    const { viewer, look } = this.#options;
    if (entry.kind !== 'mark' || entry.entry.kind !== 'resize' || !viewer.hasFewerLines) return undefined;
    const { mark, offset } = entry.entry;
    const screen = await this.#presentScreen(await look(), 'behind', this.#linesInPassing(), {
      minOffset: offset,
      timeoutMs: SKIP_TIMEOUT_MS,
    });
    if (screen && screen.mark >= mark) return screen;
    // The emulator is late. What the viewer makes of the change is wrong, however few lines come with the screen that mends it.
    viewer.linesAbove = -1;
    this.#lacksLines = true;
    return undefined;
  }

  /** How long (ms) nothing follows a screen that was sent instead of output: it was the last thing that was sent. */
  #screenWaitMs(): number {
    if (this.#options.viewer.flow.inFlightBytes === 0) this.#awaitedUntilMs = 0;
    return this.#awaitedUntilMs - performance.now();
  }

  #isTooFar(): boolean {
    const { request, viewers } = this.#options;
    const { end } = viewers.feed;
    if (request.complete) return false;
    return end !== undefined && end.offset - this.#position.offset > this.#farBytes() && performance.now() >= this.#nextSkipMs;
  }

  /** Where lines are missing anyway a screen is sent as soon as it takes less than the output. */
  #farBytes(): number {
    const { farBytes } = this.#options.viewer.flow;
    return this.#lacksLines ? Math.min(farBytes, this.#screenBytes) : farBytes;
  }

  /** The present screen for a viewer that its link keeps behind; undefined when the emulator is not ahead of it. */
  async #skip(): Promise<PlacedSnapshot | undefined> {
    const { look } = this.#options;
    const session = await look();
    const lines = this.#linesInPassing();
    // At least half of what is too far: less would be skipped again and again.
    const minOffset = Math.min(session.endOffset, this.#position.offset + Math.ceil(this.#farBytes() / 2));
    const snapshot = await this.#presentScreen(session, 'behind', lines, { minOffset, timeoutMs: SKIP_TIMEOUT_MS });
    if (!snapshot) {
      this.#nextSkipMs = performance.now() + SKIP_TIMEOUT_MS;
      return undefined;
    }
    if (lines < this.#lines()) this.#lacksLines = true;
    return snapshot;
  }

  /** A screen in the place of output that was not sent. */
  async *#instead(snapshot: PlacedSnapshot): AsyncGenerator<PlacedEvent> {
    const { bytesPerSecond } = this.#options.viewer.flow;
    const bytes = snapshot.event.state.length;
    const onTheLinkMs = bytesPerSecond === undefined ? SCREEN_ACK_MS : (LEFT_QUEUE * bytes * 1000) / bytesPerSecond;
    this.#awaitedUntilMs = performance.now() + Math.min(SCREEN_ACK_MS, Math.max(SCREEN_INTERVAL_MS, onTheLinkMs));
    yield* this.#replace(snapshot);
  }

  async *#replace({ event, mark, isWhole, lines }: PlacedSnapshot): AsyncGenerator<PlacedEvent> {
    const { viewer, backlog } = this.#options;
    const last = Math.max(0, Math.ceil(event.state.length / PART_BYTES) - 1) * PART_BYTES;
    for (let at = 0; at < last; at += PART_BYTES) {
      while (backlog.bufferedBytes() > MAX_SOCKET_BACKLOG_BYTES && !viewer.signal.aborted) await pause(BACKLOG_POLL_MS, viewer.signal);
      if (viewer.signal.aborted) return;
      // Whoever is cut off here goes on from the event before.
      this.#ephemeral += 1;
      yield { id: formatEventId(this.#told, this.#ephemeral), event: { type: 'part', bytes: event.state.subarray(at, at + PART_BYTES) } };
    }
    this.#position = { offset: event.offset, mark };
    this.#run = event.run;
    this.#screenBytes = event.state.length;
    viewer.hasFewerLines = !isWhole;
    viewer.linesAbove = lines;
    viewer.flow.sent(event.offset, event.state.length);
    yield this.#place({ ...event, state: event.state.subarray(last) });
    // That it has ended may be among what the screen stands for, and nobody else tells: the screen may be younger than any look before it.
    this.#unseenEnd = { run: event.run, offset: event.offset };
    yield* this.#tellEnd();
  }

  /** The end that the last screen stands for, if there is one. A host that does not answer is asked again when all else is done. */
  async *#tellEnd(): AsyncGenerator<PlacedEvent> {
    const shown = this.#unseenEnd;
    let session: HostSession;
    try {
      session = await this.#options.look();
    } catch (error) {
      if (error instanceof ApiError && error.code === 'UNKNOWN_SESSION') this.#unseenEnd = undefined;
      return;
    }
    this.#unseenEnd = undefined;
    if (session.run !== shown?.run || session.endOffset !== shown.offset) return;
    const end = endOf(session);
    if (!end || this.#endedAtHello === session.run || this.#endTold === session.run) return;
    this.#endTold = session.run;
    yield this.#place(end);
  }

  /** Told already, behind the screen that stood for it. */
  #isToldEnd(mark: MarkEntry): boolean {
    if (mark.kind !== 'exit') return false;
    const isTold = this.#endTold === mark.run;
    this.#endTold = mark.run;
    return isTold;
  }

  /** Output names its place by itself; what stands at the same offset as something else is told apart by a number. */
  #place(event: AttachEvent, isOutput = false): PlacedEvent {
    if (!isOutput) this.#ephemeral += 1;
    this.#told = { run: this.#run, ...this.#position };
    return { id: formatEventId(this.#told, this.#ephemeral), event };
  }

  #lines(): number {
    return Math.min(this.#options.request.scrollback ?? MAX_SCROLLBACK_LINES, MAX_SCROLLBACK_LINES);
  }

  /** In the middle of a flood: on a slow link none, they come when it is over. */
  #linesInPassing(): number {
    return (this.#options.viewer.flow.bytesPerSecond ?? Infinity) >= QUICK_LINK ? this.#lines() : 0;
  }

  /** The screen as it is; when it cannot be had, the one at the first kept byte, and everything behind it as bytes. */
  async #snapshot(session: HostSession, reason: SnapshotEvent['reason']): Promise<PlacedSnapshot> {
    const { host } = this.#options;
    const present = await this.#fittingScreen(session, reason);
    if (present) return present;
    const { reply, body } = await host.request('base', { sessionId: session.id });
    const { offset, mark, run, cols, rows, version } = reply.base ?? { ...session, offset: 0, mark: 0, run: 1, version: '' };
    const state = version === EMULATOR_VERSION ? body : new Uint8Array(0);
    return { event: { type: 'snapshot', offset, run, cols, rows, state, reason }, mark, isWhole: true, lines: 0 };
  }

  /** With as many lines above it as fit the link. Of a link that is not known yet more is asked when it is. */
  async #fittingScreen(session: HostSession, reason: SnapshotEvent['reason']): Promise<PlacedSnapshot | undefined> {
    const { flow } = this.#options.viewer;
    let lines = flow.linesThatFit(this.#lines());
    let screen = await this.#presentScreen(session, reason, lines);
    // How much a line takes is known once it has been packed. What is too large with half of those that should fit is so without any.
    for (const share of [0.5, 0]) {
      if (!screen || lines === 0 || screen.event.state.length <= flow.screenBytes) break;
      lines = Math.floor((lines * share * flow.screenBytes) / screen.event.state.length);
      screen = (await this.#presentScreen(session, reason, lines)) ?? screen;
      this.#lacksLines = flow.bytesPerSecond === undefined;
    }
    return screen;
  }

  /** Undefined when the screens process cannot give it in time. */
  async #presentScreen(
    session: HostSession,
    reason: SnapshotEvent['reason'],
    lines: number,
    wanted?: Wanted,
  ): Promise<PlacedSnapshot | undefined> {
    const { screens, log } = this.#options;
    try {
      const { offset, cols, rows, state, run, mark, isWhole } = await screens.snapshot(session, lines, wanted);
      return { event: { type: 'snapshot', offset, run, cols, rows, state, reason }, mark, isWhole, lines };
    } catch (error) {
      const words = [{ session: session.id, error: messageOf(error) }, 'no screen to show; going on with what is kept'] as const;
      if (wanted) log.debug(...words);
      else log.warn(...words);
      return undefined;
    }
  }

  /** One page from the journal, no more than fits the window: the viewer has fallen behind the ring. */
  async #olderEntries(ringStart: StreamPosition, room: number): Promise<readonly StreamEntry[] | 'trimmed'> {
    const { request, viewer, host } = this.#options;
    const position = this.#position;
    const toOffset = Math.min(ringStart.offset, position.offset + room);
    try {
      const pages = readHistory(host, { sessionId: request.sessionId, from: position, toOffset, pageBytes: room }, viewer.signal);
      for await (const page of pages) return page;
    } catch (error) {
      if (error instanceof ApiError && error.cause instanceof HostRequestError && error.cause.code === 'TRIMMED') return 'trimmed';
      throw error;
    }
    if (viewer.signal.aborted) return [];
    // Nothing lies between: the marks of this very offset are all seen. Go on where the ring begins.
    throw new ApiError('INTERNAL', `No history between ${position.offset} and ${ringStart.offset}.`);
  }
}
