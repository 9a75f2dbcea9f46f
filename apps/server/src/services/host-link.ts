// Owns the server's tie to the host: one connection, made again when it breaks, and errors in the API's words.
// Must not know what a session or a viewer is.
import { ApiError } from '@cotg/api';
import type { ApiErrorCode } from '@cotg/api';
import type {
  HostClient,
  HostErrorCode,
  HostEvent,
  HostReply,
  HostSession,
  RequestFields,
  RequestOptions,
  RequestType,
  HostStatus,
} from '@cotg/pty/client';
import { HostConnectionError, HostRequestError } from '@cotg/pty/client';
import type { Logger } from '../log.ts';
import { messageOf } from '../errors.ts';
import { pause } from './pause.ts';

/** Everything but the hello, which the connection itself says. */
type Ask = Exclude<RequestType, 'hello'>;

export type ConnectListener = (sessions: readonly HostSession[], host: HostStatus) => void;

export interface HostLink {
  request<T extends Ask>(type: T, fields: RequestFields<T>, options?: RequestOptions): Promise<HostReply<T>>;
  /** Events in the order of the host; the body belongs to the receiver. Returns how to stop. */
  onEvent(listener: (event: HostEvent, body: Uint8Array) => void): () => void;
  /** After every connect, with all sessions: what was followed before is not followed any more. */
  onConnected(listener: ConnectListener): () => void;
  connected(): boolean;
  /** False while it is connected and says nothing: stopped, or starved. Told when that changes; returns how to stop. */
  onAnswering(listener: (answers: boolean) => void): () => void;
  close(): Promise<void>;
}

/** Pauses before further attempts to find or start a host: one that cannot serve is started once in 5 s at the most. */
const RECONNECT_DELAYS_MS = [50, 200, 500, 1000, 2000, 5000] as const;
const MAX_RECONNECT_DELAY_MS = 5000;
/** A host that has served for so long (ms), or on which somebody did something, was no failed attempt. */
const SERVED_MS = 10_000;
/** What only people do: viewers that come back by themselves prove nothing. */
const USED: ReadonlySet<Ask> = new Set(['create', 'restart', 'input']);

/** A living host answers this at once. Whoever looks is told within 5 s that it does not: between two questions, and for an answer (ms). */
const WATCH_INTERVAL_MS = 1500;
const WATCH_TIMEOUT_MS = 3000;
/** While it does not answer, who only wants to know something waits no longer than this (ms). */
const SILENT_READ_TIMEOUT_MS = 1000;
const READS: ReadonlySet<Ask> = new Set(['list', 'status', 'lastInput']);
const NOT_ANSWERING =
  'The host does not answer: it is stopped, or this computer is very busy. Programs wait or run on, and nothing is lost.';

const CODES: Readonly<Partial<Record<HostErrorCode, ApiErrorCode>>> = {
  BAD_REQUEST: 'BAD_INPUT',
  UNKNOWN_SESSION: 'UNKNOWN_SESSION',
  SESSION_ENDED: 'SESSION_ENDED',
  SESSION_ALIVE: 'SESSION_ALIVE',
  TOO_MANY_SESSIONS: 'TOO_MANY_SESSIONS',
  COMMAND_NOT_FOUND: 'COMMAND_NOT_FOUND',
  CWD_NOT_FOUND: 'CWD_NOT_FOUND',
  INPUT_GAP: 'INPUT_GAP',
  INPUT_BUFFER_FULL: 'INPUT_BUFFER_FULL',
  STORAGE_FAILED: 'STORAGE_FAILED',
  SHUTTING_DOWN: 'HOST_UNREACHABLE',
};

/** What the host said, as the caller of our API sees it. */
export function apiErrorOf(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof HostRequestError) {
    const code = CODES[error.code];
    return code
      ? new ApiError(code, error.message, { cause: error })
      : new ApiError('INTERNAL', 'The host could not do that.', { cause: error });
  }
  const text =
    error instanceof HostConnectionError && error.code === 'HOST_NOT_ANSWERING' ? NOT_ANSWERING : 'The host is away; trying again.';
  return new ApiError('HOST_UNREACHABLE', text, { cause: error });
}

/** `connect` finds a living host or starts one. The first connection must succeed: throws what `connect` throws. */
export async function openHostLink(options: {
  connect: (signal: AbortSignal) => Promise<HostClient>;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
}): Promise<HostLink> {
  const ended = new AbortController();
  const eventListeners = new Set<(event: HostEvent, body: Uint8Array) => void>();
  const connectListeners = new Set<ConnectListener>();
  const answeringListeners = new Set<(answers: boolean) => void>();
  let client: HostClient | undefined;
  let answers = true;
  /** Whoever only reads waits no longer when the host falls silent. (A race with a promise of the host's life would keep every answer as long.) */
  const readers = new Set<(reason: ApiError) => void>();
  /** Attempts since a host has proved to serve. */
  let attempts = 0;
  let servesSinceMs = 0;

  const adopt = (fresh: HostClient): void => {
    client = fresh;
    servesSinceMs = performance.now();
    setAnswers(true);
    fresh.onEvent((event, body) => {
      for (const listener of eventListeners) listener(event, body);
    });
    void fresh.closed.then(() => lost(fresh));
    for (const listener of connectListeners) listener(fresh.hello.sessions, fresh.hello.host);
  };

  const setAnswers = (now: boolean): void => {
    if (answers === now) return;
    answers = now;
    if (now) {
      options.log.info('the host answers again');
    } else {
      options.log.warn('the host does not answer');
      for (const giveUp of readers) giveUp(new ApiError('HOST_UNREACHABLE', NOT_ANSWERING));
    }
    for (const listener of answeringListeners) listener(now);
  };

  const unlessSilent = <T>(asked: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      readers.add(reject);
      void asked.then(resolve, reject).finally(() => readers.delete(reject));
    });

  const watch = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await pause(WATCH_INTERVAL_MS, ended.signal);
      const asked = client;
      if (!asked) continue;
      try {
        await asked.request('status', {}, { timeoutMs: WATCH_TIMEOUT_MS });
        setAnswers(true);
      } catch (error) {
        // A connection that broke is looked after by `lost`.
        if (asked === client && error instanceof HostConnectionError && error.code === 'HOST_NOT_ANSWERING') setAnswers(false);
      }
    }
  };

  const lost = async (old: HostClient): Promise<void> => {
    if (client !== old || ended.signal.aborted) return;
    client = undefined;
    options.log.warn('the connection to the host broke; looking for a host');
    if (performance.now() - servesSinceMs >= SERVED_MS) attempts = 0;
    while (!ended.signal.aborted) {
      attempts += 1;
      if (attempts > 1) await pause(RECONNECT_DELAYS_MS[attempts - 2] ?? MAX_RECONNECT_DELAY_MS, ended.signal);
      if (ended.signal.aborted) return;
      try {
        adopt(await options.connect(ended.signal));
        options.log.info('connected to a host again');
        return;
      } catch (error) {
        options.log.error({ error: messageOf(error) }, 'no host');
      }
    }
  };

  adopt(await options.connect(ended.signal));
  void watch();

  return {
    async request<T extends Ask>(type: T, fields: RequestFields<T>, requestOptions: RequestOptions = {}): Promise<HostReply<T>> {
      if (!client) throw new ApiError('HOST_UNREACHABLE', 'The host is away; trying again.');
      try {
        const isRead = READS.has(type) && requestOptions.timeoutMs === undefined;
        const limit = isRead && !answers ? { timeoutMs: SILENT_READ_TIMEOUT_MS } : {};
        const asked = client.request(type, fields, { ...requestOptions, ...limit });
        const reply = await (isRead && answers ? unlessSilent(asked) : asked);
        if (USED.has(type)) attempts = 0;
        return reply;
      } catch (error) {
        if (requestOptions.signal?.aborted) throw error;
        throw apiErrorOf(error);
      }
    },
    onEvent(listener) {
      eventListeners.add(listener);
      return () => eventListeners.delete(listener);
    },
    onConnected(listener) {
      connectListeners.add(listener);
      if (client) listener(client.hello.sessions, client.hello.host);
      return () => connectListeners.delete(listener);
    },
    connected: () => client !== undefined,
    onAnswering(listener) {
      answeringListeners.add(listener);
      return () => answeringListeners.delete(listener);
    },
    async close() {
      ended.abort();
      await client?.close();
    },
  };
}
