// Owns one WebSocket connection as the client library sees it: the platform's socket, plus what a phone needs.
//
// A dead link is noticed and reported at once. The platform's `close()` waits for the other side's answer, in browsers up
// to a minute on a link that lost its network; here the `close` event comes immediately and the old socket is left to
// end in the background. Opening has a time-out; silence is probed, and any frame counts as a sign of life (an answer to
// a ping may wait behind a flood).

/** A silent link is noticed after interval + time-out = 5 s: half of the 10 s that we promise. */
export const KEEP_ALIVE_INTERVAL_MS = 3000;
export const KEEP_ALIVE_TIMEOUT_MS = 2000;
/** A phone on a bad network opens TCP + TLS + upgrade in about 3 s; longer means a new attempt is better. */
export const OPEN_TIMEOUT_MS = 5000;

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
  /** How long the answer to a ping took (ms). Pings are sent in silence only. */
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

  class LinkSocket extends EventTarget {
    static readonly CONNECTING = 0;
    static readonly OPEN = 1;
    static readonly CLOSING = 2;
    static readonly CLOSED = 3;
    readonly CONNECTING = 0;
    readonly OPEN = 1;
    readonly CLOSING = 2;
    readonly CLOSED = 3;
    readonly #inner: WebSocket;
    #state: 0 | 1 | 3 = 0;
    #openTimer: ReturnType<typeof setTimeout> | undefined;
    #aliveTimer: ReturnType<typeof setTimeout> | undefined;
    #pingedMs: number | undefined;

    constructor(url: string) {
      super();
      // Browsers take no headers (they send their cookie); Node's WebSocket takes them in its second argument.
      this.#inner = options.headers ? new Socket(url, { headers: { ...options.headers } }) : new Socket(url);
      this.#openTimer = setTimeout(() => this.abandon('not open in time'), timings.openTimeoutMs);
      this.#inner.addEventListener('open', () => this.#opened());
      this.#inner.addEventListener('message', (event) => {
        if (this.#state !== LinkSocket.OPEN) return;
        this.#watch();
        if (this.#pingedMs !== undefined && event.data === 'PONG') {
          options.onRoundTrip?.(performance.now() - this.#pingedMs);
          this.#pingedMs = undefined;
        }
        this.dispatchEvent(new MessageEvent('message', { data: event.data as unknown }));
      });
      this.#inner.addEventListener('error', () => this.#fail());
      this.#inner.addEventListener('close', (event) => this.#end(event.code, event.reason));
      options.onCreated?.(this);
    }

    get readyState(): number {
      return this.#state;
    }
    get url(): string {
      return this.#inner.url;
    }
    get bufferedAmount(): number {
      return this.#inner.bufferedAmount;
    }
    get binaryType(): 'arraybuffer' | 'blob' {
      return this.#inner.binaryType;
    }
    set binaryType(type: 'arraybuffer' | 'blob') {
      this.#inner.binaryType = type;
    }

    send(data: string | ArrayBufferLike | Blob | ArrayBufferView): void {
      this.#inner.send(data);
    }

    close(code?: number, reason?: string): void {
      if (this.#state === LinkSocket.CLOSED) return;
      try {
        this.#inner.close(code, reason);
      } finally {
        this.#end(code ?? 1000, reason ?? '');
      }
    }

    /** The link is dead: tells the library now and lets the platform find out in its own time. */
    abandon(reason: string): void {
      if (this.#state === LinkSocket.CLOSED) return;
      const opened = this.#state === LinkSocket.OPEN;
      if (!opened) this.#fail();
      this.#inner.close();
      this.#end(1006, reason);
    }

    #opened(): void {
      if (this.#state !== LinkSocket.CONNECTING) return;
      clearTimeout(this.#openTimer);
      this.#state = LinkSocket.OPEN;
      this.#watch();
      this.dispatchEvent(new Event('open'));
    }

    /** Starts the silence anew. */
    #watch(): void {
      clearTimeout(this.#aliveTimer);
      this.#aliveTimer = setTimeout(() => {
        this.#pingedMs = performance.now();
        this.#inner.send('PING');
        this.#aliveTimer = setTimeout(() => this.abandon('no sign of life'), timings.keepAliveTimeoutMs);
      }, timings.keepAliveIntervalMs);
    }

    #fail(): void {
      if (this.#state === LinkSocket.CLOSED) return;
      if (this.#state === LinkSocket.CONNECTING) options.onFailedToOpen?.();
      this.dispatchEvent(new Event('error'));
    }

    #end(code: number, reason: string): void {
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
