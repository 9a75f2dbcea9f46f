// Owns a viewer with a terminal for tests and benchmarks: the page's own stream and input queue around an emulator without a screen.
// It shows, acknowledges, types and comes back as the page does; only drawing is missing.
import headless from '@xterm/headless';
import unicode11 from '@xterm/addon-unicode11';
import { AttachStream, createClient, InputQueue, makeStreamApi, makeViewerId, sendInput } from '@cotg/api/client';
import type { AttachEvent, Client, RefusalReason } from '@cotg/api/client';
import { hashScreen, makeLiveScreen, swallowQueries } from '@cotg/screen';
import { unpackState } from '../apps/web/src/session/unpack-state.ts';
import { eventually } from './start-server.ts';

/** Keys that wait in a cut are looked at this often, as in the page (ms). */
const EXPIRE_INTERVAL_MS = 500;
const SCROLLBACK_LINES = 1000;

export interface ScreenViewerOptions {
  readonly url: string;
  readonly token: string;
  readonly sessionId: string;
  readonly cols?: number;
  readonly rows?: number;
  /** Lines above the screen that it asks for (lines); the server's most by default. */
  readonly scrollback?: number;
  readonly timings?: { keepAliveIntervalMs?: number; keepAliveTimeoutMs?: number; openTimeoutMs?: number };
}

export interface ScreenViewer extends AsyncDisposable {
  readonly id: string;
  readonly client: Client;
  /** One past the last byte that has been parsed; -1 before the first screen. */
  readonly parsedOffset: number;
  /** How often the screen had to be built anew, and why something typed was not passed on: nothing unless something is wrong. */
  readonly holes: number;
  readonly refusals: readonly RefusalReason[];
  /** Inputs whose fate is open. */
  readonly pendingInputs: number;
  /** Counts of what came, by type; snapshots by their reason, too. */
  readonly counts: ReadonlyMap<string, number>;
  /** What the screen shows, a line a row. */
  lines(): readonly string[];
  /** Of the screen, as the emulator of the server makes it. */
  hash(): string;
  readonly grid: { readonly cols: number; readonly rows: number };
  /** It sets the size. */
  readonly isController: boolean;
  type(text: string): boolean;
  /** The grid this viewer would like: sent at once, refused unless it sets the size. */
  want(cols: number, rows: number): Promise<void>;
  attached(): Promise<void>;
  waitForScreen(pattern: RegExp, timeoutMs?: number): Promise<void>;
}

export function openScreenViewer(options: ScreenViewerOptions): ScreenViewer {
  const { sessionId, cols = 80, rows = 24 } = options;
  const viewerId = makeViewerId();
  const xterm = new headless.Terminal({ cols, rows, scrollback: SCROLLBACK_LINES, allowProposedApi: true, logLevel: 'off' });
  xterm.loadAddon(new unicode11.Unicode11Addon());
  xterm.unicode.activeVersion = '11';
  const swallowed = swallowQueries(xterm);
  const screen = makeLiveScreen(xterm);
  const client = createClient({
    url: options.url,
    token: options.token,
    ...(options.timings ? { timings: options.timings } : {}),
    onState: (state) => {
      if (state !== 'live') queue.cut();
    },
  });
  const address = { sessionId, viewerId };
  const counts = new Map<string, number>();
  const refusals: RefusalReason[] = [];
  let [parsedOffset, holes, lastInput] = [-1, 0, 0];
  let isController = false;
  const above = options.scrollback === undefined ? {} : { scrollback: options.scrollback };
  let wish = { cols, rows };
  const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
  const note = (event: AttachEvent): void => {
    count(event.type);
    if (event.type === 'snapshot') count(`snapshot ${event.reason}`);
  };

  const queue = new InputQueue({
    send: (n, content, signal) => sendInput(client, { ...address, n }, content, signal),
    onRefused: (reason) => refusals.push(reason),
    onOutOfStep: () => stream.resubscribe(),
    now: Date.now,
  });
  const api = makeStreamApi(client, address);
  const stream = new AttachStream({
    api: {
      ...api,
      attach: (request, handlers) =>
        api.attach(Object.assign(request, above), {
          ...handlers,
          onEvent: (placed) => {
            note(placed.data);
            handlers.onEvent(placed);
          },
        }),
    },
    sessionId,
    viewerId,
    terminal: {
      write: (bytes, parsed) => screen.write(bytes, parsed),
      resize: (newCols, newRows) => screen.resize(newCols, newRows),
      reset: (newCols, newRows, text) => {
        screen.reset(newCols, newRows);
        if (text !== undefined) xterm.write(`\u001b[2m${text}\u001b[0m\r\n`);
      },
      screen: () => ({ hash: hashScreen(xterm), cols: xterm.cols, rows: xterm.rows }),
      restore: (state, outcome) => screen.restore(state, { offset: 0, ...outcome }),
    },
    unpack: unpackState,
    wish: () => wish,
    sized: () => (isController ? viewerId : undefined),
    onFact: (fact) => {
      if (fact.type === 'control') isController = fact.viewerId === viewerId;
      if (fact.type !== 'hello') return;
      isController = fact.controller === viewerId;
      ({ lastInput } = fact);
      queue.open(lastInput);
    },
    onParsed: (offset) => {
      parsedOffset = offset;
    },
    onSize: () => undefined,
    onInterrupted: () => queue.cut(),
    onFailed: (error) => {
      count('failed');
      queue.end();
      throw error;
    },
    onHole: () => {
      holes += 1;
    },
  });
  const expire = setInterval(() => queue.expire(), EXPIRE_INTERVAL_MS);
  expire.unref();

  const viewer: ScreenViewer = {
    id: viewerId,
    client,
    get parsedOffset() {
      return parsedOffset;
    },
    get holes() {
      return holes;
    },
    refusals,
    get isController() {
      return isController;
    },
    get pendingInputs() {
      return queue.pending;
    },
    counts,
    lines: () => {
      const { active } = xterm.buffer;
      return Array.from({ length: xterm.rows }, (_, y) => active.getLine(active.baseY + y)?.translateToString(true) ?? '');
    },
    hash: () => hashScreen(xterm),
    get grid() {
      return { cols: xterm.cols, rows: xterm.rows };
    },
    type: (text) => queue.type(text),
    async want(newCols, newRows) {
      wish = { cols: newCols, rows: newRows };
      await client.api.session.resize.mutate({ ...address, ...wish }).catch(() => undefined); // Another viewer sets the size, or a cut.
    },
    async attached() {
      await eventually(
        () => parsedOffset,
        (offset) => offset >= 0,
        { what: 'the first screen' },
      );
    },
    async waitForScreen(pattern, timeoutMs) {
      await eventually(
        () => viewer.lines().join('\n'),
        (text) => pattern.test(text),
        { ...(timeoutMs === undefined ? {} : { timeoutMs }), what: `the screen shows ${String(pattern)}` },
      );
    },
    async [Symbol.asyncDispose]() {
      clearInterval(expire);
      stream.stop();
      queue.leave();
      await client.close();
      screen.dispose();
      swallowed.dispose();
      xterm.dispose();
    },
  };
  stream.start();
  return viewer;
}
