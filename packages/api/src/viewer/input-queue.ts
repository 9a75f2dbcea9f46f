// Owns what was typed and is not yet known to have reached the program. Pure: sending and the clock are passed in.
//
// Inputs are numbered from 1 in the order in which they are first sent. The host applies each number once and answers a
// repeated one without typing it again, so everything unacknowledged may be sent again after a cut: each key is typed
// exactly once, in order, or `onRefused` says that it was not. Nothing is typed long after the person pressed the key:
// what is too old goes on as its number with nothing in it, and the answer to that says whether the key had arrived after all.
import { partsOfBytes, partsOfText, pasteEndPart } from './input-parts.ts';
import type { InputContent, OnFate, Part } from './input-parts.ts';
import { InputWindow } from './input-window.ts';

export type { InputContent, InputFate, OnFate } from './input-parts.ts';

/** Keys typed while there is no connection wait this long … */
const MAX_WAIT_MS = 10_000;
/** … and those typed before the cut was noticed (a silent link takes 5 s) as much longer. */
const UNNOTICED_MS = 5000;
/** What may wait without a connection: some lines, not a paste. */
const MAX_OFFLINE_BYTES = 4 * 1024;
/** What may wait with one, for a program that reads slowly: more than any paste by hand. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
/** One input. The server takes 64 KiB of text; less keeps a keystroke behind a paste quick. */
const MAX_INPUT_BYTES = 16 * 1024;
/** Inputs under way at a time: enough to fill a slow link, few to send again. */
const MAX_IN_FLIGHT = 8;
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 1000;

/**
 * Why something typed was not passed on: no connection; more than may wait; not allowed; failed; the program has ended; the page was left
 * before; whether it was typed is not known.
 */
export type RefusalReason = 'not-connected' | 'too-much' | 'not-allowed' | 'failed' | 'ended' | 'left' | 'unknown';

/** What became of one sending: applied up to this number, or why not. */
export type SendOutcome =
  /** `isDuplicate`: this number had been applied before, by an earlier sending. */
  | { readonly kind: 'applied'; readonly lastInput: number; readonly isDuplicate: boolean }
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
  /** `characters`: how many, the last ones of what was typed. */
  readonly onRefused: (reason: RefusalReason, characters: number) => void;
  /** The numbers do not fit the server's any more: a new `hello` is needed. */
  readonly onOutOfStep: () => void;
  /** Milliseconds of the wall clock: it goes on while a phone sleeps. */
  readonly now: () => number;
}

interface NumberedInput {
  readonly n: number;
  readonly parts: readonly Part[];
  readonly bytes: number;
  readonly typedAt: number;
  isUnderWay: boolean;
  sentAt: number;
  /** Too old to be typed now: its number goes on with nothing in it. So often that was sent. */
  blanks: number | undefined;
}

export class InputQueue {
  readonly #options: InputQueueOptions;
  readonly #window = new InputWindow();
  #waiting: Part[] = [];
  #numbered: NumberedInput[] = [];
  #waitingBytes = 0;
  /** Bytes accepted since the connection was lost. */
  #offlineBytes = 0;
  #run: number | undefined;
  #isOpen = false;
  #isRefusing = false;
  #lastApplied = 0;
  #cutAt: number;
  #answeredAt = Number.NEGATIVE_INFINITY;
  #sending = new AbortController();
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #retryMs = RETRY_FIRST_MS;
  /** Given up and known not to be typed: said together. */
  #notTyped: Part[] = [];
  /** What was typed last left the program inside a bracketed paste. */
  #isPasteOpen = false;
  /** Something behind what was typed was given up. */
  #hasGivenUp = false;

  constructor(options: InputQueueOptions) {
    this.#options = options;
    this.#cutAt = options.now();
  }

  /** Inputs whose fate is open. */
  get pending(): number {
    return this.#waiting.length + this.#numbered.length;
  }

  /** Characters whose fate is open. */
  get pendingCharacters(): number {
    return [...this.#numbered.flatMap(({ parts }) => parts), ...this.#notTyped, ...this.#waiting].reduce(
      (sum, { length }) => sum + length,
      0,
    );
  }

  /** False, and `onRefused` was called, when nothing of it will be typed. `onFate` learns once what became of it. */
  type(text: string, onFate?: OnFate): boolean {
    return this.#accept(partsOfText(text, this.#options.now(), onFate));
  }

  /** Bytes that are no text (old mouse reports), as base64. At most one piece. */
  typeBytes(base64: string, onFate?: OnFate): boolean {
    return this.#accept(partsOfBytes(base64, this.#options.now(), onFate));
  }

  /** The program may be inside a paste that another page began: that is ended before anything else is typed. */
  closePasteFirst(): void {
    [this.#isPasteOpen, this.#hasGivenUp] = [true, true];
  }

  /** Whether something that was sent may leave the program inside a bracketed paste. */
  get leavesPasteOpen(): boolean {
    const last = this.#numbered.findLast(({ blanks }) => blanks === undefined)?.parts.at(-1);
    return last?.leavesPasteOpen ?? this.#isPasteOpen;
  }

  #accept(parts: readonly Part[]): boolean {
    const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
    if (!this.#isOpen) {
      this.expire();
      // After the first refusal everything is refused until we are connected: half a command is worse than none.
      if (this.#isRefusing || this.#offlineBytes + bytes > MAX_OFFLINE_BYTES) {
        this.#isRefusing = true;
        this.#refuse('not-connected', parts);
        return false;
      }
      this.#offlineBytes += bytes;
    } else if (this.#waitingBytes + bytes > MAX_WAITING_BYTES) {
      this.#refuse('too-much', parts);
      return false;
    }
    for (const part of parts) this.#waiting.push(part);
    this.#waitingBytes += bytes;
    this.#pump();
    return true;
  }

  /** Which program of the session is typed to: what was typed for one is not typed into the next. */
  setRun(run: number): void {
    if (this.#run !== undefined && run !== this.#run) this.end();
    this.#run = run;
  }

  /** Attached, by `hello`: the server has applied everything up to `lastInput`. */
  open(lastInput: number): void {
    this.#rewind();
    this.expire();
    if (lastInput < this.#lastApplied) {
      // The host that counted is gone, and with it the knowledge of what it typed.
      this.#refuseAll('unknown', 'unknown');
    } else {
      this.#applied(lastInput);
      const [oldest] = this.#numbered;
      if (oldest && this.#isStale(oldest)) this.#giveUp();
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
    this.#window.reset();
    this.#rewind();
  }

  /** To be called now and then during a cut: refuses what has waited too long. What was sent may have arrived: the next `hello` tells. */
  expire(): void {
    const [oldest] = this.#waiting;
    if (this.#isOpen || !oldest || !this.#isStale(oldest)) return;
    this.#isRefusing = true;
    this.#hasGivenUp = true;
    this.#refuse('not-connected', this.#takeAllWaiting());
  }

  /** The session is gone: nothing that is left will be typed. */
  end(): void {
    this.#refuseAll('ended', 'unknown');
  }

  /** The page leaves the session. What is under way arrives where there is a connection; what has not left yet never will. */
  leave(): void {
    if (this.#isOpen) {
      const underWay = this.#numbered.filter(({ isUnderWay, blanks }) => isUnderWay && blanks === undefined);
      this.#numbered = this.#numbered.filter((input) => !underWay.includes(input));
      for (const part of underWay.flatMap(({ parts }) => parts)) part.settle('unknown');
      const last = underWay.at(-1);
      // Nobody is here to see how it ends; what comes next to the program must not be taken for pasted.
      if (last?.parts.at(-1)?.leavesPasteOpen ?? this.#isPasteOpen) this.#sendPasteEnd((last?.n ?? this.#lastApplied) + 1);
      this.#refuseAll('left', 'not-typed');
    } else {
      this.#refuseAll(this.#numbered.length > 0 ? 'unknown' : 'left', 'unknown');
    }
  }

  #sendPasteEnd(n: number): void {
    void this.#options.send(n, contentOf([pasteEndPart(this.#options.now())]), new AbortController().signal);
  }

  #isStale({ typedAt }: { readonly typedAt: number }): boolean {
    const limitMs = typedAt >= this.#cutAt ? MAX_WAIT_MS : MAX_WAIT_MS + UNNOTICED_MS;
    return this.#options.now() - Math.max(typedAt, this.#answeredAt) > limitMs;
  }

  /** Too old to be typed now. Their numbers go on with nothing in them, so that no number is missing, and the answers say whether they were. */
  #giveUp(): void {
    for (const input of this.#numbered) input.blanks ??= 0;
    this.#hasGivenUp = true;
    this.#notTyped.push(...this.#takeAllWaiting());
  }

  #takeAllWaiting(): readonly Part[] {
    const parts = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    return parts;
  }

  #refuse(reason: RefusalReason, parts: readonly Part[]): void {
    for (const part of parts) part.settle('not-typed');
    this.#tell(reason, parts);
  }

  #tell(reason: RefusalReason, parts: readonly Part[]): void {
    const characters = parts.reduce((sum, { length }) => sum + length, 0);
    if (characters > 0) this.#options.onRefused(reason, characters);
  }

  /** Forgets everything; `sent`: what is to be thought of what is under way. */
  #refuseAll(reason: RefusalReason, sent: 'not-typed' | 'unknown'): void {
    this.#rewind();
    const sentParts = this.#numbered.flatMap(({ parts }) => parts);
    const rest = [...this.#notTyped, ...this.#takeAllWaiting()];
    this.#numbered = [];
    this.#notTyped = [];
    // A program that is there still may be inside a paste.
    this.#isPasteOpen = this.#isPasteOpen && (reason === 'failed' || reason === 'not-allowed');
    this.#hasGivenUp = this.#isPasteOpen;
    for (const part of sentParts) part.settle(sent);
    for (const part of rest) part.settle('not-typed');
    this.#tell(reason, [...sentParts, ...rest]);
  }

  #pump(): void {
    if (!this.#isOpen || this.#retryTimer !== undefined) return;
    this.#closePaste();
    let bytes = this.#numbered.reduce((sum, input) => sum + (input.isUnderWay ? input.bytes : 0), 0);
    for (const input of this.#numbered) {
      if (input.isUnderWay) continue;
      if (!this.#fits(bytes, input.blanks === undefined ? input.bytes : 0)) return;
      bytes += input.bytes;
      this.#transmit(input);
    }
    // Behind what was given up nothing is typed before its fate is known: the end of a paste may have to come first.
    while (!this.#hasGivenUp && this.#numbered.length < MAX_IN_FLIGHT) {
      const [next] = this.#waiting;
      if (!next || !this.#fits(bytes, next.bytes)) return;
      const input = this.#takeWaiting(this.#window.bytes - bytes);
      bytes += input.bytes;
      this.#numbered.push(input);
      this.#transmit(input);
    }
  }

  #fits(underWay: number, bytes: number): boolean {
    return underWay === 0 || underWay + bytes <= this.#window.bytes;
  }

  /** Once the fate of all that was given up is known. */
  #closePaste(): void {
    if (!this.#hasGivenUp || this.#numbered.length > 0) return;
    this.#hasGivenUp = false;
    this.#refuse('not-connected', this.#notTyped);
    this.#notTyped = [];
    if (!this.#isPasteOpen) return;
    const end = pasteEndPart(this.#options.now());
    this.#waiting.unshift(end);
    this.#waitingBytes += end.bytes;
  }

  /** The next input; neighbouring texts go together while they fit. Only while something waits. */
  #takeWaiting(room: number): NumberedInput {
    const parts: Part[] = [];
    let bytes = 0;
    for (let [next] = this.#waiting; next; [next] = this.#waiting) {
      const joins = 'data' in next.content && parts.every(({ content }) => 'data' in content);
      if (parts.length > 0 && (!joins || bytes + next.bytes > Math.min(MAX_INPUT_BYTES, room))) break;
      this.#waiting.shift();
      parts.push(next);
      bytes += next.bytes;
    }
    this.#waitingBytes -= bytes;
    const n = (this.#numbered.at(-1)?.n ?? this.#lastApplied) + 1;
    return { n, parts, bytes, typedAt: parts[0]?.typedAt ?? 0, isUnderWay: false, sentAt: 0, blanks: undefined };
  }

  #transmit(input: NumberedInput): void {
    input.isUnderWay = true;
    input.sentAt = this.#options.now();
    if (input.blanks !== undefined) input.blanks += 1;
    const { signal } = this.#sending;
    const content = input.blanks === undefined ? contentOf(input.parts) : { data: '' };
    void this.#options.send(input.n, content, signal).then((outcome) => this.#settle(input, outcome, signal));
  }

  #settle(input: NumberedInput, outcome: SendOutcome, signal: AbortSignal): void {
    if (outcome.kind === 'applied') {
      if (input.blanks !== undefined && this.#numbered.includes(input)) this.#settleBlank(input, outcome.isDuplicate);
      else if (!outcome.isDuplicate && !signal.aborted)
        this.#window.answered(input.bytes, this.#options.now() - input.sentAt, this.#waiting.length > 0);
      // True whenever it was asked: numbers only grow.
      this.#applied(outcome.lastInput, input);
      this.#lastApplied = Math.max(this.#lastApplied, outcome.lastInput);
      this.#answeredAt = this.#options.now();
      this.#retryMs = RETRY_FIRST_MS;
      this.#pump();
      return;
    }
    if (signal.aborted || !this.#numbered.includes(input)) return;
    switch (outcome.kind) {
      case 'gap':
        this.#answeredAt = this.#options.now();
        // The oldest one has nothing before it: the server counts from elsewhere.
        if (input === this.#numbered[0]) this.#lostStep();
        else this.#sendAgainLater();
        return;
      case 'again':
        if (outcome.answered) this.#answeredAt = this.#options.now();
        this.#sendAgainLater();
        return;
      case 'ended':
        // Answered in their order: nothing from this one on was typed.
        this.#refuseAll('ended', 'not-typed');
        return;
      case 'not-allowed':
      case 'failed':
        this.#refuseAll(outcome.kind, 'not-typed');
        this.#lostStep();
    }
  }

  /** `answered`: the one whose own answer this is. A number that was given up has to wait for that: it tells whether the key had arrived before. */
  #applied(lastInput: number, answered?: NumberedInput): void {
    const done = this.#numbered.filter(({ n }) => n <= lastInput);
    this.#numbered = this.#numbered.filter((input) => !done.includes(input) || (answered !== undefined && input.blanks !== undefined));
    for (const input of done) {
      if (input.blanks === undefined) this.#typed(input, 'typed');
      // Of two sendings one was applied, and its answer is lost.
      else if (!this.#numbered.includes(input)) this.#typed(input, 'unknown');
    }
  }

  #settleBlank(input: NumberedInput, isDuplicate: boolean): void {
    this.#numbered = this.#numbered.filter((other) => other !== input);
    if (!isDuplicate) this.#notTyped.push(...input.parts);
    else this.#typed(input, input.blanks === 1 ? 'typed' : 'unknown');
  }

  /** A paste of which a part may have been typed has to be ended. */
  #typed({ parts }: NumberedInput, fate: 'typed' | 'unknown'): void {
    for (const part of parts) part.settle(fate);
    this.#isPasteOpen = parts.at(-1)?.leavesPasteOpen ?? false;
    if (fate === 'unknown') this.#tell('unknown', parts);
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
    for (const input of this.#numbered) input.isUnderWay = false;
  }
}

function contentOf(parts: readonly Part[]): InputContent {
  const [first] = parts;
  if (first && 'base64' in first.content) return first.content;
  return { data: parts.map(({ content }) => ('data' in content ? content.data : '')).join('') };
}
