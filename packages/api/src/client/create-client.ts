// Owns the typed client: connection, reconnecting, and stopping for good when it is signed out.
//
// A subscription goes on behind the last event it got. Mutations are not resent (the library's rule): whoever types keeps
// what is unacknowledged.
import { createTRPCClient, createWSClient, TRPCClientError, wsLink } from '@trpc/client';
import type { TRPCClient } from '@trpc/client';
import type { ApiErrorCode } from '../errors.ts';
import type { AppRouter } from '../root.ts';
import { wireEncoder, wireTransformer } from '../wire.ts';
import { makeLinkSocketClass } from './link-socket.ts';
import type { LinkTimings } from './link-socket.ts';
import { retryDelayMs } from './retry.ts';

/** How long the question "am I still signed in?" may take. */
const PROBE_TIMEOUT_MS = 5000;

export type ConnectionState = 'connecting' | 'live' | 'reconnecting' | 'signed-out' | 'closed';

export interface ClientOptions {
  /** Address of the server, such as http://127.0.0.1:7433. */
  readonly url: string;
  /** The owner token; a page uses its cookie instead. */
  readonly token?: string;
  readonly onState?: (state: ConnectionState) => void;
  /** How long an answer takes there and back (ms), measured each three seconds of silence. */
  readonly onRoundTrip?: (ms: number) => void;
  readonly timings?: Partial<LinkTimings>;
  /** Calls `open` at once, or when somebody looks: until then nothing is tried. The function that it returns takes that back. */
  readonly whenSeen?: (open: () => void) => () => void;
  /** How the server is reached; the platform's own by default. For a certificate that the system does not know. */
  readonly transport?: Transport;
}

export interface Transport {
  readonly fetch: typeof fetch;
  readonly WebSocket: typeof WebSocket;
}

export interface Client {
  readonly api: TRPCClient<AppRouter>;
  state(): ConnectionState;
  /** Drops the present socket and connects anew: for a page that comes back from the background. */
  reconnect(reason: string): void;
  /** Ends subscriptions and the socket. */
  close(): Promise<void>;
}

export function createClient(options: ClientOptions): Client {
  let state: ConnectionState = 'connecting';
  let newest: { abandon(reason: string): void } | undefined;
  let probing = false;

  const setState = (next: ConnectionState): void => {
    if (state === next || state === 'closed' || state === 'signed-out') return;
    state = next;
    options.onState?.(next);
  };

  const headers = options.token === undefined ? undefined : { authorization: `Bearer ${options.token}` };

  /** A refused upgrade looks like any failure to a WebSocket: ask over HTTP whether we are still known. */
  const probe = async (): Promise<void> => {
    if (probing || state === 'signed-out' || state === 'closed') return;
    probing = true;
    try {
      const answer = await (options.transport?.fetch ?? fetch)(new URL('/api/status', options.url), {
        headers: headers ?? {},
        signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
        redirect: 'error',
      });
      await answer.body?.cancel();
      if (answer.status === 401) {
        setState('signed-out');
        await wsClient.close();
      }
    } catch {
      // Not reachable: the socket's own attempts go on and will say so.
    } finally {
      probing = false;
    }
  };

  const socketUrl = new URL('/trpc', options.url);
  socketUrl.protocol = socketUrl.protocol === 'https:' ? 'wss:' : 'ws:';

  const wsClient = createWSClient({
    url: socketUrl.href,
    WebSocket: makeLinkSocketClass({
      ...(headers ? { headers } : {}),
      ...(options.timings ? { timings: options.timings } : {}),
      ...(options.transport ? { WebSocket: options.transport.WebSocket } : {}),
      onCreated: (socket) => {
        newest = socket;
      },
      onFailedToOpen: () => void probe(),
      ...(options.whenSeen ? { whenSeen: options.whenSeen } : {}),
      ...(options.onRoundTrip ? { onRoundTrip: options.onRoundTrip } : {}),
    }),
    experimental_encoder: wireEncoder,
    retryDelayMs: (attempt) => retryDelayMs(attempt),
    onOpen: () => setState('live'),
    onClose: () => setState('reconnecting'),
  });

  return {
    api: createTRPCClient<AppRouter>({ links: [wsLink({ client: wsClient, transformer: wireTransformer })] }),
    state: () => state,
    reconnect: (reason) => newest?.abandon(reason),
    close: async () => {
      setState('closed');
      await wsClient.close();
    },
  };
}

/** The code of a failed call, if it is one of ours. */
export function errorCodeOf(error: unknown): ApiErrorCode | undefined {
  if (!(error instanceof TRPCClientError)) return undefined;
  const data: unknown = error.data;
  if (typeof data !== 'object' || data === null || !('appCode' in data)) return undefined;
  return data.appCode as ApiErrorCode;
}
