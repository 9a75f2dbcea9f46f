// Owns one open session as the page sees it: its facts as signals, what is typed into it, its size. It lives as long as
// the component that makes it and leaves nothing behind but "last seen".
import { AttachStream, InputQueue, makeStreamApi, makeViewerId, sendInput } from '@cotg/api/client';
import type { EndReason, Hello, OnFate, RefusalReason, RunState, Session, SessionFact, TerminalPort } from '@cotg/api/client';
import { ScreenError } from '@cotg/screen';
import type { ScreenProblem, ScreenState } from '@cotg/screen';
import { createEffect, createSignal, on, onCleanup } from 'solid-js';
import type { Accessor } from 'solid-js';
import type { Connection } from '../api/connection.ts';
import type { Stored } from '../settings/stored.ts';
import { sayFarewell, takeFarewell } from './farewell.ts';
import { returnNotice } from './return-notice.ts';
import { failureText } from './failure-text.ts';
import { unpackState } from './unpack-state.ts';

/** How exact "last seen" is. */
const SEEN_INTERVAL_MS = 3000;
/** Keys that wait in a cut are looked at this often. */
const EXPIRE_INTERVAL_MS = 500;
/** A keyboard slides in and out: rows are sent when the height has been still for this long. */
const RESIZE_STILL_MS = 250;

export type SessionPhase = 'connecting' | 'live' | 'reconnecting' | 'ended' | 'failed';

export interface SessionEnd {
  readonly state: RunState;
  readonly code: number | null;
  readonly signal: string | null;
  readonly reason: EndReason | null;
}

export interface Grid {
  readonly cols: number;
  readonly rows: number;
}

export interface OpenSession {
  readonly viewerId: string;
  readonly phase: Accessor<SessionPhase>;
  /** As of the last `hello`. */
  readonly session: Accessor<Session | undefined>;
  readonly title: Accessor<string>;
  readonly end: Accessor<SessionEnd | undefined>;
  readonly failure: Accessor<string | undefined>;
  readonly notice: Accessor<string | undefined>;
  readonly isController: Accessor<boolean>;
  /** Another viewer sets the size. */
  readonly isSizedElsewhere: Accessor<boolean>;
  readonly grid: Accessor<Grid | undefined>;
  /** One past the last byte that the terminal has parsed. */
  readonly parsedOffset: Accessor<number>;
  /** How often the screen was built anew, for missing bytes or a snapshot that could not be shown: 0 unless something is wrong. */
  readonly holes: Accessor<number>;
  /** Characters typed in a cut that wait for the connection. */
  readonly held: Accessor<number>;
  /** Counts what the program rang or asked for attention while this page looks. */
  readonly bells: Accessor<number>;
  /** False when nothing of it will be typed; why was told by `onRefused`. `onFate` learns once what became of it. */
  type(text: string, onFate?: OnFate): boolean;
  typeBytes(bytes: string, onFate?: OnFate): boolean;
  /** The grid that fits this page now. */
  want(grid: Grid): void;
  /** From now on this page sets the size, and it is the one that fits. */
  takeControl(): Promise<void>;
}

export interface OpenSessionOptions {
  readonly sessionId: string;
  readonly connection: Connection;
  readonly stored: Stored;
  readonly terminal: TerminalPort<ScreenState>;
  readonly wish: Grid;
  /** Why this page's emulator cannot take over screens, null when it can. Asked when the first one has come. */
  readonly screenProblem: () => ScreenProblem | null;
  /** Whether this page has shown no session before. */
  readonly isNewPage: boolean;
  readonly onReturn: (text: string) => void;
  /** What was said about being connected holds no longer. */
  readonly onCut: () => void;
  /** `characters`: how many, the last ones of what was typed. */
  readonly onRefused: (reason: RefusalReason, characters: number) => void;
}

export function createSession(options: OpenSessionOptions): OpenSession {
  const { sessionId, connection, stored } = options;
  const { client } = connection;
  const viewerId = makeViewerId();
  const [isAttached, setAttached] = createSignal(false);
  const [wasAttached, setWasAttached] = createSignal(false);
  const [isShown, setShown] = createSignal(false);
  const [session, setSession] = createSignal<Session>();
  const [title, setTitle] = createSignal('');
  const [end, setEnd] = createSignal<SessionEnd>();
  const [failure, setFailure] = createSignal<string>();
  const [notice, setNotice] = createSignal<string>();
  const [controller, setController] = createSignal<string | null>(null);
  const [grid, setGrid] = createSignal<Grid>();
  const [parsedOffset, setParsedOffset] = createSignal(0);
  const [holes, setHoles] = createSignal(0);
  const [bells, setBells] = createSignal(0);
  const [held, setHeld] = createSignal(0);
  let wish = options.wish;
  let seen = stored.seen(sessionId);
  /** When the terminal last got something: a cut may be noticed seconds after it began. */
  let heardAt = 0;
  let isNewPage = options.isNewPage;

  const tab = tabStorage();
  const farewell = takeFarewell(tab, sessionId);
  if (farewell && farewell.untyped > 0) options.onRefused('unknown', farewell.untyped);

  const isController = (): boolean => controller() === viewerId;
  const phase = (): SessionPhase => {
    if (failure() !== undefined) return 'failed';
    // Before the first screen there is nothing that could be live.
    if (!isAttached() || !isShown()) return wasAttached() && !isAttached() ? 'reconnecting' : 'connecting';
    return end() ? 'ended' : 'live';
  };

  const queue = new InputQueue({
    send: (n, content, signal) => sendInput(client, { sessionId, viewerId, n }, content, signal),
    onRefused: options.onRefused,
    onOutOfStep: () => stream.resubscribe(),
    now: Date.now,
  });

  if (farewell?.isPasteOpen) queue.closePasteFirst();

  const stream = new AttachStream({
    api: makeStreamApi(client, { sessionId, viewerId }),
    sessionId,
    viewerId,
    terminal: options.terminal,
    unpack: async (packed, signal) => {
      const problem = options.screenProblem();
      if (problem) throw new ScreenError('SCREEN_EMULATOR', problem.message, { hint: problem.hint });
      return unpackState(packed, signal);
    },
    wish: () => wish,
    // Until the first word of the server the page before this one counts.
    sized: () => (wasAttached() ? (isController() ? viewerId : undefined) : (farewell?.sized ?? undefined)),
    onFact: (fact) => take(fact),
    onParsed: (offset) => {
      heardAt = Date.now();
      setShown(true);
      setParsedOffset(offset);
    },
    onSize: (cols, rows) => setGrid({ cols, rows }),
    onInterrupted: () => interrupt(),
    onFailed: (error) => {
      queue.end();
      stored.forget(sessionId);
      setFailure(failureText(error));
    },
    onHole: () => setHoles((count) => count + 1),
  });

  function noteHeld(): void {
    setHeld(isAttached() ? 0 : queue.pendingCharacters);
  }

  /** What was typed shows at once that it waits. */
  function typed(isTaken: boolean): boolean {
    noteHeld();
    return isTaken;
  }

  function interrupt(): void {
    if (isAttached()) options.onCut();
    setAttached(false);
    queue.cut();
  }

  function take(fact: SessionFact): void {
    switch (fact.type) {
      case 'hello':
        greet(fact);
        return;
      case 'title':
        setTitle(fact.title);
        return;
      case 'control':
        setController(fact.viewerId);
        askForSize();
        return;
      case 'seam':
        queue.setRun(fact.run);
        setEnd(undefined);
        return;
      case 'exit':
        // What was sent learns by its own answer whether it came before the end.
        setEnd({ state: fact.state, code: fact.code, signal: fact.signal, reason: fact.reason });
        return;
      case 'gap':
      case 'notice':
        setNotice(fact.message || undefined);
        return;
      case 'bell':
        setBells((count) => count + 1);
        return;
      case 'attention':
        if (fact.on) setBells((count) => count + 1);
        return;
      default:
        // An event of a newer server: nothing in this page depends on it.
        fact satisfies never;
    }
  }

  function greet(hello: Hello): void {
    queue.setRun(hello.session.run);
    setSession(hello.session);
    setTitle(hello.title);
    setController(hello.controller);
    const isAlive = hello.state === 'starting' || hello.state === 'running';
    const { exitCode: code, signal, reason } = hello.session;
    setEnd(isAlive ? undefined : { state: hello.state, code, signal, reason });
    tellReturn(hello);
    setAttached(true);
    setWasAttached(true);
    setHeld(0);
    queue.open(hello.lastInput);
    askForSize();
    rememberSeen();
  }

  function tellReturn(hello: Hello): void {
    if (!seen) return;
    const received = stream.receivedOffset;
    const text = returnNotice({
      awayMs: Date.now() - Math.max(seen.at, heardAt),
      // Opened from the list the page has nothing of it yet: only the time away counts then.
      missedOutput: received !== undefined && hello.endOffset > received,
      isNewPage,
    });
    isNewPage = false;
    if (text !== undefined) options.onReturn(text);
  }

  function rememberSeen(): void {
    if (!isAttached()) return;
    seen = { at: Date.now(), offset: stream.receivedOffset ?? 0 };
    stored.setSeen(sessionId, seen);
  }

  let resizeTimer: ReturnType<typeof setTimeout> | undefined;
  function askForSize(): void {
    clearTimeout(resizeTimer);
    resizeTimer = setTimeout(() => {
      const current = grid();
      if (!isAttached() || !isController() || end() || (current?.cols === wish.cols && current.rows === wish.rows)) return;
      // Refused when control went elsewhere meanwhile, lost in a cut: `control` or `hello` bring us here again.
      client.api.session.resize.mutate({ sessionId, viewerId, ...wish }).catch(() => undefined);
    }, RESIZE_STILL_MS);
  }

  // The link resumes the subscription by itself; what was sent and not answered is ours.
  createEffect(
    on(connection.state, (state) => {
      if (state !== 'live' && isAttached()) interrupt();
    }),
  );
  const seenTimer = setInterval(rememberSeen, SEEN_INTERVAL_MS);
  const expireTimer = setInterval(() => {
    queue.expire();
    noteHeld();
  }, EXPIRE_INTERVAL_MS);
  const parting = new AbortController();
  window.addEventListener(
    'pagehide',
    () => {
      rememberSeen();
      sayFarewell(tab, {
        sessionId,
        sized: isController() ? viewerId : null,
        untyped: queue.pendingCharacters,
        isPasteOpen: queue.leavesPasteOpen,
      });
    },
    { signal: parting.signal },
  );
  // It stayed in memory: nobody follows it.
  window.addEventListener('pageshow', () => takeFarewell(tab, sessionId), { signal: parting.signal });
  onCleanup(() => {
    rememberSeen();
    clearInterval(seenTimer);
    clearInterval(expireTimer);
    clearTimeout(resizeTimer);
    parting.abort();
    stream.stop();
    queue.leave();
  });
  stream.start();

  return {
    viewerId,
    phase,
    session,
    title,
    end,
    failure,
    notice,
    isController,
    isSizedElsewhere: () => controller() !== null && !isController(),
    grid,
    parsedOffset,
    holes,
    held,
    bells,
    type: (text, onFate) => {
      if (end() === undefined) return typed(queue.type(text, onFate));
      onFate?.('not-typed');
      return false;
    },
    typeBytes: (bytes, onFate) => {
      if (end() === undefined) return typed(queue.typeBytes(btoa(bytes), onFate));
      onFate?.('not-typed');
      return false;
    },
    want: (next) => {
      wish = next;
      askForSize();
    },
    takeControl: async () => {
      await client.api.session.takeControl.mutate({ sessionId, viewerId, ...wish });
    },
  };
}

/** Undefined where the browser blocks it. */
function tabStorage(): Storage | undefined {
  try {
    return sessionStorage;
  } catch {
    return undefined;
  }
}
