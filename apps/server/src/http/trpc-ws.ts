// Owns the WebSocket: limits, heartbeat, and tRPC on it. The gate has let the upgrade pass before anything here runs.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { RawData, WebSocket } from 'ws';
import { getWSConnectionHandler } from '@trpc/server/adapters/ws';
import { ApiError, appRouter } from '@cotg/api';
import type { ApiContext, Caller } from '@cotg/api';
import { serverWireEncoder } from '@cotg/api/wire';
import type { Logger } from '../log.ts';
import { errnoOf, messageOf } from '../errors.ts';
import type { OpenThings } from './credentials.ts';
import type { RefusedRequests } from './refused-requests.ts';
import { makeSocketLimits } from './socket-limits.ts';
import type { SocketAccount, SocketLimits } from './socket-limits.ts';

/** A message of ours is at most a 64 KiB input, escaped; the library's own default is 100 MiB. */
const MAX_PAYLOAD_BYTES = 1024 * 1024;
const MAX_BATCH = 100;
/** Up to here each call of a batch that is too large is told so; beyond it the answers would be many times what was asked. */
const ABSURD_BATCH = 10 * MAX_BATCH;
/** Browsers send a message in one frame; a proxy may split it. Each piece is kept until the last has come (library: 16,384). */
const MAX_FRAGMENTS = 64;
/** Pieces of one frame that the network has cut: 1 MiB comes in about 700 of 1,500 bytes (library: 262,144). */
const MAX_BUFFERED_CHUNKS = 4096;
/** Answers that nobody reads: windows of viewers are 1 MiB each, and a page has few of them open. */
const MAX_UNREAD_BYTES = 32 * 1024 * 1024;
/** Messages taken while nothing at all is read of what waits: each answer costs some hundred bytes, however short it is. */
const MAX_UNREAD = 20_000;
/** How the library's codes for malformed frames begin. */
const BAD_FRAME = 'WS_ERR_';
/** All browsers answer pings by themselves. Two missed in a row end a socket that went silent: noticed within 20 s. */
const HEARTBEAT_MS = 10_000;
/** Policy violation (RFC 6455 §7.4.1): this device is not let in any more, or not with the rights that it had, or it asks too much. */
const REFUSED_CODE = 1008;
/** How long a closing handshake may take before the socket is cut. */
const REFUSED_MS = 200;
const PING = 'PING';

export interface TrpcSockets {
  /** Takes over a socket that the gate has let pass. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, caller: Caller): void;
  /** Closes all sockets with the code for "going away" and waits for none. */
  close(): void;
}

function isPing(data: RawData): boolean {
  return Buffer.isBuffer(data) && data.length === PING.length && data.toString('latin1') === PING;
}

export function makeTrpcSockets(options: {
  context: Omit<ApiContext, 'caller' | 'backlog' | 'limits'>;
  devices: OpenThings;
  refused: Pick<RefusedRequests, 'note'>;
  log: Logger;
  limits?: SocketLimits;
}): TrpcSockets {
  const { context, devices, refused, log } = options;
  const limits = options.limits ?? makeSocketLimits();
  const callers = new WeakMap<IncomingMessage, { readonly caller: Caller; readonly account: SocketAccount }>();
  const wss = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_PAYLOAD_BYTES,
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: MAX_BUFFERED_CHUNKS,
    perMessageDeflate: false,
    clientTracking: true,
    skipUTF8Validation: false,
  });
  const answered = new WeakSet<WebSocket>();

  const serve = getWSConnectionHandler({
    wss,
    router: appRouter,
    experimental_encoder: {
      ...serverWireEncoder,
      decode(data) {
        const message: unknown = serverWireEncoder.decode(data);
        if (Array.isArray(message) && message.length > ABSURD_BATCH) throw new ApiError('TOO_LARGE', 'That batch is too large.');
        return message;
      },
    },
    maxBatchSize: MAX_BATCH,
    createContext: ({ req, res }): ApiContext => {
      const known = callers.get(req);
      if (!known) throw new ApiError('UNAUTHORIZED', 'Not signed in.');
      const backlog = { bufferedBytes: () => res.bufferedAmount, isOpen: () => res.readyState === res.OPEN };
      return { ...context, caller: known.caller, backlog, limits: known.account };
    },
    onError: ({ error, path, ctx }) => {
      const { cause } = error;
      if (ctx && cause instanceof ApiError && cause.code === 'FORBIDDEN') refused.note(ctx.caller, 'right', path);
      // What a stream throws later comes wrapped: ours are refusals, not failures.
      const isOurs = cause instanceof ApiError && cause.code !== 'INTERNAL';
      // Frames that are none: the client's doing, which must not fill our log.
      if (errnoOf(cause)?.startsWith(BAD_FRAME)) log.debug({ error: error.message }, 'a socket sent what is no frame');
      else if (error.code === 'INTERNAL_SERVER_ERROR' && !isOurs) log.error({ path, error: messageOf(cause ?? error) }, 'procedure failed');
      // Its message may quote what the client sent, and its path may be anything: neither belongs into a log.
      else
        log.debug({ path: path !== undefined && path in appRouter._def.procedures ? path : null, code: error.code }, 'procedure refused');
    },
  });

  const heartbeat = setInterval(() => {
    for (const socket of wss.clients) {
      if (!answered.delete(socket)) socket.terminate();
      else socket.ping();
    }
  }, HEARTBEAT_MS);
  heartbeat.unref();

  return {
    upgrade(request, socket, head, caller) {
      wss.handleUpgrade(request, socket, head, (webSocket) => {
        answered.add(webSocket);
        /** What still comes is read by nobody, and a client that does not answer is not waited for. */
        const cut = (why: string): void => {
          webSocket.removeAllListeners('message');
          webSocket.close(REFUSED_CODE, why);
          setTimeout(() => webSocket.terminate(), REFUSED_MS).unref();
        };
        const account = limits.open(caller, (reason) => {
          log.warn({ address: caller.address, reason }, 'closing a socket');
          cut(reason);
        });
        let held: ReturnType<typeof setTimeout> | undefined;
        /** What comes meanwhile waits in the network, and whoever sends it notices that. */
        const hold = (ms: number): void => {
          clearTimeout(held);
          webSocket.pause();
          held = setTimeout(() => {
            // Its answers to our pings have waited, too.
            answered.add(webSocket);
            webSocket.resume();
          }, ms);
        };
        webSocket.once('close', () => {
          clearTimeout(held);
          account.closed();
        });
        webSocket.once('close', devices.opened(caller, cut));
        let [sentBytes, unread] = [0, 0];
        const heard = (data: RawData): void => {
          if (webSocket.readyState !== webSocket.OPEN) return;
          const verdict = account.message(sizeOf(data));
          if (verdict.kind === 'refused') return;
          if (verdict.holdMs > 0) hold(verdict.holdMs);
          const nowSent = sentBytesOf(socket);
          unread = nowSent === sentBytes ? unread + 1 : 0;
          sentBytes = nowSent;
          if (webSocket.bufferedAmount > MAX_UNREAD_BYTES || (unread > MAX_UNREAD && webSocket.bufferedAmount > 0))
            account.refuse('answers are not read');
        };
        webSocket.on('ping', heard);
        webSocket.on('pong', (data) => {
          answered.add(webSocket);
          heard(data);
        });
        webSocket.on('message', (data) => {
          answered.add(webSocket);
          // A ping is the page's, not the person's: it keeps nobody signed in.
          if (caller.kind === 'device' && !isPing(data)) devices.seen(caller.deviceId);
          heard(data);
        });
        callers.set(request, { caller, account });
        serve(webSocket, request);
      });
    },
    close() {
      clearInterval(heartbeat);
      for (const socket of wss.clients) {
        socket.close(1001, 'server stops');
        // A client that does not answer must not hold the stop up.
        setTimeout(() => socket.terminate(), 500).unref();
      }
      wss.close();
    },
  };
}

function sizeOf(data: RawData): number {
  if (Array.isArray(data)) return data.reduce((sum, { length }) => sum + length, 0);
  return data.byteLength;
}

/** What the network has taken so far. */
function sentBytesOf(socket: Duplex): number {
  return 'bytesWritten' in socket && typeof socket.bytesWritten === 'number' ? socket.bytesWritten - socket.writableLength : 0;
}
