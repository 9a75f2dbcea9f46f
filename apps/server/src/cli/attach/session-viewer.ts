// Owns being a viewer of one session from a terminal: the page's own stream and input queue around an emulator without a screen. What comes is shown
// to the emulator alone; what is typed arrives once and in order. Must not know the terminal that it is painted on.
import headless from '@xterm/headless';
import unicode11 from '@xterm/addon-unicode11';
import { AttachStream, createClient, InputQueue, makeStreamApi, makeViewerId, sendInput } from '@cotg/api/client';
import type { Client, Hello, RefusalReason, SessionFact, Transport } from '@cotg/api/client';
import { hashScreen, makeLiveScreen, swallowQueries } from '@cotg/screen';
import type { ScreenState } from '@cotg/screen';
import { unpackState } from '../../screens/state-views.ts';

/** Lines kept above the screen: a change of size brings some of them down. */
const SCROLLBACK_LINES = 1000;
/** Keys that wait in a cut are looked at this often (ms). */
const EXPIRE_INTERVAL_MS = 500;
/** A window is dragged: its size is sent when it has been still for this long (ms). */
const RESIZE_STILL_MS = 60;
/** Without a connection the server's note is looked at this often (ms): it may have come back elsewhere. */
const LOOK_INTERVAL_MS = 1000;
/** SGR 2 and 0 (ECMA-48 8.3.117). */
const [DIM, PLAIN] = ['\u001b[2m', '\u001b[0m'];
/** Bytes that are no text go in parts of this size, which the queue takes at once. */
const BYTES_PART = 2048;

export interface Server {
  readonly url: string;
  readonly token: string;
  readonly transport: Transport;
}

export interface Grid {
  readonly cols: number;
  readonly rows: number;
}

export type Ending =
  | { readonly kind: 'ended'; readonly code: number | null; readonly signal: string | null; readonly state: string }
  /** It will not come again. */
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'signed-out' };

export interface SessionViewerOptions {
  readonly server: Server;
  readonly sessionId: string;
  /** The grid that fits now. */
  readonly wish: () => Grid;
  readonly onScreen: () => void;
  /** Something else than the screen has changed. */
  readonly onFacts: () => void;
  readonly onTitle: (title: string) => void;
  readonly onBell: () => void;
  readonly onRefused: (reason: RefusalReason, characters: number) => void;
  /** Once, when everything that came before it is on the screen. */
  readonly onEnding: (ending: Ending) => void;
  /** Where the server is by now; undefined while none is there, or it is where it was. */
  readonly relocate: () => Promise<Server | undefined>;
}

export class SessionViewer {
  readonly #options: SessionViewerOptions;
  readonly #address;
  readonly #xterm;
  readonly #screen;
  readonly #swallowed;
  readonly #queue: InputQueue;
  readonly #stream: AttachStream<ScreenState>;
  readonly #expire: ReturnType<typeof setInterval>;
  readonly #look: ReturnType<typeof setInterval>;
  #client: Client;
  #isAttached = false;
  #isShown = false;
  #controller: string | null = null;
  #notice: string | undefined;
  #isLooking = false;
  #ending: Ending | undefined;
  #endOffset = 0;
  #resizeTimer: ReturnType<typeof setTimeout> | undefined;
  #heldBytes = new Uint8Array(0);
  #heldTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SessionViewerOptions) {
    this.#options = options;
    const { sessionId } = options;
    const viewerId = makeViewerId();
    this.#address = { sessionId, viewerId };
    this.#xterm = new headless.Terminal({ ...options.wish(), scrollback: SCROLLBACK_LINES, allowProposedApi: true, logLevel: 'off' });
    this.#xterm.loadAddon(new unicode11.Unicode11Addon());
    this.#xterm.unicode.activeVersion = '11';
    // It takes its size in turn, behind what was written before: whoever paints looks then, though nothing may be printed any more.
    this.#xterm.onResize(() => options.onFacts());
    this.#swallowed = swallowQueries(this.#xterm);
    this.#screen = makeLiveScreen(this.#xterm);
    this.#queue = new InputQueue({
      send: (n, content, signal) => sendInput(this.#client, { ...this.#address, n }, content, signal),
      onRefused: options.onRefused,
      onOutOfStep: () => this.#stream.resubscribe(),
      now: Date.now,
    });
    this.#client = this.#connect(options.server);
    const screen = this.#screen;
    this.#stream = new AttachStream<ScreenState>({
      // The client may be another one by then.
      api: {
        attach: (request, handlers) => makeStreamApi(this.#client, this.#address).attach(request, handlers),
        ack: (offset) => makeStreamApi(this.#client, this.#address).ack(offset),
        prove: (offset, shown) => makeStreamApi(this.#client, this.#address).prove(offset, shown),
        isFinal: (error) => makeStreamApi(this.#client, this.#address).isFinal(error),
      },
      sessionId,
      viewerId,
      terminal: {
        write: (bytes, parsed) => screen.write(bytes, parsed),
        resize: (cols, rows) => screen.resize(cols, rows),
        reset: (cols, rows, note) => {
          screen.reset(cols, rows);
          // The same bytes as on the server: both ends show the same screen.
          if (note !== undefined) this.#xterm.write(`${DIM}${note.replaceAll(/\p{Cc}/gu, ' ')}${PLAIN}\r\n`);
        },
        screen: () => ({ hash: hashScreen(this.#xterm), cols: this.#xterm.cols, rows: this.#xterm.rows }),
        restore: (state, outcome) => screen.restore(state, { offset: 0, ...outcome }),
      },
      unpack: (packed) => Promise.resolve().then(() => unpackState(packed)),
      wish: options.wish,
      sized: () => (this.isController ? viewerId : undefined),
      onFact: (fact) => this.#take(fact),
      onParsed: () => {
        const isFirst = !this.#isShown;
        this.#isShown = true;
        if (isFirst) options.onFacts();
        options.onScreen();
        this.#tellEnding();
      },
      onSize: () => options.onFacts(),
      onInterrupted: () => this.#interrupt(),
      onFailed: (error) => {
        this.#queue.end();
        this.#end({ kind: 'failed', error });
        options.onEnding({ kind: 'failed', error });
      },
      onHole: () => undefined,
    });
    this.#expire = setInterval(() => this.#queue.expire(), EXPIRE_INTERVAL_MS);
    this.#look = setInterval(() => void this.#lookElsewhere(), LOOK_INTERVAL_MS);
    this.#stream.start();
  }

  get isAttached(): boolean {
    return this.#isAttached && this.#isShown;
  }

  get isController(): boolean {
    return this.#controller === this.#address.viewerId;
  }

  /** What the server has to say about this session's storage. */
  get notice(): string | undefined {
    return this.#notice;
  }

  get grid(): Grid {
    return { cols: this.#xterm.cols, rows: this.#xterm.rows };
  }

  state(): ScreenState {
    return this.#screen.dump({ scrollback: 0 });
  }

  /** Keys and pastes as the terminal sent them. */
  type(bytes: Uint8Array): void {
    clearTimeout(this.#heldTimer);
    const all = Buffer.concat([this.#heldBytes, bytes]);
    const end = wholeCharacters(all);
    this.#heldBytes = Uint8Array.from(all.subarray(end));
    this.#send(all.subarray(0, end));
    // Bytes of an old mouse report may look like the beginning of a character, and nothing comes behind them.
    if (this.#heldBytes.length > 0) {
      this.#heldTimer = setTimeout(() => {
        const held = this.#heldBytes;
        this.#heldBytes = new Uint8Array(0);
        this.#send(held);
      }, RESIZE_STILL_MS);
    }
  }

  /** The terminal has another size. */
  resized(): void {
    clearTimeout(this.#resizeTimer);
    this.#resizeTimer = setTimeout(() => {
      const wish = this.#options.wish();
      const { cols, rows } = this.grid;
      if (!this.#isAttached || !this.isController || this.#ending || (cols === wish.cols && rows === wish.rows)) return;
      // Refused when control went elsewhere meanwhile, lost in a cut: `control` or `hello` bring us here again.
      this.#client.api.session.resize.mutate({ ...this.#address, ...wish }).catch(() => undefined);
    }, RESIZE_STILL_MS);
  }

  /** From now on this terminal sets the size. */
  takeSize(): void {
    // Lost in a cut, and then the person sees that nothing has changed.
    this.#client.api.session.takeControl.mutate({ ...this.#address, ...this.#options.wish() }).catch(() => undefined);
  }

  /** Waits a moment for what was typed last, and lets the session go on without us. */
  async leave(timeoutMs: number): Promise<void> {
    const until = performance.now() + timeoutMs;
    while (this.#isAttached && this.#queue.pending > 0 && performance.now() < until) {
      await new Promise((resolve) => {
        setTimeout(resolve, 5);
      });
    }
    clearInterval(this.#expire);
    clearInterval(this.#look);
    clearTimeout(this.#resizeTimer);
    clearTimeout(this.#heldTimer);
    this.#stream.stop();
    this.#queue.leave();
    await this.#client.close();
    this.#screen.dispose();
    this.#swallowed.dispose();
    this.#xterm.dispose();
  }

  #connect(server: Server): Client {
    const client = createClient({
      ...server,
      onState: (state) => {
        if (client !== this.#client) return;
        if (state === 'signed-out') {
          this.#end({ kind: 'signed-out' });
          this.#options.onEnding({ kind: 'signed-out' });
        } else if (state === 'reconnecting' && this.#isAttached) this.#interrupt();
      },
    });
    return client;
  }

  /** The link comes back by itself where the server was; only where it is elsewhere now another one is needed. */
  async #lookElsewhere(): Promise<void> {
    if (this.#isAttached || this.#isLooking || this.#client.state() === 'live') return;
    this.#isLooking = true;
    try {
      const server = await this.#options.relocate();
      if (!server || this.#isAttached || this.#ending) return;
      const before = this.#client;
      this.#client = this.#connect(server);
      this.#stream.resubscribe();
      await before.close();
    } catch {
      // Nobody serves now: the next look may find somebody.
    } finally {
      this.#isLooking = false;
    }
  }

  #send(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.#ending) return;
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      for (let at = 0; at < bytes.length; at += BYTES_PART) {
        if (!this.#queue.typeBytes(Buffer.from(bytes.subarray(at, at + BYTES_PART)).toString('base64'))) return;
      }
      return;
    }
    this.#queue.type(text);
  }

  #interrupt(): void {
    this.#isAttached = false;
    this.#queue.cut();
    this.#options.onFacts();
  }

  #take(fact: SessionFact): void {
    switch (fact.type) {
      case 'hello':
        this.#greet(fact);
        return;
      case 'title':
        this.#options.onTitle(fact.title);
        return;
      case 'control':
        this.#controller = fact.viewerId;
        this.resized();
        break;
      case 'seam':
        this.#queue.setRun(fact.run);
        return;
      case 'exit':
        this.#end({ kind: 'ended', code: fact.code, signal: fact.signal, state: fact.state });
        this.#endOffset = fact.offset;
        // Behind everything that was written before it.
        this.#xterm.write('', () => this.#tellEnding());
        return;
      case 'gap':
      case 'notice':
        this.#notice = fact.message || undefined;
        break;
      case 'bell':
        this.#options.onBell();
        return;
      case 'attention':
        if (fact.on) this.#options.onBell();
        return;
      default:
        // An event of a newer server: nothing here depends on it.
        fact satisfies never;
    }
    this.#options.onFacts();
  }

  #greet(hello: Hello): void {
    const { session } = hello;
    this.#queue.setRun(session.run);
    this.#controller = hello.controller;
    this.#isAttached = true;
    this.#queue.open(hello.lastInput);
    this.#options.onTitle(hello.title);
    if (hello.state !== 'starting' && hello.state !== 'running') {
      this.#end({ kind: 'ended', code: session.exitCode, signal: session.signal, state: hello.state });
      this.#endOffset = hello.endOffset;
      this.#xterm.write('', () => this.#tellEnding());
    }
    this.resized();
    this.#options.onFacts();
  }

  #end(ending: Ending): void {
    this.#ending ??= ending;
  }

  /** Once all that it printed is on the screen. */
  #tellEnding(): void {
    if (this.#ending?.kind !== 'ended' || (this.#stream.receivedOffset ?? -1) < this.#endOffset || !this.#isShown) return;
    this.#options.onEnding(this.#ending);
  }
}

/** How many of these bytes come before a character that has only begun. */
function wholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return bytes.length;
    if (byte < 0xc0) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return back < length ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}
