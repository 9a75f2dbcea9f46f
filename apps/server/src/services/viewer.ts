// Owns one attachment of a viewer: where it is, what it has acknowledged, and what wakes its stream. No I/O.
import type { AttachEvent } from '@cotg/api';

/** Output sent and not yet parsed by the viewer's terminal. A stalled viewer costs at most this; the journal holds the rest. */
export const WINDOW_BYTES = 256 * 1024;
/** Events that the journal does not keep (title, control, notice) waiting for a slow viewer; the newest of a kind counts. */
const MAX_NOTES = 16;

export class Viewer {
  readonly id: string;
  readonly #ended = new AbortController();
  #acked = 0;
  #sent = 0;
  #notes: AttachEvent[] = [];
  #wake: (() => void) | undefined;
  #woken = false;
  #resync = false;

  constructor(id: string) {
    this.id = id;
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Ends the stream: the same viewer has attached anew, or the server closes. */
  end(): void {
    this.#ended.abort();
    this.wake();
  }

  begin(offset: number): void {
    this.#acked = offset;
    this.#sent = offset;
  }

  sent(offset: number): void {
    this.#sent = offset;
  }

  acknowledge(offset: number): void {
    // Cumulative, and never beyond what was sent: a wrong number must not open the window.
    const acked = Math.min(offset, this.#sent);
    if (acked <= this.#acked) return;
    this.#acked = acked;
    this.wake();
  }

  /** Bytes that may be sent now. */
  room(): number {
    return Math.max(0, WINDOW_BYTES - (this.#sent - this.#acked));
  }

  note(event: AttachEvent): void {
    this.#notes = this.#notes.filter((waiting) => waiting.type !== event.type);
    if (this.#notes.length < MAX_NOTES) this.#notes.push(event);
    this.wake();
  }

  /** Its screen is not what it should be: it gets the right one. */
  askResync(): void {
    this.#resync = true;
    this.wake();
  }

  takeResync(): boolean {
    const asked = this.#resync;
    this.#resync = false;
    return asked;
  }

  takeNote(): AttachEvent | undefined {
    return this.#notes.shift();
  }

  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  /** Resolves at the next wake; at once when one came since the last call. */
  async woken(): Promise<void> {
    if (!this.#woken) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    this.#woken = false;
  }
}
