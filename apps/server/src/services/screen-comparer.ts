// Owns comparing what viewers show with what the emulator shows. A viewer that shows something else gets the emulator's screen.
import type { Ack } from '@cotg/api';
import type { HostSession } from '@cotg/pty/client';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Viewer } from './viewer.ts';
import type { Screens } from './viewer-stream.ts';

export interface ScreenComparerOptions {
  readonly screens: Screens;
  readonly look: (sessionId: string) => Promise<HostSession>;
  readonly log: Logger;
}

export class ScreenComparer {
  readonly #options: ScreenComparerOptions;
  readonly #busy = new WeakSet<Viewer>();
  #comparisons = 0;
  #mismatches = 0;

  constructor(options: ScreenComparerOptions) {
    this.#options = options;
  }

  get comparisons(): number {
    return this.#comparisons;
  }

  get mismatches(): number {
    return this.#mismatches;
  }

  /** At a quiet moment of the viewer; one at a time for each. */
  compare(viewer: Viewer, sessionId: string, offset: number, shown: NonNullable<Ack['screen']>): void {
    if (this.#busy.has(viewer)) return;
    this.#busy.add(viewer);
    this.#compare(viewer, sessionId, offset, shown)
      // The screens process is away or behind: the next quiet moment tells.
      .catch((error: unknown) => this.#options.log.debug({ session: sessionId, error: messageOf(error) }, 'a screen could not be compared'))
      .finally(() => this.#busy.delete(viewer));
  }

  /** Only what is shown at the very same offset can be compared. */
  async #compare(viewer: Viewer, sessionId: string, offset: number, shown: NonNullable<Ack['screen']>): Promise<void> {
    const { screens, look, log } = this.#options;
    const session = await look(sessionId);
    // Not quiet: there is newer output, another size or another run on the way to it.
    if (session.endOffset !== offset || session.run !== shown.run) return;
    const screen = await screens.rows(session, 'text', offset);
    if (screen.offset !== offset || screen.cols !== shown.cols || screen.rows !== shown.rows) return;
    this.#comparisons += 1;
    if (screen.hash === shown.hash) return;
    this.#mismatches += 1;
    log.warn({ session: sessionId, viewer: viewer.id, offset }, 'a viewer shows another screen; it gets the right one');
    viewer.askResync();
  }
}
