// Owns what becomes of tokens that are wrong: a few a minute are answered, then their address is told to wait; each minute of them is one
// line of the audit. Tokens have 256 bits and cannot be guessed: this is for who tries, and against the noise. A cookie is not counted:
// a browser sends an old one by itself, and its page must learn that it is signed out.
import { ApiError } from '@cotg/api';
import { RateLimiterMemory } from 'rate-limiter-flexible';

const ANSWERED = 10;
const PER_S = 60;
/**
 * Addresses that are answered within a minute, all together: each is remembered, and is a line of the audit, which many of them must not
 * flood. Whoever has a right token is not slowed.
 */
const MAX_ADDRESSES = 100;
/** Lines of the audit an hour: it keeps 50,000, which many addresses that go on trying must not fill in a night. */
const MAX_LINES = 100;
const HOUR_MS = 3_600_000;
/** Addresses remembered as told to wait; beyond it the oldest is forgotten. */
const MAX_BLOCKED = 1000;

export class WrongTokens {
  readonly #limiter = new RateLimiterMemory({ points: ANSWERED, duration: PER_S });
  /** Seen since when: the present minute. */
  #addresses = new Set<string>();
  #sinceMs = 0;
  #lines = { count: 0, sinceMs: 0 };
  readonly #blockedUntil = new Map<string, number>();
  readonly #keyOf: (address: string) => string;
  readonly #onFirst: (address: string) => void;

  /** `onFirst`: the first wrong one of an address within a minute, a bounded number of them an hour. */
  constructor(options: { keyOf: (address: string) => string; onFirst: (address: string) => void }) {
    this.#keyOf = options.keyOf;
    this.#onFirst = options.onFirst;
  }

  /** Throws TOO_MANY_REQUESTS when this address has been told to wait; otherwise counts one more. */
  note(address: string): void {
    const key = this.#keyOf(address);
    const waitMs = (this.#blockedUntil.get(key) ?? 0) - Date.now();
    if (waitMs > 0)
      throw new ApiError('TOO_MANY_REQUESTS', 'Too many wrong tokens; try again in a minute.', { retryAfterS: Math.ceil(waitMs / 1000) });
    if (!this.#isAnswered(key))
      throw new ApiError('TOO_MANY_REQUESTS', 'Too many wrong tokens; try again in a minute.', { retryAfterS: PER_S });
    this.#limiter.consume(key).then(
      ({ isFirstInDuration, remainingPoints, msBeforeNext }) => {
        if (isFirstInDuration && this.#hasLine()) this.#onFirst(address);
        if (remainingPoints === 0) this.#block(key, Date.now() + msBeforeNext);
      },
      () => undefined, // Counted beyond its last one while the block was on its way.
    );
  }

  #hasLine(): boolean {
    const now = Date.now();
    if (Math.abs(now - this.#lines.sinceMs) >= HOUR_MS) this.#lines = { count: 0, sinceMs: now };
    this.#lines.count += 1;
    return this.#lines.count <= MAX_LINES;
  }

  #isAnswered(key: string): boolean {
    const now = Date.now();
    if (Math.abs(now - this.#sinceMs) >= PER_S * 1000) {
      this.#addresses = new Set();
      this.#sinceMs = now;
    }
    if (this.#addresses.has(key)) return true;
    if (this.#addresses.size >= MAX_ADDRESSES) return false;
    this.#addresses.add(key);
    return true;
  }

  #block(key: string, until: number): void {
    this.#blockedUntil.delete(key);
    this.#blockedUntil.set(key, until);
    const [oldest] = this.#blockedUntil.keys();
    if (this.#blockedUntil.size > MAX_BLOCKED && oldest !== undefined) this.#blockedUntil.delete(oldest);
  }
}
