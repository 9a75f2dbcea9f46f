// Owns who looks at one session: its viewers, which of them sets the size, and the feed they share. No transports.
import type { AttachEvent } from '@cotg/api';
import { SessionFeed } from './session-feed.ts';
import type { HostLink } from './host-link.ts';
import { SizeControl } from './size-control.ts';
import { Viewer } from './viewer.ts';

/** Viewers that are remembered for a session, some hundred bytes each. */
const MAX_EARLIER = 64;

/** Told of each change; `ended`: nothing more will come. */
export interface Reader {
  changed(): void;
  ended(): void;
}

export class SessionViewers {
  readonly feed: SessionFeed;
  /** In order of arrival. */
  readonly #viewers = new Map<string, Viewer>();
  /** The newest attachment of each, newest last: somebody who comes back has most likely the same link and screen. */
  readonly #earlier = new Map<string, Viewer>();
  /** Who reads along without looking: no say in the size, no reason to stay alive. */
  readonly #readers = new Set<Reader>();
  readonly #control: SizeControl;

  /** `returnForMs`: as of SizeControl. */
  constructor(host: HostLink, sessionId: string, returnForMs: number) {
    this.#control = new SizeControl({
      present: () => [...this.#viewers.values()].map(({ id, maySize }) => ({ id, isAble: maySize })),
      changed: (viewerId) => this.noteAll({ type: 'control', viewerId }),
      returnForMs,
    });
    this.feed = new SessionFeed(host, sessionId, { changed: () => this.wakeAll() });
  }

  get count(): number {
    return this.#viewers.size;
  }

  /** Nobody reads the feed. */
  get isUnused(): boolean {
    return this.#viewers.size === 0 && this.#readers.size === 0;
  }

  addReader(reader: Reader): void {
    this.#readers.add(reader);
  }

  removeReader(reader: Reader): void {
    this.#readers.delete(reader);
  }

  get controller(): string | null {
    return this.#control.controller;
  }

  get(viewerId: string): Viewer | undefined {
    return this.#viewers.get(viewerId);
  }

  /**
   * A viewer that attaches again replaces its own older attachment, whose socket may be dead without knowing. `maySize`: it has a size and may
   * do more than look. `sized`: the id under which its page set the size before.
   */
  add(viewerId: string, { maySize, sized }: { readonly maySize: boolean; readonly sized?: string | undefined }): Viewer {
    this.#viewers.get(viewerId)?.end();
    const viewer = new Viewer(viewerId, { maySize, earlier: this.#earlier.get(viewerId) });
    this.#earlier.delete(viewerId);
    this.#earlier.set(viewerId, viewer);
    const [oldest] = this.#earlier.keys();
    if (this.#earlier.size > MAX_EARLIER && oldest !== undefined) this.#earlier.delete(oldest);
    this.#viewers.delete(viewerId);
    this.#viewers.set(viewerId, viewer);
    this.#control.arrived({ id: viewerId, isAble: maySize, sized });
    return viewer;
  }

  /** `isCut`: without a word. */
  remove(viewer: Viewer, isCut: boolean): void {
    if (this.#viewers.get(viewer.id) !== viewer) return;
    this.#viewers.delete(viewer.id);
    this.#control.left(viewer.id, isCut);
  }

  /** Somebody has asked for it. The one before stays a viewer. */
  takeControl(viewerId: string): void {
    this.#control.take(viewerId);
  }

  noteAll(event: AttachEvent): void {
    for (const viewer of this.#viewers.values()) viewer.note(event);
  }

  wakeAll(): void {
    for (const viewer of this.#viewers.values()) viewer.wake();
    for (const reader of this.#readers) reader.changed();
  }

  endAll(): void {
    this.#control.stop();
    for (const viewer of this.#viewers.values()) viewer.end();
    for (const reader of this.#readers) reader.ended();
  }

  /** Sends all but this one away; how many. */
  detachOthers(stays: string | undefined): number {
    const others = [...this.#viewers.values()].filter(({ id }) => id !== stays);
    for (const viewer of others) viewer.detach();
    return others.length;
  }
}
