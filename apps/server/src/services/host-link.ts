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
import { HostRequestError } from '@cotg/pty/client';
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
  close(): Promise<void>;
}

/** Pauses before further attempts to find or start a host: one that cannot serve is started once in 5 s at the most. */
const RECONNECT_DELAYS_MS = [50, 200, 500, 1000, 2000, 5000] as const;
const MAX_RECONNECT_DELAY_MS = 5000;
/** A host that has served for so long (ms), or on which somebody did something, was no failed attempt. */
const SERVED_MS = 10_000;
/** What only people do: viewers that come back by themselves prove nothing. */
const USED: ReadonlySet<Ask> = new Set(['create', 'restart', 'input']);

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
  return new ApiError('HOST_UNREACHABLE', 'The host does not answer; trying again.', { cause: error });
}

/** `connect` finds a living host or starts one. The first connection must succeed: throws what `connect` throws. */
export async function openHostLink(options: {
  connect: (signal: AbortSignal) => Promise<HostClient>;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
}): Promise<HostLink> {
  const ended = new AbortController();
  const eventListeners = new Set<(event: HostEvent, body: Uint8Array) => void>();
  const connectListeners = new Set<ConnectListener>();
  let client: HostClient | undefined;
  /** Attempts since a host has proved to serve. */
  let attempts = 0;
  let servesSinceMs = 0;

  const adopt = (fresh: HostClient): void => {
    client = fresh;
    servesSinceMs = performance.now();
    fresh.onEvent((event, body) => {
      for (const listener of eventListeners) listener(event, body);
    });
    void fresh.closed.then(() => lost(fresh));
    for (const listener of connectListeners) listener(fresh.hello.sessions, fresh.hello.host);
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

  return {
    async request<T extends Ask>(type: T, fields: RequestFields<T>, requestOptions: RequestOptions = {}): Promise<HostReply<T>> {
      if (!client) throw new ApiError('HOST_UNREACHABLE', 'The host does not answer; trying again.');
      try {
        const reply = await client.request(type, fields, requestOptions);
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
    async close() {
      ended.abort();
      await client?.close();
    },
  };
}
