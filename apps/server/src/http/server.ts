// Owns the HTTP server: limits, the headers on every answer, and the order gate → static shell, REST, WebSocket.
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Server as TlsServer } from 'node:https';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { ApiError } from '@cotg/api';
import { EXIT, StartError, errnoOf, messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { headerValues } from './access.ts';
import { mayUsePlainPort } from './client-address.ts';
import type { ClientAddresses } from './client-address.ts';
import type { CookieNames, OpenThings } from './credentials.ts';
import { UPGRADE_PATHS, isGuardedPath, pathOf } from './gate.ts';
import type { Gate, Passed } from './gate.ts';
import { NO_STORE, headersFor } from './headers.ts';
import { nameIn } from './refused-requests.ts';
import type { RefusedRequests } from './refused-requests.ts';
import type { RestApp } from './rest.ts';
import { refusal } from './rest.ts';
import type { StaticShell } from './static.ts';
import { secureContextOf, tlsOptionsOf } from './tls.ts';
import type { Certificate } from './tls.ts';
import type { TrpcSockets } from './trpc-ws.ts';

/** Half a request that stalls is dropped at the first look after this: within 10 s, on a busy machine too. */
const HEADERS_TIMEOUT_MS = 7000;
/** How often stalled connections are looked for; the runtime's own 30 s would make three times the promise. */
const CHECK_INTERVAL_MS = 1000;
/** Whoever tries again and again must not fill the log. */
const TELL_EVERY_MS = 10_000;
/** The same for the body of who is not known yet: a code and a name. */
const STRANGER_BODY_MS = 7000;
const REQUEST_TIMEOUT_MS = 30_000;
const MAX_HEADER_BYTES = 16 * 1024;
/** Browsers send about 20, proxies add a few. Not every runtime refuses by itself: some drop the rest without a word. */
const MAX_HEADERS = 100;
/** How long the other side of a connection that we end may take to read why. */
const FAREWELL_MS = 500;
/** The largest body we take is an input of 64 KiB, escaped, or a session's environment. */
const MAX_BODY_BYTES = 1024 * 1024;
const WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PATCH']);

export interface HttpParts {
  readonly gate: Gate;
  readonly cookies: CookieNames;
  readonly shell: StaticShell;
  readonly rest: RestApp;
  readonly sockets: TrpcSockets;
  readonly devices: OpenThings;
  readonly refused: Pick<RefusedRequests, 'note'>;
}

export interface HttpServer {
  readonly port: number;
  /** Until then every request is answered 503: the port is ours, the rest is being built. */
  ready(parts: HttpParts): void;
  /** For connections from now on; those that are open go on. Only of a server that was made with one. */
  useCertificate(certificate: Certificate): void;
  close(): Promise<void>;
}

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly clients: ClientAddresses;
  /** With one the port speaks TLS and nothing else. */
  readonly certificate?: Certificate | undefined;
  /** A plain port that is open to the network, for proxies: whoever else comes is not answered. */
  readonly isProxiesOnly?: boolean;
  readonly log: Logger;
}

/** Listens, or throws StartError PORT_BUSY or ADDRESS_UNUSABLE. */
export async function listen(options: ListenOptions): Promise<HttpServer> {
  const { log, clients } = options;
  let parts: HttpParts | undefined;
  let restListener: ((request: IncomingMessage, response: ServerResponse) => Promise<void>) | undefined;
  const passes = new WeakMap<IncomingMessage, Passed>();
  /** On which a whole head has come: there is an answer to it, or will be. */
  const asked = new WeakSet<Duplex>();

  const headersOf = (request: IncomingMessage): Readonly<Record<string, string>> =>
    headersFor({ isEncrypted: clients.isEncrypted(request), host: request.headers.host });

  const noteRefused = ({ refused }: HttpParts, request: IncomingMessage, error: unknown): void => {
    const code = error instanceof ApiError ? error.code : undefined;
    if (code !== 'HOST_REFUSED' && code !== 'ORIGIN_REFUSED') return;
    const what = code === 'HOST_REFUSED' ? 'host' : 'origin';
    const asked = nameIn(headerValues(request.rawHeaders, what)[0]);
    refused.note({ kind: 'nobody', address: clients.addressOf(request) }, what, asked);
  };

  const refuse = (response: ServerResponse, error: unknown): void => {
    const { status, headers, body } = refusal(error, log);
    // The body of a refused request is not read: the connection ends with the answer.
    response.writeHead(status, { ...headers, connection: 'close' }).end(body);
  };

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    asked.add(request.socket);
    for (const [name, value] of Object.entries(headersOf(request))) response.setHeader(name, value);
    if (!parts || !restListener) return refuse(response, new ApiError('HOST_UNREACHABLE', 'The server is starting.'));
    try {
      checkHeaders(request);
      const passed = parts.gate.check(request, 'request');
      const path = pathOf(request) ?? '/';
      checkNoBody(request);
      if (!isGuardedPath(path) && path !== '/healthz') {
        if (!parts.shell.serve(request, response, path)) throw new ApiError('NOT_FOUND', 'There is nothing here.');
        return;
      }
      checkBody(request);
      if (passed.kind === 'public') limitBodyTime(request);
      response.setHeader('cache-control', NO_STORE);
      passes.set(request, passed);
      // A long answer ends with the rights of who gets it.
      if (passed.kind === 'known')
        response.once(
          'close',
          parts.devices.opened(passed.caller, () => response.destroy()),
        );
      restListener(request, response).catch((error: unknown) => {
        log.debug({ error: messageOf(error) }, 'request ended early');
        response.destroy();
      });
    } catch (error) {
      noteRefused(parts, request, error);
      refuse(response, error);
    }
  };

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', (error) => log.debug({ error: error.message }, 'socket failed while upgrading'));
    try {
      if (!parts) throw new ApiError('HOST_UNREACHABLE', 'The server is starting.');
      checkHeaders(request);
      const passed = parts.gate.check(request, 'upgrade');
      if (passed.kind !== 'known') throw new ApiError('UNAUTHORIZED', 'Not signed in.');
      if (request.method !== 'GET') throw new ApiError('METHOD_NOT_ALLOWED', 'That method is not used here.');
      // The whole target: nothing is ever said to us in a query.
      if (!UPGRADE_PATHS.some((path) => path === request.url)) throw new ApiError('NOT_FOUND', 'There is nothing here.');
      parts.sockets.upgrade(request, socket, head, passed.caller);
    } catch (error) {
      if (parts) noteRefused(parts, request, error);
      farewell(socket, rawAnswer(refusal(error, log), headersOf(request)));
    }
  };

  const limits = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    // The gate says it, with our headers on the answer.
    requireHostHeader: false,
  };
  const tlsServer: TlsServer | undefined =
    options.certificate && createTlsServer({ ...limits, ...tlsOptionsOf(options.certificate) }, onRequest);
  const server: Server | TlsServer = tlsServer ?? createServer(limits, onRequest);
  let toldMs = -Infinity;
  server.on('connection', (socket: Socket) => {
    // While it shakes hands nobody else listens for what goes wrong underneath.
    if (tlsServer) socket.on('error', (error) => log.debug({ error: error.message }, 'socket failed'));
    if (options.isProxiesOnly !== true || mayUsePlainPort(clients, socket.remoteAddress)) return;
    if (performance.now() - toldMs > TELL_EVERY_MS) {
      toldMs = performance.now();
      log.warn({ address: socket.remoteAddress }, 'a connection that comes from no trusted proxy was cut: this port is not encrypted');
    }
    socket.destroy();
  });
  server.on('upgrade', onUpgrade);
  server.on('clientError', (error, socket) => {
    const isEncrypted = 'encrypted' in socket;
    // The library sends failed handshakes here, too: there is nobody to answer yet.
    if (!socket.writable || (isEncrypted && isTlsFailure(error))) {
      socket.destroy();
      return;
    }
    const status = errnoOf(error) === 'HPE_HEADER_OVERFLOW' ? 431 : 400;
    // Behind an answer that has begun a second one would be read as the answer to something else.
    farewell(
      socket,
      asked.has(socket) ? undefined : rawAnswer({ status, headers: {}, body: '' }, headersFor({ isEncrypted, host: undefined })),
    );
  });
  // One more than is taken, so that it can be counted.
  server.maxHeadersCount = MAX_HEADERS + 1;
  await bind(server, options);

  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : options.port;
  return {
    port,
    ready(built) {
      parts = built;
      restListener = getRequestListener(
        (request, env) => {
          const { incoming, outgoing } = env as { incoming: IncomingMessage; outgoing: ServerResponse };
          const passed = passes.get(incoming) ?? { kind: 'public' };
          const isEncrypted = clients.isEncrypted(incoming);
          const name = isEncrypted ? built.cookies.encrypted : built.cookies.plain;
          return built.rest.fetch(request, {
            passed,
            address: clients.addressOf(incoming),
            cookie: { name, isSecure: name === built.cookies.encrypted },
            cut: () => outgoing.destroy(),
          });
        },
        { overrideGlobalObjects: false },
      );
    },
    useCertificate(certificate) {
      tlsServer?.setSecureContext(secureContextOf(certificate));
    },
    async close() {
      parts?.sockets.close();
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      server.closeIdleConnections();
      setTimeout(() => server.closeAllConnections(), 1000).unref();
      await closed;
    },
  };
}

/**
 * The last words on a socket that is not the HTTP server's any more, which then would wait for the other side to hang up:
 * a stranger who never does must not keep the descriptor.
 */
function farewell(socket: Duplex, answer?: string): void {
  socket.on('error', () => socket.destroy());
  socket.end(answer);
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), FAREWELL_MS);
  socket.once('close', () => clearTimeout(timer));
}

/** An answer on a socket that has no response object: a refused upgrade, a request that could not be read. */
function rawAnswer(
  { status, headers, body }: { status: number; headers: Record<string, string>; body: string },
  always: Readonly<Record<string, string>>,
): string {
  const all = Object.entries({ ...always, ...headers, connection: 'close', 'content-length': String(Buffer.byteLength(body)) });
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`;
}

/** Failed handshakes, as against requests that cannot be read, which the parser names HPE_*. */
function isTlsFailure(error: Error): boolean {
  const code = errnoOf(error) ?? '';
  return !code.startsWith('HPE_') && !code.startsWith('ERR_HTTP');
}

/** What needs no body. */
const JSON_TYPE = 'application/json';
const BARE_POST = /^\/api\/sessions\/[^/?]+\/restart$/;

function checkHeaders(request: IncomingMessage): void {
  if (request.rawHeaders.length > 2 * MAX_HEADERS) throw new ApiError('TOO_LARGE', `A request has at most ${MAX_HEADERS} headers.`);
}

/** Where none belongs a body is refused, not swallowed: it could go on for ever. */
function checkNoBody(request: IncomingMessage): void {
  if (WITH_BODY.has(request.method ?? '')) return;
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers;
  if (length !== '0' || encoding !== undefined) throw new ApiError('BAD_INPUT', 'That request takes no body.');
}

function limitBodyTime(request: IncomingMessage): void {
  const timer = setTimeout(() => request.socket.destroy(), STRANGER_BODY_MS);
  for (const event of ['end', 'close']) request.once(event, () => clearTimeout(timer));
}

/** Changes come as JSON and nothing else: what a foreign form or a simple request can send is refused. */
function checkBody(request: IncomingMessage): void {
  if (!WITH_BODY.has(request.method ?? '')) return;
  const types = headerValues(request.rawHeaders, 'content-type');
  const mediaType = (types[0] ?? '').split(';')[0]?.trim().toLowerCase();
  // Somebody who only says "do it", with a header that no foreign page can send unasked.
  const isBare =
    BARE_POST.test(request.url ?? '') && (request.headers['content-length'] ?? '0') === '0' && !('transfer-encoding' in request.headers);
  const isOurs = request.headers.authorization !== undefined || (types.length === 1 && mediaType === JSON_TYPE);
  if (isBare && isOurs) return;
  if (types.length !== 1 || mediaType !== JSON_TYPE) throw new ApiError('UNSUPPORTED_MEDIA_TYPE', 'Send application/json.');
  const length = request.headers['content-length'];
  if (length === undefined) throw new ApiError('TOO_LARGE', 'Send the length of the body.');
  if (Number(length) > MAX_BODY_BYTES) throw new ApiError('TOO_LARGE', `A body has at most ${MAX_BODY_BYTES} bytes.`);
}

function bind(server: Server, options: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const code = errnoOf(error);
      if (code === 'EADDRINUSE') {
        reject(
          new StartError('PORT_BUSY', `Port ${options.port} on ${options.host} is in use by another program.`, {
            exitCode: EXIT.failed,
            hint: 'Choose another with COTG_PORT, or 0 for any free one.',
            cause: error,
          }),
        );
        return;
      }
      reject(new StartError('ADDRESS_UNUSABLE', `Cannot listen on ${options.host}:${options.port}: ${error.message}.`, { cause: error }));
    });
    server.listen({ host: options.host, port: options.port }, () => {
      server.removeAllListeners('error');
      server.on('error', () => undefined); // Errors of single connections are handled where they belong.
      resolve();
    });
  });
}
