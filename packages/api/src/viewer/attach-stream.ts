// Owns a viewer's attachment: subscribe, keep the terminal equal to the stream, subscribe again after any end of it.
// Must not know components, storage, how the terminal draws, or what a screen's state is made of: `State` is whoever unpacks it's own.
//
// Invariant: the terminal gets every byte once and in order from where its content began, be that a blank or the screen of a snapshot.
// Where that cannot be kept, it is built anew; a screen with a hole in it is never shown as whole. What comes while a snapshot is being
// unpacked waits for it (the server sends no more than its window), so the screen goes from the old one to the new one in one step.
import { ScreenParts } from '../client/screen-parts.ts';
import type { WholeEvent } from '../client/screen-parts.ts';
import type { Attach, AttachEvent } from '../schema/output.ts';
import { Acknowledger } from './acknowledger.ts';
import { ContiguityGuard } from './contiguity.ts';

/** Pauses before attaching again when the server ended or refused the stream. The link itself has its own. */
const RETRY_DELAYS_MS = [250, 500, 1000] as const;
/** A snapshot that cannot be shown is asked for again this often: another try may bring another one, or the bytes. */
const MAX_SNAPSHOT_RETRIES = 3;
/** Nothing has come for so long (ms): what is shown can be compared with what the server's emulator shows. */
const QUIET_MS = 1000;
/** A blank terminal is at the beginning. Where that is near and still kept, the server sends bytes from there, else a snapshot all the same. */
const FROM_THE_BEGINNING = { run: 1, offset: 0, mark: 0 } as const;

/** As a fingerprint. */
export interface ShownScreen {
  readonly hash: string;
  readonly cols: number;
  readonly rows: number;
}

/** What the stream does to a terminal. The calls take effect in their order. */
export interface TerminalPort<State> {
  write(bytes: Uint8Array, parsed: () => void): void;
  resize(cols: number, rows: number): void;
  /** A blank one, with `note` as its first line. */
  reset(cols: number, rows: number, note?: string): void;
  /** What it shows, once everything that was written has been parsed; null when that cannot be compared. */
  screen(): ShownScreen | null;
  restore(state: State, outcome: { readonly done: () => void; readonly failed: (error: unknown) => void }): void;
}

export interface StreamHandlers {
  readonly onEvent: (event: { readonly id: string; readonly data: AttachEvent }) => void;
  readonly onEnded: (error: unknown) => void;
}

/** The three calls of the API that the stream makes. */
export interface StreamApi {
  attach(request: Attach, handlers: StreamHandlers): { unsubscribe(): void };
  ack(offset: number): void;
  /** At a quiet moment: whether this is the emulator's screen is for the server to say; it sends the right one if not. */
  prove(offset: number, screen: ShownScreen & { readonly run: number }): void;
  /** Whether trying again can help. */
  isFinal(error: unknown): boolean;
}

export type Hello = Extract<AttachEvent, { type: 'hello' }>;
/** What the stream does not handle itself. */
export type SessionFact = Exclude<WholeEvent, { type: 'output' | 'snapshot' | 'resize' }>;

export interface AttachStreamOptions<State> {
  readonly api: StreamApi;
  readonly sessionId: string;
  readonly viewerId: string;
  readonly terminal: TerminalPort<State>;
  /** Rejects when the state is none, or none that this page can show. */
  readonly unpack: (state: Uint8Array, signal: AbortSignal) => Promise<State>;
  /** The grid this page would like. */
  readonly wish: () => { readonly cols: number; readonly rows: number };
  /** The viewer id under which this page, or the one before it in its tab, set the size last; undefined when it did not. */
  readonly sized: () => string | undefined;
  readonly onFact: (fact: SessionFact) => void;
  readonly onParsed: (offset: number) => void;
  readonly onSize: (cols: number, rows: number) => void;
  /** The stream is gone and is being fetched again. */
  readonly onInterrupted: () => void;
  /** It will not come again. */
  readonly onFailed: (error: unknown) => void;
  /** Bytes were missing, or a snapshot could not be shown: the screen is being built anew. */
  readonly onHole: () => void;
}

interface Placed {
  readonly id: string;
  readonly data: AttachEvent;
}
type Snapshot = Extract<AttachEvent, { type: 'snapshot' }>;

export class AttachStream<State> {
  readonly #options: AttachStreamOptions<State>;
  readonly #guard = new ContiguityGuard();
  readonly #parts = new ScreenParts();
  readonly #acknowledger: Acknowledger;
  #subscription: { unsubscribe(): void } | undefined;
  #lastEventId: string | undefined;
  #size = { cols: 80, rows: 24 };
  #attempt = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  /** Tells parse callbacks of a replaced terminal content from those of the present one. */
  #content = 0;
  #subscriptionNumber = 0;
  /** A snapshot is being unpacked, and this came since. */
  #unpacking: { readonly ending: AbortController; readonly waiting: Placed[] } | undefined;
  #failedSnapshots = 0;
  #asksForBytes = false;
  #run = 1;
  #quiet: ReturnType<typeof setTimeout> | undefined;

  constructor(options: AttachStreamOptions<State>) {
    this.#options = options;
    this.#acknowledger = new Acknowledger((offset) => options.api.ack(offset));
  }

  /** One past the last byte that the terminal was given; undefined before the first. */
  get receivedOffset(): number | undefined {
    return this.#guard.expected;
  }

  start(): void {
    this.#subscribe();
  }

  /** Asks for a new `hello`; what the terminal has stays. */
  resubscribe(): void {
    this.#options.onInterrupted();
    this.#subscribe();
  }

  /** For good: what the terminal still has in its queue says nothing any more. */
  stop(): void {
    this.#content += 1;
    this.#leave();
  }

  #leave(): void {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#quiet);
    this.#acknowledger.stop();
    this.#parts.clear();
    // What waits is of no more use: its subscription ends here, and the next one goes on behind what was taken.
    this.#unpacking?.ending.abort();
    this.#unpacking = undefined;
    this.#subscriptionNumber += 1;
    this.#subscription?.unsubscribe();
    this.#subscription = undefined;
  }

  #subscribe(): void {
    this.#leave();
    const number = this.#subscriptionNumber;
    const { sessionId, viewerId, api, wish, sized } = this.#options;
    // The link subscribes again by itself with the same request: what counts is the size, and who sets it, by then.
    const request = {
      sessionId,
      viewerId,
      ...this.#position(),
      get cols() {
        return wish().cols;
      },
      get rows() {
        return wish().rows;
      },
      get sized() {
        return sized();
      },
    } as Attach;
    // A late word of a subscription that was replaced must not count.
    const isCurrent = (): boolean => number === this.#subscriptionNumber;
    this.#subscription = api.attach(request, {
      onEvent: (placed) => {
        if (!isCurrent()) return;
        if (this.#unpacking) this.#unpacking.waiting.push(placed);
        else this.#take(placed);
      },
      onEnded: (error) => {
        if (isCurrent()) this.#ended(error);
      },
    });
  }

  /** Of the content in memory. A page that was just opened has none and says nothing. */
  #position(): Pick<Attach, 'lastEventId' | 'have'> {
    if (this.#lastEventId !== undefined) return { lastEventId: this.#lastEventId };
    return this.#asksForBytes ? { have: FROM_THE_BEGINNING } : {};
  }

  #ended(error: unknown): void {
    this.#leave();
    if (this.#options.api.isFinal(error)) {
      this.#options.onFailed(error);
      return;
    }
    this.#options.onInterrupted();
    this.#retryLater();
  }

  #retryLater(): void {
    const delayMs = RETRY_DELAYS_MS[Math.min(this.#attempt, RETRY_DELAYS_MS.length - 1)];
    this.#attempt += 1;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.#subscribe(), delayMs);
  }

  #take({ id, data }: Placed): void {
    // The link has subscribed again by itself.
    if (data.type === 'hello') this.#parts.clear();
    const event = this.#parts.take(data);
    if (!event) return;
    if ('offset' in event && event.type !== 'snapshot' && !this.#guard.reaches(event.offset)) {
      this.#buildAnew();
      return;
    }
    switch (event.type) {
      case 'output':
        this.#show(event.offset, event.bytes);
        break;
      case 'snapshot':
        if (event.state.length > 0) {
          // The position is the snapshot's only once it is shown.
          this.#unpack(id, event);
          return;
        }
        this.#begin(event);
        break;
      case 'resize':
        this.#setSize(event);
        this.#options.terminal.resize(event.cols, event.rows);
        break;
      case 'seam':
        this.#run = event.run;
        this.#options.terminal.reset(this.#size.cols, this.#size.rows, event.note);
        this.#options.onFact(event);
        break;
      case 'gap': {
        const end = event.offset + event.lostBytes;
        this.#guard.startAt(end);
        // Acknowledged when what came before it has been parsed.
        this.#write(new Uint8Array(0), end);
        this.#options.onFact(event);
        break;
      }
      case 'hello':
        this.#greet(event);
        break;
      default:
        this.#options.onFact(event);
    }
    this.#lastEventId = id;
  }

  #greet(hello: Hello): void {
    const { terminal, onFact } = this.#options;
    const isNew = this.#guard.expected === undefined;
    this.#run = hello.session.run;
    // The size of the session's newest output. It is the terminal's only while that has no content: older output which now
    // follows was made for the size that its own resize events say.
    if (isNew) {
      this.#setSize(hello.size);
      if (this.#asksForBytes) terminal.reset(hello.size.cols, hello.size.rows);
      else terminal.resize(hello.size.cols, hello.size.rows);
    } else {
      this.#acknowledger.repeat();
    }
    onFact(hello);
    if (isNew && this.#asksForBytes) this.#guard.startAt(FROM_THE_BEGINNING.offset);
  }

  #setSize({ cols, rows }: { readonly cols: number; readonly rows: number }): void {
    this.#size = { cols, rows };
    this.#options.onSize(cols, rows);
  }

  #unpack(id: string, snapshot: Snapshot): void {
    const unpacking = { ending: new AbortController(), waiting: [] as Placed[] };
    this.#unpacking = unpacking;
    this.#options.unpack(snapshot.state, unpacking.ending.signal).then(
      (state) => {
        if (this.#unpacking !== unpacking) return;
        this.#unpacking = undefined;
        this.#begin(snapshot, state);
        this.#lastEventId = id;
        this.#takeAll(unpacking.waiting);
      },
      (error: unknown) => {
        if (this.#unpacking === unpacking) this.#snapshotFailed(error);
      },
    );
  }

  /** As if they came now: one of them may end the subscription, or be a snapshot that the rest has to wait for. */
  #takeAll(waiting: readonly Placed[]): void {
    const number = this.#subscriptionNumber;
    for (const placed of waiting) {
      if (number !== this.#subscriptionNumber) return;
      if (this.#unpacking) this.#unpacking.waiting.push(placed);
      else this.#take(placed);
    }
  }

  /** The viewer's terminal is replaced: by the state's, or by a blank one. */
  #begin({ offset, run, cols, rows }: Snapshot, state?: State): void {
    const { terminal } = this.#options;
    this.#content += 1;
    // Seams that the screen stands for are not sent.
    if (run > this.#run) this.#options.onFact({ type: 'seam', offset, run, note: '' });
    this.#run = run;
    this.#guard.startAt(offset);
    this.#acknowledger.startAt(offset);
    this.#setSize({ cols, rows });
    const content = this.#content;
    const done = (): void => {
      if (content !== this.#content) return;
      if (state) {
        this.#failedSnapshots = 0;
        this.#asksForBytes = false;
      }
      this.#acknowledger.shown(offset);
      this.#options.onParsed(offset);
      this.#proveWhenQuiet(offset);
    };
    if (!state) {
      terminal.reset(cols, rows);
      terminal.write(new Uint8Array(0), done);
      return;
    }
    terminal.restore(state, {
      done,
      failed: (error) => {
        if (content === this.#content) this.#snapshotFailed(error);
      },
    });
  }

  #snapshotFailed(error: unknown): void {
    this.#failedSnapshots += 1;
    this.#content += 1;
    this.#options.terminal.reset(this.#size.cols, this.#size.rows);
    if (this.#failedSnapshots > MAX_SNAPSHOT_RETRIES) {
      this.stop();
      this.#options.onHole();
      this.#options.onFailed(error);
      return;
    }
    this.#asksForBytes = true;
    this.#buildAnew();
  }

  #show(offset: number, bytes: Uint8Array): void {
    const judgement = this.#guard.judge(offset, bytes);
    if (judgement.kind === 'hole') {
      this.#buildAnew();
      return;
    }
    this.#attempt = 0;
    if (judgement.bytes.length > 0) this.#write(judgement.bytes, judgement.endOffset);
  }

  #write(bytes: Uint8Array, endOffset: number): void {
    const content = this.#content;
    this.#options.terminal.write(bytes, () => {
      // A snapshot in between began another content, whose own bytes come later in the same queue.
      if (content !== this.#content) return;
      this.#acknowledger.parsed(endOffset, endOffset === this.#guard.expected && !this.#unpacking);
      this.#options.onParsed(endOffset);
      this.#proveWhenQuiet(endOffset);
    });
  }

  #proveWhenQuiet(offset: number): void {
    clearTimeout(this.#quiet);
    const content = this.#content;
    this.#quiet = setTimeout(() => {
      // More has come and waits for the terminal, or for a snapshot before it.
      if (content !== this.#content || this.#unpacking || this.#guard.expected !== offset) return;
      const screen = this.#options.terminal.screen();
      if (screen) this.#options.api.prove(offset, { ...screen, run: this.#run });
    }, QUIET_MS);
  }

  #buildAnew(): void {
    this.#leave();
    this.#guard.forget();
    this.#lastEventId = undefined;
    this.#options.onHole();
    this.#options.onInterrupted();
    this.#retryLater();
  }
}
