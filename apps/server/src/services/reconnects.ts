// Owns counting viewers that come back, and whether that worked in time.
import type { Attach } from '@cotg/api';
import type { ReconnectCounts } from './metrics-service.ts';

/** A reconnect that takes longer has not worked for whoever waits (ms). */
const RECONNECT_MS = 10_000;
/** Viewers that are remembered as having been here. */
const MAX_KNOWN_VIEWERS = 10_000;

export class Reconnects {
  #counts: ReconnectCounts = { tried: 0, succeeded: 0 };
  /** Viewers that were here, newest last. */
  readonly #known = new Set<string>();

  get counts(): ReconnectCounts {
    return this.#counts;
  }

  /** Undefined for somebody who was never here. The answer is called when the first screen or output is on its way. */
  note(request: Attach): (() => void) | undefined {
    const wasHere = request.have !== undefined || request.lastEventId !== undefined || this.#known.has(request.viewerId);
    this.#known.delete(request.viewerId);
    this.#known.add(request.viewerId);
    const [oldest] = this.#known;
    if (this.#known.size > MAX_KNOWN_VIEWERS && oldest !== undefined) this.#known.delete(oldest);
    if (!wasHere) return undefined;
    const since = performance.now();
    this.#counts = { ...this.#counts, tried: this.#counts.tried + 1 };
    let isDone = false;
    return () => {
      if (isDone) return;
      isDone = true;
      if (performance.now() - since <= RECONNECT_MS) this.#counts = { ...this.#counts, succeeded: this.#counts.succeeded + 1 };
    };
  }
}
