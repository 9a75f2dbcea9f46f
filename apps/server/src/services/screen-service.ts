// Owns the screens process as the rest of the server sees it: started when a screen is needed, ended when all is quiet, replaced
// when it has grown or died; and the stored states. A stored state at the very end of a session's stream is served without it.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ApiError } from '@cotg/api';
import type { HostSession } from '@cotg/pty/client';
import { EMULATOR_VERSION, withScrollback } from '@cotg/screen';
import type { ScreenFact } from '@cotg/screen';
import { messageOf } from '../errors.ts';
import { openForChild } from '../log-file.ts';
import type { Logger } from '../log.ts';
import type { Checkpoint, FromScreens, RowsReply, SnapshotReply, ToScreens } from '../screens/messages.ts';
import { packState, rowsOf, unpackState } from '../screens/state-views.ts';
import type { HostLink } from './host-link.ts';
import type { ScreenStore } from './screen-store.ts';

/** With every emulator asleep for so long the process ends, and its memory with it. Starting it again takes about 0.2 s. */
const END_AFTER_IDLE_MS = 15_000;
/** The runtime keeps freed pages: a process that has grown is replaced. Two hundred full screens weigh about as much. */
const RECYCLE_RSS_BYTES = 450 * 1024 * 1024;
/** After a crash, so that a state that kills it does not make a loop. */
const RESTART_DELAYS_MS = [100, 500, 2000, 5000] as const;
const START_TIMEOUT_MS = 10_000;
const RETIRE_TIMEOUT_MS = 5000;
/** A viewer waits no longer than this for a screen; then it gets the bytes instead. */
export const SNAPSHOT_TIMEOUT_MS = 5000;
/** The process itself answers in time or says that it cannot; this is for one that hangs. */
const ANSWER_EXTRA_MS = 500;
/** States are stored with everything that a viewer may ask for. */
const FULL_SCROLLBACK = 1000;
const ENTRY = fileURLToPath(import.meta.url).endsWith('.ts') ? '../screens/main.ts' : '../screens/main.js';

/** What is known of a stored state without reading it. */
type StoredPlace = Omit<Checkpoint, 'state' | 'sessionId'>;

type Question =
  | {
      readonly type: 'snapshot';
      readonly sessionId: string;
      readonly scrollback: number;
      readonly minOffset: number;
      readonly timeoutMs: number;
    }
  | {
      readonly type: 'rows';
      readonly sessionId: string;
      readonly format: 'text' | 'ansi';
      readonly minOffset: number;
      readonly timeoutMs: number;
    };

type Answer = Extract<FromScreens, { type: 'snapshot' | 'rows' }>;

class ProcessEndedError extends ApiError {
  constructor() {
    super('HOST_UNREACHABLE', 'The screens process ended.');
  }
}

interface Pending {
  /** Whom it was asked. */
  readonly child: ChildProcess | undefined;
  readonly resolve: (message: Answer) => void;
  readonly reject: (error: ApiError) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

export interface ScreenServiceOptions {
  readonly host: HostLink;
  readonly store: ScreenStore;
  readonly socketPath: string;
  readonly secret: string;
  readonly version: string;
  /** The process's stderr; null: that of the server. */
  readonly logPath: string | null;
  readonly log: Logger;
  readonly onFact: (sessionId: string, fact: ScreenFact) => void;
  readonly onPreview: (sessionId: string, lines: readonly string[]) => void;
}

export class ScreenService {
  readonly #options: ScreenServiceOptions;
  readonly #stored = new Map<string, StoredPlace>();
  readonly #pending = new Map<number, Pending>();
  readonly #stop: (() => void)[];
  #child: ChildProcess | undefined;
  #ready: Promise<void> | undefined;
  #nextId = 1;
  #idleSince: number | undefined;
  #crashes = 0;
  #closed = false;
  #previews = false;
  #storing = Promise.resolve();

  private constructor(options: ScreenServiceOptions, stored: readonly (StoredPlace & { readonly sessionId: string })[]) {
    this.#options = options;
    // Before the sessions are looked at: what is covered by a stored screen needs no emulator.
    for (const { sessionId, ...place } of stored) this.#stored.set(sessionId, place);
    this.#stop = [
      options.host.onEvent((event) => {
        if (event.type === 'session') this.#noticeOutput(event.session);
        else if (event.type === 'removed') this.#forget(event.sessionId);
      }),
      options.host.onConnected((sessions) => {
        for (const session of sessions) this.#noticeOutput(session);
      }),
    ];
  }

  static async open(options: ScreenServiceOptions): Promise<ScreenService> {
    return new ScreenService(options, await options.store.places());
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  storedTitle(sessionId: string): string {
    return this.#stored.get(sessionId)?.title ?? '';
  }

  storedPreview(sessionId: string): readonly string[] {
    return this.#stored.get(sessionId)?.preview ?? [];
  }

  /** The screen at the end of the stream as it is now, or later; with `wanted` any at its offset or later. HOST_UNREACHABLE when it cannot be had in time. */
  async snapshot(
    session: HostSession,
    scrollback: number,
    wanted: { readonly minOffset: number; readonly timeoutMs: number } = { minOffset: session.endOffset, timeoutMs: SNAPSHOT_TIMEOUT_MS },
  ): Promise<SnapshotReply> {
    const stored = await this.#current(session);
    if (stored && scrollback >= FULL_SCROLLBACK) return { ...stored, isWhole: true };
    const fewer = stored && this.#read(session.id, () => withFewerLines(stored.state, scrollback));
    if (stored && fewer) return { ...stored, ...fewer };
    const reply = await this.#ask({ type: 'snapshot', sessionId: session.id, scrollback, ...wanted });
    if (reply.type !== 'snapshot') throw new ApiError('INTERNAL', 'The screens process answered something else.');
    return reply.snapshot;
  }

  async rows(session: HostSession, format: 'text' | 'ansi', minOffset: number): Promise<RowsReply> {
    const stored = minOffset <= session.endOffset ? await this.#current(session) : null;
    const rows = stored && this.#read(session.id, () => rowsOf(unpackState(stored.state), format));
    if (stored && rows) return { ...stored, ...rows };
    const reply = await this.#ask({ type: 'rows', sessionId: session.id, format, minOffset, timeoutMs: SNAPSHOT_TIMEOUT_MS });
    if (reply.type !== 'rows') throw new ApiError('INTERNAL', 'The screens process answered something else.');
    return reply.screen;
  }

  /** The stored state, when nothing has been printed since: it is the screen, and no emulator need wake. */
  async #current(session: HostSession): Promise<(StoredPlace & { readonly state: Uint8Array }) | null> {
    const place = this.#stored.get(session.id);
    if (place?.offset !== session.endOffset || place.mark !== session.lastMark || place.emulator !== EMULATOR_VERSION) return null;
    const state = await this.#options.store.read(session.id, place.offset);
    return state ? { ...place, state } : null;
  }

  /** Undefined for a stored state that cannot be read: the emulator that is asked then builds it anew. */
  #read<T>(sessionId: string, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      this.#options.log.error({ session: sessionId, error: messageOf(error) }, 'a stored screen could not be read');
      return undefined;
    }
  }

  /** Whether anybody watches the list. */
  previews(on: boolean): void {
    this.#previews = on;
    this.#tell({ type: 'previews', on });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const stop of this.#stop) stop();
    await this.#retire();
    await this.#storing;
  }

  /** Asks again once when the process died meanwhile: its successor has the same screens a moment later. */
  async #ask(question: Question): Promise<Answer> {
    try {
      return await this.#askOnce(question);
    } catch (error) {
      if (!(error instanceof ProcessEndedError) || this.#closed) throw error;
      return this.#askOnce(question);
    }
  }

  async #askOnce(question: Question): Promise<Answer> {
    await this.#start();
    const id = (this.#nextId += 1);
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const timer = setTimeout(() => {
      this.#pending.delete(id);
      reject(new ApiError('HOST_UNREACHABLE', 'The screen is not ready yet.'));
    }, question.timeoutMs + ANSWER_EXTRA_MS);
    this.#pending.set(id, { child: this.#child, resolve, reject, timer });
    this.#tell({ ...question, id });
    return promise;
  }

  /** Output that no stored state covers: an emulator must look at it, for titles, bells and questions of the program. */
  #noticeOutput(session: HostSession): void {
    const place = this.#stored.get(session.id);
    const covered = place ? place.offset >= session.endOffset && place.emulator === EMULATOR_VERSION : session.endOffset === 0;
    if (covered || this.#closed) return;
    this.#start().then(
      () => this.#tell({ type: 'wake', sessionId: session.id }),
      (error: unknown) => this.#options.log.warn({ error: messageOf(error) }, 'no screens process'),
    );
  }

  #forget(sessionId: string): void {
    this.#stored.delete(sessionId);
    this.#storing = this.#storing.then(() => this.#options.store.remove(sessionId)).catch((error: unknown) => this.#complain(error));
  }

  #start(): Promise<void> {
    if (this.#closed) return Promise.reject(new ApiError('HOST_UNREACHABLE', 'The server is stopping.'));
    this.#idleSince = undefined;
    this.#ready ??= this.#fork().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  async #fork(): Promise<void> {
    const delay = this.#crashes === 0 ? 0 : (RESTART_DELAYS_MS[Math.min(this.#crashes, RESTART_DELAYS_MS.length) - 1] ?? 0);
    if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
    const { socketPath, secret, version, log } = this.#options;
    const { logPath } = this.#options;
    const stderr = logPath === null ? undefined : openForChild(logPath);
    const child = fork(fileURLToPath(new URL(ENTRY, import.meta.url)), [], {
      serialization: 'advanced',
      execArgv: process.execArgv,
      stdio: ['ignore', 'ignore', stderr ?? 'inherit', 'ipc'],
    });
    if (stderr !== undefined) closeSync(stderr);
    this.#child = child;
    const ready = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      ready.reject(new ApiError('HOST_UNREACHABLE', 'The screens process did not start in time.'));
      child.kill('SIGKILL');
    }, START_TIMEOUT_MS);
    child.on('message', (raw) => {
      const message = raw as FromScreens;
      if (message.type === 'ready') ready.resolve();
      this.#take(message, child);
    });
    child.on('error', (error) => log.error({ error: error.message }, 'screens process'));
    child.once('exit', (code, signal) => {
      ready.reject(new ApiError('HOST_UNREACHABLE', 'The screens process ended.'));
      this.#lost(child, code, signal);
    });
    child.send({ type: 'start', socketPath, secret, version } satisfies ToScreens);
    try {
      await ready.promise;
    } finally {
      clearTimeout(timer);
    }
    this.#tell({ type: 'previews', on: this.#previews });
  }

  #tell(message: ToScreens): void {
    if (this.#child?.connected) this.#child.send(message);
  }

  #take(message: FromScreens, child: ChildProcess): void {
    const { store, log, onFact, onPreview } = this.#options;
    switch (message.type) {
      case 'need-checkpoint':
        this.#storing
          .then(() => this.#load(message.sessionId))
          .then(
            (checkpoint) =>
              child.connected && child.send({ type: 'checkpoint', sessionId: message.sessionId, checkpoint } satisfies ToScreens),
            (error: unknown) => this.#complain(error),
          );
        return;
      case 'store': {
        const { state, sessionId, ...place } = message.checkpoint;
        // Known only once it is stored: an attach must not look for what is not there yet.
        this.#storing = this.#storing
          .then(() => store.put({ sessionId, ...place, state }))
          .then(() => void this.#stored.set(sessionId, place))
          .catch((error: unknown) => this.#complain(error));
        return;
      }
      case 'snapshot':
      case 'rows':
        this.#settle(message.id)?.resolve(message);
        this.#crashes = 0;
        return;
      case 'refused':
        if (message.reason === 'failed') log.error({ error: message.message }, 'a screen could not be read');
        this.#settle(message.id)?.reject(
          message.reason === 'unknown-session'
            ? new ApiError('UNKNOWN_SESSION', message.message)
            : new ApiError('HOST_UNREACHABLE', 'The screen is not ready yet.', { cause: message.message }),
        );
        return;
      case 'fact':
        onFact(message.sessionId, message.fact);
        return;
      case 'preview':
        onPreview(message.sessionId, message.lines);
        return;
      case 'load':
        this.#weigh(message.live, message.rssBytes);
        return;
      case 'failed':
        log.error({ error: message.message }, 'screens process');
        return;
      case 'ready':
    }
  }

  async #load(sessionId: string): Promise<Checkpoint | null> {
    const place = this.#stored.get(sessionId);
    if (!place || place.emulator !== EMULATOR_VERSION) return null;
    const state = await this.#options.store.read(sessionId, place.offset);
    return state ? { sessionId, ...place, state } : null;
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    clearTimeout(pending?.timer);
    this.#pending.delete(id);
    return pending;
  }

  #weigh(live: number, rssBytes: number): void {
    if (rssBytes > RECYCLE_RSS_BYTES) {
      this.#options.log.info({ rssBytes }, 'replacing the screens process: it has grown');
      void this.#retire();
      return;
    }
    if (live > 0 || this.#pending.size > 0) this.#idleSince = undefined;
    else if (this.#idleSince === undefined) this.#idleSince = performance.now();
    else if (performance.now() - this.#idleSince > END_AFTER_IDLE_MS) void this.#retire();
  }

  /** Lets it store what it has and end. */
  async #retire(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.#child = undefined;
    this.#ready = undefined;
    const ended = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
    });
    if (child.exitCode !== null || child.signalCode !== null) return;
    if (child.connected) child.send({ type: 'retire' } satisfies ToScreens);
    const timer = setTimeout(() => child.kill('SIGKILL'), RETIRE_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  }

  #lost(child: ChildProcess, code: number | null, signal: string | null): void {
    for (const [id, pending] of this.#pending) if (pending.child === child) this.#settle(id)?.reject(new ProcessEndedError());
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#ready = undefined;
    this.#crashes += 1;
    this.#options.log.warn({ code, signal }, 'the screens process died; screens are rebuilt from what is stored');
    if (this.#closed) return;
    this.#options.host.request('list', {}).then(
      ({ reply }) => {
        for (const session of reply.sessions) this.#noticeOutput(session);
      },
      () => undefined, // The host is away too: its return brings the sessions again.
    );
  }

  #complain(error: unknown): void {
    this.#options.log.error({ error: messageOf(error) }, 'a screen could not be stored or read');
  }
}

function withFewerLines(packed: Uint8Array, scrollback: number): { readonly state: Uint8Array; readonly isWhole: boolean } {
  const state = unpackState(packed);
  const fewer = withScrollback(state, scrollback);
  return { state: packState(fewer), isWhole: fewer === state };
}
