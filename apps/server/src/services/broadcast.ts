// Owns a list of listeners and the turning of events into bounded async streams. Knows nothing of what is sent.

/** A watcher that reads so slowly that this many events wait is behind for good: it gets the whole list again. */
const MAX_WAITING = 256;

export class Broadcast<T> {
  readonly #listeners = new Set<(value: T) => void>();

  get size(): number {
    return this.#listeners.size;
  }

  send(value: T): void {
    for (const listener of this.#listeners) listener(value);
  }

  listen(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Values from now on, until the signal; `overflow` stands for what a slow reader missed. */
  async *stream(signal: AbortSignal): AsyncGenerator<T | 'overflow', void> {
    const waiting: (T | 'overflow')[] = [];
    let wake: (() => void) | undefined;
    const stop = this.listen((value) => {
      if (waiting.length < MAX_WAITING) waiting.push(value);
      else waiting.splice(0, waiting.length, 'overflow');
      wake?.();
    });
    const onAbort = (): void => wake?.();
    signal.addEventListener('abort', onAbort);
    try {
      while (!signal.aborted) {
        const next = waiting.shift();
        if (next !== undefined) {
          yield next;
          continue;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = undefined;
      }
    } finally {
      stop();
      signal.removeEventListener('abort', onAbort);
    }
  }
}
