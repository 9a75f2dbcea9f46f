// Owns which sessions have an emulator in this process: wakes them when there is output or a question, puts them to sleep when
// it is quiet, and bounds how many live at a time. Must not know how an emulator works.
import type { HostEvent, HostSession } from '@cotg/pty/client';
import type { HostLink } from '../services/host-link.ts';
import { errorText } from './error-text.ts';
import type { Checkpoint, FromScreens, ToScreens } from './messages.ts';
import { BehindError, ScreenSession } from './screen-session.ts';

/** About one megabyte each with a full scrollback. Beyond it the quietest gives way; the default of COTG_MAX_SESSIONS fits. */
const MAX_LIVE = 200;
/** A preview is looked at, not read: twice a second is lively. */
const PREVIEW_EVERY_MS = 500;
/** How long the server may take to hand a stored state out of its database. */
const CHECKPOINT_TIMEOUT_MS = 5000;
const LOAD_EVERY_MS = 1000;

export class ScreenPool {
  readonly #host: HostLink;
  readonly #send: (message: FromScreens) => void;
  readonly #sessions = new Map<string, ScreenSession>();
  readonly #known = new Map<string, HostSession>();
  readonly #checkpoints = new Map<string, (checkpoint: Checkpoint | null) => void>();
  readonly #leaving = new Map<string, Promise<void>>();
  readonly #changedScreens = new Set<string>();
  readonly #lastPreview = new Map<string, string>();
  readonly #timers: ReturnType<typeof setInterval>[];
  #previews = false;

  constructor(options: { host: HostLink; send: (message: FromScreens) => void }) {
    this.#host = options.host;
    this.#send = options.send;
    this.#host.onConnected((sessions) => {
      this.#known.clear();
      for (const session of sessions) this.#known.set(session.id, session);
      for (const session of this.#sessions.values()) session.reconnected();
    });
    this.#host.onEvent((event, body) => this.#takeEvent(event, body));
    this.#timers = [setInterval(() => this.#sendPreviews(), PREVIEW_EVERY_MS), setInterval(() => this.#sendLoad(), LOAD_EVERY_MS)];
  }

  take(message: Exclude<ToScreens, { type: 'start' | 'retire' }>): void {
    switch (message.type) {
      case 'checkpoint':
        this.#checkpoints.get(message.sessionId)?.(message.checkpoint);
        this.#checkpoints.delete(message.sessionId);
        return;
      case 'wake':
        void this.#wake(message.sessionId);
        return;
      case 'previews':
        this.#previews = message.on;
        if (message.on) for (const id of this.#sessions.keys()) this.#changedScreens.add(id);
        return;
      case 'snapshot':
      case 'rows':
        this.#answer(message).catch((error: unknown) => {
          this.#send({
            type: 'refused',
            id: message.id,
            reason: error instanceof BehindError ? 'behind' : 'failed',
            message: errorText(error),
          });
        });
    }
  }

  async #answer(message: Extract<ToScreens, { type: 'snapshot' | 'rows' }>): Promise<void> {
    const session = await this.#wake(message.sessionId);
    if (!session) {
      this.#send({ type: 'refused', id: message.id, reason: 'unknown-session', message: 'There is no such session.' });
      return;
    }
    const { id, minOffset, timeoutMs } = message;
    if (message.type === 'snapshot')
      this.#send({ type: 'snapshot', id, snapshot: await session.snapshot(message.scrollback, minOffset, timeoutMs) });
    else this.#send({ type: 'rows', id, screen: await session.rows(message.format, minOffset, timeoutMs) });
  }

  #takeEvent(event: HostEvent, body: Uint8Array): void {
    if (event.type === 'session') {
      this.#known.set(event.session.id, event.session);
      return;
    }
    if (event.type === 'removed') {
      this.#known.delete(event.sessionId);
      void this.#sleep(event.sessionId);
      return;
    }
    if ('sessionId' in event) this.#sessions.get(event.sessionId)?.take(event, body);
  }

  async #wake(sessionId: string): Promise<ScreenSession | undefined> {
    // What falls asleep stores its state first: its successor begins there, and must not be unfollowed by it.
    await this.#leaving.get(sessionId);
    const awake = this.#sessions.get(sessionId);
    if (awake) return awake;
    if (!this.#known.has(sessionId)) await this.#refresh();
    const session = this.#known.get(sessionId);
    if (!session) return undefined;
    const raced = this.#sessions.get(sessionId);
    if (raced) return raced;
    const made = new ScreenSession({
      host: this.#host,
      session: () => this.#known.get(sessionId) ?? session,
      loadCheckpoint: () => this.#loadCheckpoint(sessionId),
      events: {
        store: (checkpoint) => this.#send({ type: 'store', checkpoint }),
        fact: (fact) => this.#send({ type: 'fact', sessionId, fact }),
        unreadable: (error) => this.#send({ type: 'failed', message: `stored screen of session ${sessionId}: ${errorText(error)}` }),
        changed: () => {
          this.#changedScreens.add(sessionId);
          // In the order of their last output: the first one is the quietest.
          if (this.#sessions.delete(sessionId)) this.#sessions.set(sessionId, made);
        },
        asleep: () => void this.#sleep(sessionId),
        failed: (error) => {
          this.#send({ type: 'failed', message: `session ${sessionId}: ${errorText(error)}` });
          void this.#sleep(sessionId);
        },
      },
    });
    this.#sessions.set(sessionId, made);
    if (this.#sessions.size > MAX_LIVE) {
      const [quietest] = this.#sessions.keys();
      if (quietest !== undefined && quietest !== sessionId) void this.#sleep(quietest);
    }
    return made;
  }

  async #sleep(sessionId: string): Promise<void> {
    const session = this.#sessions.get(sessionId);
    if (!session) return;
    // The preview of its last screen, before the emulator goes.
    if (this.#changedScreens.delete(sessionId)) this.#sendPreview(sessionId, session);
    this.#sessions.delete(sessionId);
    this.#lastPreview.delete(sessionId);
    const leaving = session.retire().finally(() => this.#leaving.delete(sessionId));
    this.#leaving.set(sessionId, leaving);
    await leaving;
  }

  async #refresh(): Promise<void> {
    const { reply } = await this.#host.request('list', {});
    for (const session of reply.sessions) this.#known.set(session.id, session);
  }

  #loadCheckpoint(sessionId: string): Promise<Checkpoint | null> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(null), CHECKPOINT_TIMEOUT_MS);
      this.#checkpoints.set(sessionId, (checkpoint) => {
        clearTimeout(timer);
        resolve(checkpoint);
      });
      this.#send({ type: 'need-checkpoint', sessionId });
    });
  }

  #sendPreviews(): void {
    if (!this.#previews) return;
    for (const id of this.#changedScreens) {
      const session = this.#sessions.get(id);
      if (session?.isLive) this.#sendPreview(id, session);
    }
    this.#changedScreens.clear();
  }

  #sendPreview(sessionId: string, session: ScreenSession): void {
    if (!this.#previews) return;
    const lines = session.preview();
    const text = lines.join('\n');
    if (this.#lastPreview.get(sessionId) === text) return;
    this.#lastPreview.set(sessionId, text);
    this.#send({ type: 'preview', sessionId, lines });
  }

  #sendLoad(): void {
    this.#send({ type: 'load', live: this.#sessions.size, rssBytes: process.memoryUsage.rss() });
  }

  /** Stores every live screen; afterwards nothing is lost by ending the process. */
  async retire(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all([...this.#sessions.keys()].map((id) => this.#sleep(id)));
    await Promise.all(this.#leaving.values());
    await this.#host.close();
  }
}
