// Owns putting the parts of a large screen together again. Whoever attaches gives it each event in order.
import type { AttachEvent } from '../schema/output.ts';

/** No screen is larger (bytes, compressed): a server that sends more is none of ours. */
const MAX_SCREEN_BYTES = 32 * 1024 * 1024;

export type WholeEvent = Exclude<AttachEvent, { type: 'part' }>;

export class ScreenParts {
  #parts: Uint8Array[] = [];
  #bytes = 0;

  /** Undefined while more belongs to it. */
  take(event: AttachEvent): WholeEvent | undefined {
    if (event.type === 'part') {
      this.#bytes += event.bytes.length;
      if (this.#bytes > MAX_SCREEN_BYTES) this.clear();
      else this.#parts.push(event.bytes);
      return undefined;
    }
    if (event.type !== 'snapshot' || this.#parts.length === 0) return event;
    const state = new Uint8Array(this.#bytes + event.state.length);
    let at = 0;
    for (const part of [...this.#parts, event.state]) {
      state.set(part, at);
      at += part.length;
    }
    this.clear();
    return { ...event, state };
  }

  /** What has come belongs to a stream that has ended. */
  clear(): void {
    this.#parts = [];
    this.#bytes = 0;
  }
}
