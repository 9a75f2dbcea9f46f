// Owns this page's attachment: subscribe, keep the terminal equal to the stream, subscribe again after any end of it.
// Must not know components, storage or how the terminal draws.
//
// Invariant: the terminal gets every byte once and in order from where its content began. Where that cannot be kept, it is
// blanked and built anew from the beginning; a screen with a hole in it is never shown as whole.
import type { Attach, AttachEvent } from '@cotg/api/client';
import { Acknowledger } from './acknowledger.ts';
import { ContiguityGuard } from './contiguity.ts';

/** Pauses before attaching again when the server ended or refused the stream. The link itself has its own. */
const RETRY_DELAYS_MS = [250, 500, 1000] as const;

/** What the stream does to a terminal. The calls take effect in their order. */
export interface TerminalPort {
  write(bytes: Uint8Array, parsed: () => void): void;
  resize(cols: number, rows: number): void;
  reset(cols: number, rows: number): void;
  writeNote(text: string): void;
}

export interface StreamHandlers {
  readonly onEvent: (event: { readonly id: string; readonly data: AttachEvent }) => void;
  readonly onEnded: (error: unknown) => void;
}

/** The three calls of the API that the stream makes. */
export interface StreamApi {
  attach(request: Attach, handlers: StreamHandlers): { unsubscribe(): void };
  ack(offset: number): void;
  /** Whether trying again can help. */
  isFinal(error: unknown): boolean;
}

export type Hello = Extract<AttachEvent, { type: 'hello' }>;
/** What the stream does not handle itself. */
export type SessionFact = Exclude<AttachEvent, { type: 'output' | 'snapshot' | 'resize' }>;

export interface AttachStreamOptions {
  readonly api: StreamApi;
  readonly sessionId: string;
  readonly viewerId: string;
  readonly terminal: TerminalPort;
  /** The grid this page would like. */
  readonly wish: () => { readonly cols: number; readonly rows: number };
  readonly onFact: (fact: SessionFact) => void;
  readonly onParsed: (offset: number) => void;
  readonly onSize: (cols: number, rows: number) => void;
  /** The stream is gone and is being fetched again. */
  readonly onInterrupted: () => void;
  /** It will not come again. */
  readonly onFailed: (error: unknown) => void;
  /** Bytes were missing: the screen is being built anew. */
  readonly onHole: () => void;
}

export class AttachStream {
  readonly #options: AttachStreamOptions;
  readonly #guard = new ContiguityGuard();
  readonly #acknowledger: Acknowledger;
  #subscription: { unsubscribe(): void } | undefined;
  #lastEventId: string | undefined;
  #size = { cols: 80, rows: 24 };
  #attempt = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  /** Tells parse callbacks of a replaced terminal content from those of the present one. */
  #content = 0;
  #subscriptionNumber = 0;

  constructor(options: AttachStreamOptions) {
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

  stop(): void {
    clearTimeout(this.#retryTimer);
    this.#acknowledger.stop();
    this.#subscriptionNumber += 1;
    this.#subscription?.unsubscribe();
    this.#subscription = undefined;
  }

  #subscribe(): void {
    this.stop();
    const number = this.#subscriptionNumber;
    const { sessionId, viewerId, api, wish } = this.#options;
    const request: Attach = {
      sessionId,
      viewerId,
      ...wish(),
      // The position of the content in memory. A page that was just opened has none and says nothing.
      ...(this.#lastEventId === undefined ? {} : { lastEventId: this.#lastEventId }),
    };
    // A late word of a subscription that was replaced must not count.
    const isCurrent = (): boolean => number === this.#subscriptionNumber;
    this.#subscription = api.attach(request, {
      onEvent: ({ id, data }) => {
        if (isCurrent()) this.#take(id, data);
      },
      onEnded: (error) => {
        if (isCurrent()) this.#ended(error);
      },
    });
  }

  #ended(error: unknown): void {
    this.stop();
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

  #take(id: string, event: AttachEvent): void {
    if ('offset' in event && event.type !== 'snapshot' && !this.#guard.reaches(event.offset)) {
      this.#buildAnew();
      return;
    }
    switch (event.type) {
      case 'output':
        this.#show(event.offset, event.bytes);
        break;
      case 'snapshot':
        this.#begin(event);
        break;
      case 'resize':
        this.#setSize(event);
        this.#options.terminal.resize(event.cols, event.rows);
        break;
      case 'seam':
        this.#options.terminal.reset(this.#size.cols, this.#size.rows);
        this.#options.terminal.writeNote(event.note);
        this.#options.onFact(event);
        break;
      case 'hello':
        this.#greet(event);
        break;
      default:
        this.#options.onFact(event);
    }
    this.#lastEventId = id;
  }

  #greet(hello: Hello): void {
    // The size of the session's newest output. It is the terminal's only while that is blank: older output which now
    // follows was made for the size that its own resize events say.
    if (this.#guard.expected === undefined) {
      this.#setSize(hello.size);
      this.#options.terminal.resize(hello.size.cols, hello.size.rows);
    } else {
      this.#acknowledger.repeat();
    }
    this.#options.onFact(hello);
  }

  #setSize({ cols, rows }: { readonly cols: number; readonly rows: number }): void {
    this.#size = { cols, rows };
    this.#options.onSize(cols, rows);
  }

  /** The viewer's terminal is replaced by a blank one: snapshots with content are not sent yet. */
  #begin(snapshot: { readonly offset: number; readonly cols: number; readonly rows: number }): void {
    this.#content += 1;
    this.#setSize(snapshot);
    this.#options.terminal.reset(snapshot.cols, snapshot.rows);
    this.#guard.startAt(snapshot.offset);
    this.#acknowledger.startAt(snapshot.offset);
    this.#write(new Uint8Array(0), snapshot.offset);
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
      this.#acknowledger.parsed(endOffset);
      this.#options.onParsed(endOffset);
    });
  }

  #buildAnew(): void {
    this.stop();
    this.#guard.forget();
    this.#lastEventId = undefined;
    this.#options.onHole();
    this.#options.onInterrupted();
    this.#retryLater();
  }
}
