// Owns one WebSocket connection as the client library sees it: the platform's socket, plus what a phone needs.
//
// A dead link is noticed and reported at once. The platform's `close()` waits for the other side's answer, in browsers up
// to a minute on a link that lost its network; here the `close` event comes immediately and the old socket is left to
// end in the background. Opening has a time-out; silence is probed, and any frame counts as a sign of life (an answer to
// a ping may wait behind a flood). A link that is slow but alive gets more time, learnt from how long it takes to open and to answer. Where
// nobody looks nothing is tried: a socket that is made then waits to be opened.

/** A silent link is noticed after interval + time-out = 5 s: half of the 10 s that we promise. */
export const KEEP_ALIVE_INTERVAL_MS = 3000;
export const KEEP_ALIVE_TIMEOUT_MS = 2000;
/** A slow link's answers are waited for this long at most: with the interval just under the 10 s. */
export const MAX_KEEP_ALIVE_TIMEOUT_MS = 6500;
/** An answer may take so many times what the last one took. */
const ANSWER_SLACK = 2;
/** A phone on a bad network opens TCP + TLS + upgrade in about 3 s; longer means a new attempt is better. */
export const OPEN_TIMEOUT_MS = 5000;
/** Each attempt that took too long gives the next one so much more, up to here (ms): a link of 3 s there and back opens in 6, and behind a dead
    spot nobody waits long for an attempt that began in it. */
const OPEN_PATIENCE = 1.5;
export const MAX_OPEN_TIMEOUT_MS = 8000;

export interface LinkTimings {
  readonly keepAliveIntervalMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly openTimeoutMs: number;
}

export interface LinkSocketOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** The platform's, unless a program has one that knows the server's certificate. */
  readonly WebSocket?: typeof WebSocket;
  readonly timings?: Partial<LinkTimings>;
  /** Called for every socket made, so that its owner can drop the newest. */
  readonly onCreated?: (socket: { abandon(reason: string): void }) => void;
  readonly onFailedToOpen?: () => void;
  /** Calls `open` at once, or when somebody looks; the function that it returns takes that back. At once by default. */
  readonly whenSeen?: (open: () => void) => () => void;
  /** How long the answer to a ping took (ms). Pings are sent each three seconds, in silence and while something comes. */
  readonly onRoundTrip?: (ms: number) => void;
}

/** The class that the client library constructs with nothing but a URL. */
export function makeLinkSocketClass(options: LinkSocketOptions): typeof WebSocket {
  const timings: LinkTimings = {
    keepAliveIntervalMs: KEEP_ALIVE_INTERVAL_MS,
    keepAliveTimeoutMs: KEEP_ALIVE_TIMEOUT_MS,
    openTimeoutMs: OPEN_TIMEOUT_MS,
    ...options.timings,
  };

  const Socket = options.WebSocket ?? WebSocket;
  const whenSeen = options.whenSeen ?? openNow;
  let { openTimeoutMs } = timings;

  class LinkSocket extends EventTarget {
    static readonly CONNECTING = 0;
    static readonly OPEN = 1;
    static readonly CLOSING = 2;
    static readonly CLOSED = 3;
    readonly CONNECTING = 0;
    readonly OPEN = 1;
    readonly CLOSING = 2;
    readonly CLOSED = 3;
    readonly url: string;
    #stopWaiting: () => void = () => undefined;
    /** Undefined while it waits to be opened. */
    #inner: WebSocket | undefined;
    #binaryType: 'arraybuffer' | 'blob' = 'blob';
    #state: 0 | 1 | 3 = 0;
    #openTimer: ReturnType<typeof setTimeout> | undefined;
    #aliveTimer: ReturnType<typeof setTimeout> | undefined;
    /** When those were sent that are not answered yet. */
    #pingsMs: number[] = [];
    #startedMs = 0;
    #answerMs = 0;
    #lastPingMs = 0;

    constructor(url: string) {
      super();
      this.url = url;
      this.#stopWaiting = whenSeen(() => this.#open());
      options.onCreated?.(this);
    }

    #open(): void {
      if (this.#state !== LinkSocket.CONNECTING || this.#inner) return;
      this.#startedMs = performance.now();
      this.#openTimer = setTimeout(() => {
        openTimeoutMs = Math.min(openTimeoutMs * OPEN_PATIENCE, Math.max(MAX_OPEN_TIMEOUT_MS, timings.openTimeoutMs));
        this.abandon('not open in time');
      }, openTimeoutMs);
      // Browsers take no headers (they send their cookie); Node's WebSocket takes them in its second argument.
      const inner = options.headers ? new Socket(this.url, { headers: { ...options.headers } }) : new Socket(this.url);
      this.#inner = inner;
      inner.binaryType = this.#binaryType;
      inner.addEventListener('open', () => this.#opened());
      inner.addEventListener('message', (event) => {
        if (this.#state !== LinkSocket.OPEN) return;
        this.#watch();
        const pingedMs = event.data === 'PONG' ? this.#pingsMs.shift() : undefined;
        if (pingedMs !== undefined) {
          this.#answerMs = performance.now() - pingedMs;
          options.onRoundTrip?.(this.#answerMs);
        } else this.#tellAlive();
        this.dispatchEvent(new MessageEvent('message', { data: event.data as unknown }));
      });
      inner.addEventListener('error', () => this.#fail());
      inner.addEventListener('close', (event) => this.#end(event.code, event.reason));
    }

    get readyState(): number {
      return this.#state;
    }
    get bufferedAmount(): number {
      return this.#inner?.bufferedAmount ?? 0;
    }
    get binaryType(): 'arraybuffer' | 'blob' {
      return this.#binaryType;
    }
    set binaryType(type: 'arraybuffer' | 'blob') {
      this.#binaryType = type;
      if (this.#inner) this.#inner.binaryType = type;
    }

    send(data: string | ArrayBufferLike | Blob | ArrayBufferView): void {
      this.#inner?.send(data);
    }

    close(code?: number, reason?: string): void {
      if (this.#state === LinkSocket.CLOSED) return;
      try {
        this.#inner?.close(code, reason);
      } finally {
        this.#end(code ?? 1000, reason ?? '');
      }
    }

    /** The link is dead: tells the library now and lets the platform find out in its own time. */
    abandon(reason: string): void {
      // One that waits for somebody to look is opened by that.
      if (this.#state === LinkSocket.CLOSED || !this.#inner) return;
      const opened = this.#state === LinkSocket.OPEN;
      if (!opened) this.#fail();
      this.#inner?.close();
      this.#end(1006, reason);
    }

    #opened(): void {
      if (this.#state !== LinkSocket.CONNECTING) return;
      clearTimeout(this.#openTimer);
      ({ openTimeoutMs } = timings);
      // Two times there and back and more: nothing that is sent then takes longer.
      this.#answerMs = (performance.now() - this.#startedMs) / ANSWER_SLACK;
      this.#state = LinkSocket.OPEN;
      this.#watch();
      this.dispatchEvent(new Event('open'));
    }

    /** Starts the silence anew. */
    #watch(): void {
      clearTimeout(this.#aliveTimer);
      this.#aliveTimer = setTimeout(() => {
        this.#ping();
        this.#aliveTimer = setTimeout(() => this.abandon('no sign of life'), this.#answerTimeoutMs());
      }, timings.keepAliveIntervalMs);
    }

    /** Whoever only receives for long, a large screen on a slow link, says that it is there: the server's own probes wait behind all that. */
    #tellAlive(): void {
      if (performance.now() - this.#lastPingMs >= timings.keepAliveIntervalMs) this.#ping();
    }

    #ping(): void {
      this.#lastPingMs = performance.now();
      this.#pingsMs.push(this.#lastPingMs);
      this.#inner?.send('PING');
    }

    #answerTimeoutMs(): number {
      const slack = Math.min(MAX_KEEP_ALIVE_TIMEOUT_MS, ANSWER_SLACK * this.#answerMs);
      return Math.max(timings.keepAliveTimeoutMs, slack);
    }

    #fail(): void {
      if (this.#state === LinkSocket.CLOSED) return;
      if (this.#state === LinkSocket.CONNECTING) options.onFailedToOpen?.();
      this.dispatchEvent(new Event('error'));
    }

    #end(code: number, reason: string): void {
      this.#stopWaiting();
      clearTimeout(this.#openTimer);
      clearTimeout(this.#aliveTimer);
      if (this.#state === LinkSocket.CLOSED) return;
      this.#state = LinkSocket.CLOSED;
      const event = new Event('close');
      this.dispatchEvent(Object.assign(event, { code, reason, wasClean: code === 1000 }));
    }
  }

  // The library uses the members above only; the full DOM interface (onopen and the like) is not needed.
  return LinkSocket as unknown as typeof WebSocket;
}

function openNow(open: () => void): () => void {
  open();
  return () => undefined;
}
