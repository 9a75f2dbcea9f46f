// Owns how many wrong attempts to get in are answered: per address and over all of them. They outlive a restart. Whoever holds
// something that is right is never slowed by those who guess.
import { ApiError } from '@cotg/api';
import type { LoginAttempts, LoginAttemptStore } from '@cotg/db/catalog';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';

/**
 * A person mistypes a code now and then; a program tries all. An address gets five a minute and twelve an hour; a network of them sixty a
 * minute and three hundred an hour together, which for a typed code of 40 bits that dies after five is nothing.
 */
const LIMITS = {
  addressMinute: { points: 5, durationS: 60 },
  addressHour: { points: 12, durationS: 3600 },
  allMinute: { points: 60, durationS: 60 },
  allHour: { points: 300, durationS: 3600 },
} as const;
type LimitName = keyof typeof LIMITS;
const NAMES = Object.keys(LIMITS) as LimitName[];
const ALL = 'all';

export interface LoginLimitsOptions {
  readonly store: LoginAttemptStore;
  /** Addresses that count as one. */
  readonly keyOf: (address: string) => string;
  readonly log: Logger;
}

export class LoginLimits {
  readonly #options: LoginLimitsOptions;
  readonly #limiters: Readonly<Record<LimitName, RateLimiterMemory>>;
  #saving = Promise.resolve();

  private constructor(options: LoginLimitsOptions, stored: readonly LoginAttempts[]) {
    this.#options = options;
    const made = NAMES.map((name): [LimitName, RateLimiterMemory] => {
      const { points, durationS } = LIMITS[name];
      const limiter = new RateLimiterMemory({ keyPrefix: '', points, duration: durationS });
      const storage = stored
        .filter(({ key }) => key.startsWith(`${name}:`))
        .map(({ key, count, expiresAt }) => ({ key: key.slice(name.length + 1), value: count, expiresAt }));
      limiter.restore({ version: 1, storage });
      return [name, limiter];
    });
    this.#limiters = Object.fromEntries(made) as Record<LimitName, RateLimiterMemory>;
  }

  static async open(options: LoginLimitsOptions): Promise<LoginLimits> {
    return new LoginLimits(options, await options.store.load(Date.now()));
  }

  /** Throws TOO_MANY_REQUESTS, with when trying again can help, once this address or all of them have tried too often. */
  async check(address: string): Promise<void> {
    const waits = await Promise.all(
      NAMES.map(async (name) => {
        const found = await this.#limiters[name].get(this.#keyFor(name, address));
        return found !== null && found.consumedPoints >= LIMITS[name].points ? found.msBeforeNext : 0;
      }),
    );
    const waitMs = Math.max(...waits);
    if (waitMs <= 0) return;
    const retryAfterS = Math.max(1, Math.ceil(waitMs / 1000));
    throw new ApiError('TOO_MANY_REQUESTS', `Too many wrong tries; try again in ${inWords(retryAfterS)}.`, { retryAfterS });
  }

  /** A wrong one. Only those that were answered count: the maps stay as small as the limits. */
  async wrong(address: string): Promise<void> {
    const attempts: LoginAttempts[] = [];
    for (const name of NAMES) {
      const key = this.#keyFor(name, address);
      const result = await this.#limiters[name].penalty(key, 1);
      attempts.push({ key: `${name}:${key}`, count: result.consumedPoints, expiresAt: Date.now() + result.msBeforeNext });
    }
    this.#saving = this.#saving
      .then(() => this.#options.store.put(attempts, Date.now()))
      .catch((error: unknown) => this.#options.log.error({ error: messageOf(error) }, 'a wrong attempt could not be written down'));
    await this.#saving;
  }

  #keyFor(name: LimitName, address: string): string {
    return name === 'allMinute' || name === 'allHour' ? ALL : this.#options.keyOf(address);
  }
}

function inWords(seconds: number): string {
  return seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} minutes`;
}
