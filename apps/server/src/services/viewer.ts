// Owns one attachment of a viewer: what it has acknowledged, what waits for it beside the stream, and what wakes its stream. No I/O.
import type { AttachEvent } from '@cotg/api';
import { FlowWindow } from './flow-window.ts';

/** Events that the journal does not keep (title, control, notice) waiting for a slow viewer; the newest of a kind counts. */
const MAX_NOTES = 16;

export class Viewer {
  readonly id: string;
  readonly flow: FlowWindow;
  /** It may set the size. */
  readonly maySize: boolean;
  /** The emulator has lines above the screen that this one was not sent: after a change of size each would show something else. */
  hasFewerLines: boolean;
  /** How many came with the screen that was sent last. */
  linesAbove: number;
  readonly #ended = new AbortController();
  #notes: AttachEvent[] = [];
  #wake: (() => void) | undefined;
  #woken = false;
  #resync = false;
  #isDetached = false;

  /** `earlier`: its attachment before this one, which taught what its link is like. */
  constructor(id: string, options: { readonly maySize: boolean; readonly earlier?: Viewer | undefined }) {
    this.id = id;
    this.maySize = options.maySize;
    this.flow = new FlowWindow({ earlier: options.earlier?.flow });
    // It may go on with the screen that it has.
    this.hasFewerLines = options.earlier?.hasFewerLines ?? false;
    this.linesAbove = options.earlier?.linesAbove ?? 0;
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Ends the stream: the same viewer has attached anew, or the server closes. */
  end(): void {
    this.#ended.abort();
    this.wake();
  }

  /** Somebody else has sent it away: its stream ends with that. */
  detach(): void {
    this.#isDetached = true;
    this.end();
  }

  get isDetached(): boolean {
    return this.#isDetached;
  }

  acknowledge(offset: number): void {
    if (this.flow.acknowledge(offset)) this.wake();
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

  /** Resolves at the next wake, at once when one came since the last call, and after `ms` at the latest: false then. */
  async woken(ms?: number): Promise<boolean> {
    if (!this.#woken) {
      const timer = ms === undefined ? undefined : setTimeout(() => this.#wake?.(), ms);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
      clearTimeout(timer);
    }
    const wasWoken = this.#woken;
    this.#woken = false;
    return wasWoken;
  }
}
