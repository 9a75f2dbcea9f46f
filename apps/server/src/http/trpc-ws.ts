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
import { messageOf } from '../errors.ts';
import type { OpenThings } from './credentials.ts';

/** A message of ours is at most a 64 KiB input, escaped; the library's own default is 100 MiB. */
const MAX_PAYLOAD_BYTES = 1024 * 1024;
const MAX_BATCH = 100;
/** All browsers answer pings by themselves. Two missed in a row end a socket that went silent: noticed within 20 s. */
const HEARTBEAT_MS = 10_000;
/** Policy violation: this device is not let in any more, or not with the rights that it had. */
const SIGNED_OUT_CODE = 1008;
/** How long a closing handshake may take before the socket is cut. */
const SIGNED_OUT_MS = 200;
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
  context: Omit<ApiContext, 'caller' | 'backlog'>;
  devices: OpenThings;
  log: Logger;
}): TrpcSockets {
  const { context, devices, log } = options;
  const callers = new WeakMap<IncomingMessage, Caller>();
  const wss = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_PAYLOAD_BYTES,
    perMessageDeflate: false,
    clientTracking: true,
    skipUTF8Validation: false,
  });
  const answered = new WeakSet<WebSocket>();

  const serve = getWSConnectionHandler({
    wss,
    router: appRouter,
    experimental_encoder: serverWireEncoder,
    maxBatchSize: MAX_BATCH,
    createContext: ({ req, res }): ApiContext => {
      const caller = callers.get(req);
      if (!caller) throw new ApiError('UNAUTHORIZED', 'Not signed in.');
      return { ...context, caller, backlog: { bufferedBytes: () => res.bufferedAmount } };
    },
    onError: ({ error, path }) => {
      // What a stream throws later comes wrapped: ours are refusals, not failures.
      const isOurs = error.cause instanceof ApiError && error.cause.code !== 'INTERNAL';
      if (error.code === 'INTERNAL_SERVER_ERROR' && !isOurs)
        log.error({ path, error: messageOf(error.cause ?? error) }, 'procedure failed');
      else log.debug({ path, code: error.code, error: error.message }, 'procedure refused');
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
      callers.set(request, caller);
      wss.handleUpgrade(request, socket, head, (webSocket) => {
        answered.add(webSocket);
        webSocket.on('pong', () => answered.add(webSocket));
        webSocket.on('message', (data) => {
          answered.add(webSocket);
          // A ping is the page's, not the person's: it keeps nobody signed in.
          if (caller.kind === 'device' && !isPing(data)) devices.seen(caller.deviceId);
        });
        const closed = devices.opened(caller, (why) => {
          webSocket.close(SIGNED_OUT_CODE, why);
          // Nothing more goes either way, whether the other side answers or not.
          setTimeout(() => webSocket.terminate(), SIGNED_OUT_MS).unref();
        });
        webSocket.once('close', closed);
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
