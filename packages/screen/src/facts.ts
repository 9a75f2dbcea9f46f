// Owns what a program tells people beside its screen: bells, notifications, its title. Attaches to an emulator and reports facts, cleaned and
// held to limits. Must not know who is told, or whether this output is new: attach it only where output is live.
//
// OSC 9 ; text: a notification (iTerm2). OSC 9 ; number [; …] is ConEmu's and shows progress and the like: no fact.
// OSC 777 ; notify ; title ; body: a notification (rxvt-unicode). OSC 0 and 2: the title (xterm ctlseqs).
// Invariant: whatever a program sends, memory does not grow, no more facts are told than the limits allow, and the last title is always told.
import { plainLine } from './plain.ts';
import type { ScreenTerminal } from './xterm-internals.ts';

export type ScreenFact =
  /** `count` bells since the last one told. */
  | { readonly kind: 'bell'; readonly count: number }
  /** `title` is empty where the program gave none. `suppressed`: others that came too fast since the last one told. */
  | { readonly kind: 'attention'; readonly title: string; readonly body: string; readonly suppressed: number }
  | { readonly kind: 'title'; readonly title: string };

export interface FactsOptions {
  /** Any clock that does not go back (ms). */
  readonly now: () => number;
  readonly onFact: (fact: ScreenFact) => void;
}

export interface FactsWatch {
  /**
   * Tells what was held back and is due now. Returns in how many ms more will be due, or null when nothing is held back: call it then.
   */
  flush(): number | null;
  dispose(): void;
}

/** Between two of one kind (ms): a tab title or a badge that changes faster cannot be read. */
const BELL_GAP_MS = 1000;
const TITLE_GAP_MS = 100;
/** Notifications: this many at once, and one more in each of these (ms). A person is told, not flooded. */
const ATTENTION_BURST = 3;
const ATTENTION_REFILL_MS = 10_000;

const CONEMU = /^\d+(;|$)/;

export function watchFacts(terminal: ScreenTerminal, { now, onFact }: FactsOptions): FactsWatch {
  let bells = 0;
  let bellDue = Number.NEGATIVE_INFINITY;
  let title: string | undefined;
  let toldTitle: string | undefined;
  let titleDue = Number.NEGATIVE_INFINITY;
  const tokens = new TokenBucket(now());
  let suppressed = 0;

  const flush = (): number | null => {
    const time = now();
    if (bells > 0 && time >= bellDue) {
      bellDue = time + BELL_GAP_MS;
      const count = bells;
      bells = 0;
      onFact({ kind: 'bell', count });
    }
    if (title !== undefined && time >= titleDue) {
      const next = title;
      title = undefined;
      if (next !== toldTitle) {
        titleDue = time + TITLE_GAP_MS;
        toldTitle = next;
        onFact({ kind: 'title', title: next });
      }
    }
    const waits = [bells > 0 ? bellDue - time : null, title === undefined ? null : titleDue - time].filter((wait) => wait !== null);
    return waits.length === 0 ? null : Math.min(...waits);
  };

  const attention = (rawTitle: string, rawBody: string): true => {
    if (tokens.take(now())) {
      const count = suppressed;
      suppressed = 0;
      onFact({ kind: 'attention', title: plainLine(rawTitle), body: plainLine(rawBody), suppressed: count });
    } else suppressed += 1;
    return true;
  };

  const disposables = [
    terminal.onBell(() => {
      bells += 1;
      flush();
    }),
    terminal.onTitleChange((raw) => {
      title = plainLine(raw);
      flush();
    }),
    terminal.parser.registerOscHandler(9, (text) => (CONEMU.test(text) ? true : attention('', text))),
    terminal.parser.registerOscHandler(777, (text) => {
      const [command, first, rest] = splitTwice(text);
      if (command !== 'notify') return true;
      return rest === undefined ? attention('', first ?? '') : attention(first ?? '', rest);
    }),
  ];
  return { flush, dispose: () => disposables.forEach((disposable) => disposable.dispose()) };
}

/** At the first two semicolons. */
function splitTwice(text: string): readonly [string, string?, string?] {
  const first = text.indexOf(';');
  if (first === -1) return [text];
  const second = text.indexOf(';', first + 1);
  return second === -1
    ? [text.slice(0, first), text.slice(first + 1)]
    : [text.slice(0, first), text.slice(first + 1, second), text.slice(second + 1)];
}

class TokenBucket {
  #tokens = ATTENTION_BURST;
  #countedAt: number;

  constructor(time: number) {
    this.#countedAt = time;
  }

  take(time: number): boolean {
    const earned = Math.floor((time - this.#countedAt) / ATTENTION_REFILL_MS);
    if (earned > 0) {
      this.#tokens = Math.min(ATTENTION_BURST, this.#tokens + earned);
      this.#countedAt += earned * ATTENTION_REFILL_MS;
    }
    if (this.#tokens === 0) return false;
    this.#tokens -= 1;
    return true;
  }
}
