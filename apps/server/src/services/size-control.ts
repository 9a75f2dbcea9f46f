// Owns which viewer of a session sets its size. No I/O; who is there is asked for.
//
// The size is a person's choice and survives what the person did not do: a cut of the link, a page that is loaded again, a restart of the
// server. So whoever set it keeps it for a moment after it has gone without a word, and may claim it when it comes back.

/** A viewer that went without a word may be back, in seconds even when its page is loaded again (ms). */
export const CONTROL_GRACE_MS = 5000;

export interface Candidate {
  readonly id: string;
  /** It may set the size, and has one. */
  readonly isAble: boolean;
}

export interface Arrival extends Candidate {
  /** The id under which its page set the size before. */
  readonly sized: string | undefined;
}

export class SizeControl {
  readonly #present: () => readonly Candidate[];
  readonly #changed: (viewerId: string | null) => void;
  readonly #returnUntilMs: number;
  #controller: string | null = null;
  /** Somebody asked for it, or has come back to it. */
  #isClaimed = false;
  /** It left with a word, and may be back at once all the same: a stream that is begun anew ends the one before. */
  #former: { readonly id: string; readonly untilMs: number } | undefined;
  #grace: ReturnType<typeof setTimeout> | undefined;

  /** `present`: in order of arrival. `returnForMs`: so long whoever set the size before the server was started may come back to it. */
  constructor(options: {
    readonly present: () => readonly Candidate[];
    readonly changed: (viewerId: string | null) => void;
    readonly returnForMs?: number;
  }) {
    this.#returnUntilMs = performance.now() + (options.returnForMs ?? 0);
    this.#present = options.present;
    this.#changed = options.changed;
  }

  get controller(): string | null {
    return this.#controller;
  }

  /** It is among those present already. */
  arrived({ id, isAble, sized }: Arrival): void {
    if (!isAble) return;
    const former = this.#former && performance.now() < this.#former.untilMs ? this.#former.id : undefined;
    const isBack = [this.#controller, former].some((held) => held !== undefined && held !== null && (held === id || held === sized));
    const returnMs = this.#isClaimed ? 0 : this.#returnUntilMs - performance.now();
    if (isBack || (sized !== undefined && returnMs > 0)) this.#take(id, true);
    // After a restart of the server the first to come is there by chance.
    else if (returnMs > 0) this.#handOverIn(returnMs);
    else if (this.#controller === null) this.#take(id, false);
  }

  /** `isCut`: without a word. Else the latest other one takes over at once. */
  left(id: string, isCut: boolean): void {
    if (id !== this.#controller) return;
    if (isCut) {
      this.#handOverIn(CONTROL_GRACE_MS);
      return;
    }
    this.#handOver();
    this.#former = { id, untilMs: performance.now() + CONTROL_GRACE_MS };
  }

  /** Somebody has asked for it. The one before stays a viewer. */
  take(id: string): void {
    this.#take(id, true);
  }

  stop(): void {
    clearTimeout(this.#grace);
  }

  #take(id: string | null, isClaimed: boolean): void {
    clearTimeout(this.#grace);
    this.#former = undefined;
    this.#isClaimed ||= isClaimed;
    if (this.#controller === id) return;
    this.#controller = id;
    this.#changed(id);
  }

  #handOverIn(ms: number): void {
    clearTimeout(this.#grace);
    this.#grace = setTimeout(() => this.#handOver(), ms);
    this.#grace.unref();
  }

  #handOver(): void {
    this.#take(this.#present().findLast(({ isAble }) => isAble)?.id ?? null, false);
  }
}
