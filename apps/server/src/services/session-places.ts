// Owns whether there is room for one more session: how many may live, how many ended ones are kept. Must not know what a session runs.
import { ApiError } from '@cotg/api';
import type { HostLink } from './host-link.ts';
import { isAlive } from './session-view.ts';

/**
 * Ended sessions kept at most: somebody who starts programs that end at once must not fill memory and disk with what is left
 * of them. An hour of one every two seconds; the host's list of all of them stays far below its frame limit.
 */
const MAX_ENDED = 2000;

export class SessionPlaces {
  readonly #host: Pick<HostLink, 'request'>;
  readonly #maxSessions: number;
  /** Being started; not all of them are in the host's list yet. */
  readonly #starting = new Set<string>();

  constructor(host: Pick<HostLink, 'request'>, maxSessions: number) {
    this.#host = host;
    this.#maxSessions = maxSessions;
  }

  /**
   * Room for one more that lives, until what is returned is disposed of. Throws TOO_MANY_SESSIONS. What is being started counts: many at once must
   * not pass together, each having seen the same list.
   */
  async take(id: string): Promise<Disposable> {
    const { reply } = await this.#host.request('list', {});
    // Nothing is awaited from here on. A start that is not in this list yet is still among those that are being made.
    const alive = reply.sessions.filter(isAlive);
    const living = new Set([...this.#starting, ...alive.map((session) => session.id)]);
    living.delete(id);
    if (living.size >= this.#maxSessions) {
      throw new ApiError('TOO_MANY_SESSIONS', `There are already ${this.#maxSessions} living sessions.`, {
        hint: 'End one, or raise COTG_MAX_SESSIONS.',
      });
    }
    const ended = reply.sessions.length - alive.length;
    if (ended >= MAX_ENDED && !reply.sessions.some((session) => session.id === id)) {
      throw new ApiError('TOO_MANY_SESSIONS', `${ended} ended sessions are still kept.`, {
        hint: 'Remove some, or lower COTG_DEAD_GRACE.',
      });
    }
    this.#starting.add(id);
    return { [Symbol.dispose]: () => void this.#starting.delete(id) };
  }
}
