// Owns what was typed and is not yet known to have reached the program. Pure: sending and the clock are passed in.
//
// Inputs are numbered from 1 in the order in which they are first sent. The host applies each number once and answers a
// repeated one without typing it again, so everything unacknowledged may be sent again after a cut: each key is typed
// exactly once, in order, or `onRefused` says that it was not. Nothing is typed long after the person pressed the key.
import { MAX_PIECE_BYTES, splitText, utf8Length } from './paste.ts';

/** Keys typed while there is no connection wait this long … */
const MAX_WAIT_MS = 10_000;
/** … and those typed before the cut was noticed (a silent link takes 5 s) as much longer. */
const UNNOTICED_MS = 5000;
/** What may wait without a connection: some lines, not a paste. */
const MAX_OFFLINE_BYTES = 4 * 1024;
/** What may wait with one, for a program that reads slowly: more than any paste by hand. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
/** Inputs under way at a time: enough to fill a slow link, few to send again. */
const MAX_IN_FLIGHT = 8;
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 1000;

export type InputContent = { readonly data: string } | { readonly base64: string };

/** Why something typed was not passed on: no connection; more than may wait; not allowed; failed; its fate is unknown. */
export type RefusalReason = 'not-connected' | 'too-much' | 'not-allowed' | 'failed' | 'unknown';

/** What became of one sending: applied up to this number, or why not. */
export type SendOutcome =
  | { readonly kind: 'applied'; readonly lastInput: number }
  /** A number before this one is missing. */
  | { readonly kind: 'gap' }
  /** Not now: no connection, or the program does not read. `answered`: the server said so itself. */
  | { readonly kind: 'again'; readonly answered: boolean }
  | { readonly kind: 'ended' }
  | { readonly kind: 'not-allowed' }
  | { readonly kind: 'failed' };

export interface InputQueueOptions {
  /** Never rejects. The signal says that nobody waits for the outcome any more. */
  readonly send: (n: number, content: InputContent, signal: AbortSignal) => Promise<SendOutcome>;
  readonly onRefused: (reason: RefusalReason) => void;
  /** The numbers do not fit the server's any more: a new `hello` is needed. */
  readonly onOutOfStep: () => void;
  /** Milliseconds of the wall clock: it goes on while a phone sleeps. */
  readonly now: () => number;
}

interface Entry {
  content: InputContent;
  readonly bytes: number;
  readonly typedAt: number;
}

interface NumberedEntry extends Entry {
  readonly n: number;
  isUnderWay: boolean;
}

export class InputQueue {
  readonly #options: InputQueueOptions;
  #waiting: Entry[] = [];
  #numbered: NumberedEntry[] = [];
  #waitingBytes = 0;
  /** Bytes accepted since the connection was lost. */
  #offlineBytes = 0;
  #isOpen = false;
  #isRefusing = false;
  #lastApplied = 0;
  #cutAt: number;
  #answeredAt = Number.NEGATIVE_INFINITY;
  #sending = new AbortController();
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #retryMs = RETRY_FIRST_MS;

  constructor(options: InputQueueOptions) {
    this.#options = options;
    this.#cutAt = options.now();
  }

  /** Inputs whose fate is open. */
  get pending(): number {
    return this.#waiting.length + this.#numbered.length;
  }

  /** False, and `onRefused` was called, when nothing of it will be typed. */
  type(text: string): boolean {
    return this.#accept(splitText(text).map((piece) => ({ content: { data: piece }, bytes: utf8Length(piece) })));
  }

  /** Bytes that are no text (old mouse reports), as base64. At most one piece. */
  typeBytes(base64: string): boolean {
    return this.#accept([{ content: { base64 }, bytes: base64.length }]);
  }

  #accept(pieces: readonly { readonly content: InputContent; readonly bytes: number }[]): boolean {
    const bytes = pieces.reduce((sum, piece) => sum + piece.bytes, 0);
    if (!this.#isOpen) {
      this.expire();
      // After the first refusal everything is refused until we are connected: half a command is worse than none.
      if (this.#isRefusing || this.#offlineBytes + bytes > MAX_OFFLINE_BYTES) {
        this.#isRefusing = true;
        this.#options.onRefused('not-connected');
        return false;
      }
      this.#offlineBytes += bytes;
    } else if (this.#waitingBytes + bytes > MAX_WAITING_BYTES) {
      this.#options.onRefused('too-much');
      return false;
    }
    const typedAt = this.#options.now();
    for (const piece of pieces) this.#waiting.push({ ...piece, typedAt });
    this.#waitingBytes += bytes;
    this.#pump();
    return true;
  }

  /** Attached, by `hello`: the server has applied everything up to `lastInput`. */
  open(lastInput: number): void {
    this.#rewind();
    this.expire();
    if (lastInput < this.#lastApplied) {
      // The host that counted is gone, and with it the knowledge of what it typed.
      if (this.#numbered.length > 0) this.#refuseAll('unknown');
    } else {
      this.#numbered = this.#numbered.filter((entry) => entry.n > lastInput);
      const [oldest] = this.#numbered;
      if (oldest && this.#isStale(oldest)) this.#giveUpNumbered();
    }
    this.#lastApplied = lastInput;
    this.#isOpen = true;
    this.#isRefusing = false;
    this.#offlineBytes = 0;
    this.#pump();
  }

  /** The connection is lost: nothing under way will be answered. */
  cut(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#offlineBytes = 0;
    this.#cutAt = this.#options.now();
    this.#rewind();
  }

  /** To be called now and then during a cut: refuses what has waited too long. */
  expire(): void {
    const [oldest] = this.#waiting;
    if (this.#isOpen || !oldest || !this.#isStale(oldest)) return;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#isRefusing = true;
    this.#options.onRefused('not-connected');
  }

  /** The session has ended or the page leaves it: forgets everything, says nothing. */
  clear(): void {
    this.#rewind();
    this.#waiting = [];
    this.#numbered = [];
    this.#waitingBytes = 0;
  }

  #isStale(entry: Entry): boolean {
    const limitMs = entry.typedAt >= this.#cutAt ? MAX_WAIT_MS : MAX_WAIT_MS + UNNOTICED_MS;
    return this.#options.now() - Math.max(entry.typedAt, this.#answeredAt) > limitMs;
  }

  /** Too old to be typed now. Their numbers go on with nothing in them, so that no number is missing. */
  #giveUpNumbered(): void {
    for (const entry of this.#numbered) entry.content = { data: '' };
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#options.onRefused('not-connected');
  }

  #refuseAll(reason: RefusalReason): void {
    this.clear();
    this.#options.onRefused(reason);
  }

  #pump(): void {
    if (!this.#isOpen || this.#retryTimer !== undefined) return;
    while (this.#numbered.length < MAX_IN_FLIGHT) {
      const next = this.#takeWaiting();
      if (!next) break;
      this.#numbered.push({ ...next, n: (this.#numbered.at(-1)?.n ?? this.#lastApplied) + 1, isUnderWay: false });
    }
    for (const entry of this.#numbered) if (!entry.isUnderWay) this.#transmit(entry);
  }

  /** The next input; neighbouring texts go together while they fit. */
  #takeWaiting(): Entry | undefined {
    const first = this.#waiting.shift();
    if (!first) return undefined;
    let merged = first;
    for (;;) {
      const [next] = this.#waiting;
      if (!next || !('data' in merged.content) || !('data' in next.content) || merged.bytes + next.bytes > MAX_PIECE_BYTES) break;
      this.#waiting.shift();
      merged = { content: { data: merged.content.data + next.content.data }, bytes: merged.bytes + next.bytes, typedAt: merged.typedAt };
    }
    this.#waitingBytes -= merged.bytes;
    return merged;
  }

  #transmit(entry: NumberedEntry): void {
    entry.isUnderWay = true;
    const { signal } = this.#sending;
    void this.#options.send(entry.n, entry.content, signal).then((outcome) => this.#settle(entry, outcome, signal));
  }

  #settle(entry: NumberedEntry, outcome: SendOutcome, signal: AbortSignal): void {
    if (outcome.kind === 'applied') {
      // True whenever it was asked: numbers only grow.
      this.#numbered = this.#numbered.filter((other) => other.n > outcome.lastInput);
      this.#lastApplied = Math.max(this.#lastApplied, outcome.lastInput);
      this.#answeredAt = this.#options.now();
      this.#retryMs = RETRY_FIRST_MS;
      this.#pump();
      return;
    }
    if (signal.aborted || !this.#numbered.includes(entry)) return;
    switch (outcome.kind) {
      case 'gap':
        this.#answeredAt = this.#options.now();
        // The oldest one has nothing before it: the server counts from elsewhere.
        if (entry === this.#numbered[0]) this.#lostStep();
        else this.#sendAgainLater();
        return;
      case 'again':
        if (outcome.answered) this.#answeredAt = this.#options.now();
        this.#sendAgainLater();
        return;
      case 'ended':
        this.clear();
        return;
      case 'not-allowed':
      case 'failed':
        this.#refuseAll(outcome.kind);
        this.#lostStep();
    }
  }

  #lostStep(): void {
    this.cut();
    this.#options.onOutOfStep();
  }

  /** From the oldest unacknowledged one on; a number that did arrive is not typed again. */
  #sendAgainLater(): void {
    this.#rewind();
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      this.#pump();
    }, this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
  }

  #rewind(): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    this.#sending.abort();
    this.#sending = new AbortController();
    for (const entry of this.#numbered) entry.isUnderWay = false;
  }
}
