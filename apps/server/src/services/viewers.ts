// Owns who looks at one session: its viewers, which of them sets the size, and the feed they share. No transports.
import type { AttachEvent } from '@cotg/api';
import { SessionFeed } from './session-feed.ts';
import type { HostLink } from './host-link.ts';
import { Viewer } from './viewer.ts';

/** Viewers that are remembered for a session, some hundred bytes each. */
const MAX_EARLIER = 64;

export class SessionViewers {
  readonly feed: SessionFeed;
  /** In order of arrival. */
  readonly #viewers = new Map<string, Viewer>();
  /** The newest attachment of each, newest last: somebody who comes back has most likely the same link and screen. */
  readonly #earlier = new Map<string, Viewer>();
  #controller: string | null = null;

  constructor(host: HostLink, sessionId: string) {
    this.feed = new SessionFeed(host, sessionId, { changed: () => this.wakeAll() });
  }

  get count(): number {
    return this.#viewers.size;
  }

  get controller(): string | null {
    return this.#controller;
  }

  get(viewerId: string): Viewer | undefined {
    return this.#viewers.get(viewerId);
  }

  /** A viewer that attaches again replaces its own older attachment, whose socket may be dead without knowing. */
  add(viewerId: string, maySize: boolean): Viewer {
    this.#viewers.get(viewerId)?.end();
    const viewer = new Viewer(viewerId, { maySize, earlier: this.#earlier.get(viewerId) });
    this.#earlier.delete(viewerId);
    this.#earlier.set(viewerId, viewer);
    const [oldest] = this.#earlier.keys();
    if (this.#earlier.size > MAX_EARLIER && oldest !== undefined) this.#earlier.delete(oldest);
    this.#viewers.delete(viewerId);
    this.#viewers.set(viewerId, viewer);
    // Whoever may only look never sets the size.
    if (maySize && (this.#controller === null || !this.#viewers.has(this.#controller))) this.#setController(viewerId);
    return viewer;
  }

  remove(viewer: Viewer): void {
    if (this.#viewers.get(viewer.id) !== viewer) return;
    this.#viewers.delete(viewer.id);
    // The latest other viewer takes over.
    if (this.#controller === viewer.id) this.#setController([...this.#viewers.values()].findLast(({ maySize }) => maySize)?.id ?? null);
  }

  /** Somebody has asked for it. The one before stays a viewer. */
  takeControl(viewerId: string): void {
    if (this.#controller !== viewerId) this.#setController(viewerId);
  }

  #setController(viewerId: string | null): void {
    this.#controller = viewerId;
    for (const viewer of this.#viewers.values()) viewer.note({ type: 'control', viewerId });
  }

  noteAll(event: AttachEvent): void {
    for (const viewer of this.#viewers.values()) viewer.note(event);
  }

  wakeAll(): void {
    for (const viewer of this.#viewers.values()) viewer.wake();
  }

  endAll(): void {
    for (const viewer of this.#viewers.values()) viewer.end();
  }
}
