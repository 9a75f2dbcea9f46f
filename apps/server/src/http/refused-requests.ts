// Owns what becomes of requests that are refused because of their Host, their Origin or a right that they lack: a line of the audit, as long as
// there are few of them. It must not know how a refusal comes about.
// Invariant: however many come, so many lines are written an hour and so much is remembered; what is left out is counted, and the next line says it.
import { isIPv6 } from 'node:net';
import type { Caller } from '@cotg/api';
import type { Audit } from '../services/audit.ts';

/** Each of them has lines of its own, so that a flood of the one hides none of the others. */
export type Refused = 'host' | 'origin' | 'right';

/** Who it is, once that is known. */
export type Who = Caller | { readonly kind: 'nobody'; readonly address: string };

/** Of one kind: the audit keeps 50,000 lines, so a flood of all three needs 23 days to fill it. */
const LINES_PER_HOUR = 30;
const HOUR_MS = 3_600_000;
/** The longest name that DNS has, and a port. */
const MAX_NAME_CHARS = 260;

interface Kind {
  /** Who has a line of this hour, with what. */
  written: Set<string>;
  sinceMs: number;
  unwritten: number;
}

export class RefusedRequests {
  readonly #audit: Pick<Audit, 'record'>;
  readonly #keyOf: (address: string) => string;
  readonly #now: () => number;
  readonly #kinds = new Map<Refused, Kind>();

  /** `keyOf`: addresses that count as one. `now`: milliseconds, monotonic. */
  constructor(options: { audit: Pick<Audit, 'record'>; keyOf: (address: string) => string; now?: () => number }) {
    this.#audit = options.audit;
    this.#keyOf = options.keyOf;
    this.#now = options.now ?? (() => performance.now());
  }

  /** `asked`: the name that was asked for, the origin it came from, or what was to be done. */
  note(who: Who, what: Refused, asked: string | undefined): void {
    const kind = this.#kindOf(what);
    const key = `${who.kind === 'device' ? who.deviceId : this.#keyOf(who.address)} ${asked ?? ''}`;
    if (kind.written.has(key) || kind.written.size >= LINES_PER_HOUR) {
      kind.unwritten += 1;
      return;
    }
    kind.written.add(key);
    const { unwritten } = kind;
    kind.unwritten = 0;
    void this.#audit.record(who, 'request.refused', {
      what,
      ...(asked === undefined ? {} : { asked }),
      ...(unwritten === 0 ? {} : { unwritten }),
    });
  }

  #kindOf(what: Refused): Kind {
    const nowMs = this.#now();
    const known = this.#kinds.get(what);
    if (!known) {
      const kind = { written: new Set<string>(), sinceMs: nowMs, unwritten: 0 };
      this.#kinds.set(what, kind);
      return kind;
    }
    if (nowMs - known.sinceMs >= HOUR_MS) {
      known.written = new Set();
      known.sinceMs = nowMs;
    }
    return known;
  }
}

/** A Host, or the one in an Origin, if it is a name or an address with or without a port. Whatever else was sent stands in no audit. */
export function nameIn(value: string | undefined): string | undefined {
  const bare = (value ?? '').replace(/^https?:\/\//, '');
  if (bare.length > MAX_NAME_CHARS) return undefined;
  const address = /^\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?$/.exec(bare)?.[1];
  if (address !== undefined) return isIPv6(address) ? bare : undefined;
  return /^[A-Za-z0-9.-]+(?::\d{1,5})?$/.test(bare) ? bare : undefined;
}
