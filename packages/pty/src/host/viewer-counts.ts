// Owns how many people look at each session, as the connections say. Must not know what a viewer is.
// Invariant: what a connection has said counts until it says otherwise or ends.
import type { SessionId } from '../protocol/messages.ts';
import type { Asker } from './asker.ts';

export class ViewerCounts {
  readonly #counts = new Map<Asker, Map<SessionId, number>>();

  set(asker: Asker, id: SessionId, viewers: number): void {
    let counts = this.#counts.get(asker);
    if (!counts) {
      counts = new Map();
      this.#counts.set(asker, counts);
      asker.signal.addEventListener('abort', () => this.#counts.delete(asker), { once: true });
    }
    if (viewers === 0) counts.delete(id);
    else counts.set(id, viewers);
  }

  of(id: SessionId): number {
    let viewers = 0;
    for (const counts of this.#counts.values()) viewers += counts.get(id) ?? 0;
    return viewers;
  }
}
