// Owns one connection to a host: requests with their replies, events, and the end of both. Must not know how a host is started.
// Invariant: every request settles: by its reply, its time-out, its signal, or the end of the connection.
import { closeSync, constants, openSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { HostConnectionError, HostRequestError, errnoOf, messageOf } from '../errors.ts';
import { FrameDecoder, MAX_FRAME_TO_CLIENT_BYTES, encodeFrame } from '../protocol/framing.ts';
import type { Frame } from '../protocol/framing.ts';
import { PROTOCOL_VERSION } from '../protocol/messages.ts';
import type { HostEvent, Reply, ReplyBodies, Request, RequestType } from '../protocol/messages.ts';
import { SOCKET_PATH_HINT, socketAddress } from '../socket-path.ts';

/** Connect and hello: a living host answers in milliseconds, one on a machine at full load in a second or two. */
const CONNECT_TIMEOUT_MS = 5000;
/** Longer than anything but a shutdown takes on a loaded machine; without it a stopped host would hold its callers for ever. */
const REQUEST_TIMEOUT_MS = 10_000;
/** A shutdown waits for programs to end. */
const SHUTDOWN_TIMEOUT_MS = 20_000;
/** Requests without a reply yet: a host that takes so long is not going to be helped by more. */
const MAX_PENDING = 10_000;

const EVENT_TYPES: { readonly [T in HostEvent['type']]: true } = {
  output: true,
  mark: true,
  session: true,
  removed: true,
  storage: true,
  lagged: true,
};

export type RequestFields<T extends RequestType> = Omit<Extract<Request, { type: T }>, 'type' | 'id'>;

export interface RequestOptions {
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

export interface HostReply<T extends RequestType> {
  readonly reply: ReplyBodies[T];
  readonly body: Uint8Array;
}

export type HostEventListener = (event: HostEvent, body: Uint8Array) => void;

export interface ConnectOptions {
  readonly socketPath: string;
  readonly secret: string;
  readonly clientVersion: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface HostClient {
  /** The host and its sessions as of the connect. */
  readonly hello: ReplyBodies['hello'];
  /**
   * Rejects with HostRequestError (what the host refused), HostConnectionError (HOST_CLOSED, HOST_NOT_ANSWERING, HOST_BUSY) or the
   * signal's reason. After anything but a HostRequestError it is unknown whether the request was carried out.
   * Code behind the awaited reply runs before any later message of this connection is given to a listener.
   */
  request<T extends Exclude<RequestType, 'hello'>>(type: T, fields: RequestFields<T>, options?: RequestOptions): Promise<HostReply<T>>;
  /** Events in the order of the host; bodies belong to the receiver. A listener that is added after an await of something else may miss some. */
  onEvent(listener: HostEventListener): () => void;
  /** Resolves, never rejects, with the reason once the connection has ended, whoever ended it. */
  readonly closed: Promise<HostConnectionError>;
  /** Ends the connection; sessions run on. Idempotent. */
  close(): Promise<void>;
}

/**
 * Connects and says hello. Rejects with HostConnectionError (HOST_NOT_RUNNING, HOST_NOT_ANSWERING, HOST_CLOSED,
 * SOCKET_PATH_TOO_LONG), HostRequestError (PROTOCOL_VERSION, NOT_ALLOWED) or the signal's reason.
 */
export async function connectHost(options: ConnectOptions): Promise<HostClient> {
  const { secret, clientVersion, signal, timeoutMs = CONNECT_TIMEOUT_MS } = options;
  const deadline = performance.now() + timeoutMs;
  const connection = new Connection(await openSocket({ ...options, timeoutMs }));
  try {
    const left = Math.max(1, deadline - performance.now());
    const fields = { protocol: PROTOCOL_VERSION, secret, clientVersion };
    const { reply } = await connection.request('hello', fields, { timeoutMs: left, ...(signal ? { signal } : {}) });
    return {
      hello: reply,
      request: (type, fields, requestOptions) => connection.request(type, fields, requestOptions),
      onEvent: (listener) => connection.onEvent(listener),
      closed: connection.closed,
      close: () => connection.close(),
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

interface Pending {
  readonly type: RequestType;
  readonly resolve: (reply: HostReply<RequestType>) => void;
  readonly reject: (error: unknown) => void;
  readonly settle: () => void;
}

class Connection {
  readonly closed: Promise<HostConnectionError>;
  readonly #socket: Socket;
  readonly #decoder = new FrameDecoder({ maxFrameBytes: MAX_FRAME_TO_CLIENT_BYTES });
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<HostEventListener>();
  #nextId = 1;
  #cause: unknown;
  #reason: HostConnectionError | undefined;
  #waiting: NodeJS.Immediate | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#decoder.push(chunk);
      if (!this.#waiting) this.#deliver();
    });
    socket.on('error', (error) => (this.#cause = error));
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        clearImmediate(this.#waiting);
        this.#reason = new HostConnectionError('HOST_CLOSED', 'the connection to the host ended', { cause: this.#cause });
        for (const pending of [...this.#pending.values()]) {
          pending.settle();
          pending.reject(this.#reason);
        }
        resolve(this.#reason);
      });
    });
  }

  request<T extends RequestType>(type: T, fields: RequestFields<T>, options: RequestOptions = {}): Promise<HostReply<T>> {
    const { body, signal, timeoutMs = type === 'shutdown' ? SHUTDOWN_TIMEOUT_MS : REQUEST_TIMEOUT_MS } = options;
    return new Promise<HostReply<RequestType>>((resolve, reject) => {
      signal?.throwIfAborted();
      if (this.#reason || !this.#socket.writable)
        throw this.#reason ?? new HostConnectionError('HOST_CLOSED', 'the connection to the host ended');
      if (this.#pending.size >= MAX_PENDING) throw new HostConnectionError('HOST_BUSY', 'too many requests wait for the host');
      const id = this.#nextId;
      this.#nextId += 1;
      const aborted = (): void => fail(signal?.reason);
      const timer = setTimeout(() => {
        fail(new HostConnectionError('HOST_NOT_ANSWERING', `the host did not answer ${type} within ${Math.round(timeoutMs)} ms`));
      }, timeoutMs);
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', aborted);
        this.#pending.delete(id);
      };
      const fail = (error: unknown): void => {
        settle();
        reject(error);
      };
      signal?.addEventListener('abort', aborted, { once: true });
      this.#pending.set(id, { type, resolve, reject, settle });
      this.#socket.cork();
      for (const part of encodeFrame({ ...fields, type, id }, body)) this.#socket.write(part);
      this.#socket.uncork();
      // A reply is settled only for the type it was asked with (`#settle`), so its body is that type's.
    }) as Promise<HostReply<T>>;
  }

  onEvent(listener: HostEventListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#socket.destroy();
    await this.closed;
  }

  /**
   * One message after the other. After a reply the rest waits for the next turn of the loop: whoever awaits the reply of `follow`
   * must know where the pushes begin before the first of them arrives, and both may be in one read.
   */
  #deliver(): void {
    try {
      for (let frame = this.#decoder.next(); frame; frame = this.#decoder.next()) {
        if (!this.#take(frame)) continue;
        this.#socket.pause();
        this.#waiting = setImmediate(() => {
          this.#waiting = undefined;
          this.#socket.resume();
          this.#deliver();
        });
        return;
      }
    } catch (error) {
      // Nothing behind an unreadable frame can be trusted.
      this.#socket.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** True for a reply. */
  #take({ header, body }: Frame): boolean {
    const { type } = header;
    if (type === 'reply' || type === 'error') {
      this.#settle(header as unknown as Reply, body);
      return true;
    }
    // A newer host may say more than this client knows.
    if (typeof type !== 'string' || !Object.hasOwn(EVENT_TYPES, type)) return false;
    for (const listener of this.#listeners) listener(header as unknown as HostEvent, body);
    return false;
  }

  #settle(message: Reply, body: Uint8Array): void {
    if (message.type === 'error' && message.id === 0) {
      this.#cause = new HostRequestError(message.code, message.message);
      return;
    }
    const pending = this.#pending.get(message.id);
    // Timed out or given up by its caller: nobody waits for it any more.
    if (!pending) return;
    pending.settle();
    if (message.type === 'error') {
      const { code, firstOffset } = message;
      pending.reject(new HostRequestError(code, message.message, firstOffset === undefined ? {} : { firstOffset }));
    } else if (message.to !== pending.type) {
      pending.reject(new HostConnectionError('HOST_CLOSED', `the host answered ${message.to} to ${pending.type}`));
    } else {
      const { type: _type, id: _id, to: _to, ...reply } = message;
      pending.resolve({ reply, body });
    }
  }
}

async function openSocket(options: {
  readonly socketPath: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}): Promise<Socket> {
  const { socketPath, timeoutMs, signal } = options;
  signal?.throwIfAborted();
  const address = socketAddress(socketPath, process.platform);
  if (address.kind === 'too-long') {
    throw new HostConnectionError('SOCKET_PATH_TOO_LONG', `the socket's path has ${address.bytes} bytes, too many here`, {
      hint: SOCKET_PATH_HINT,
    });
  }
  if (address.kind === 'direct') return connected(connect(address.path), timeoutMs, signal);
  let directory: number;
  try {
    directory = openSync(address.directory, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    throw notRunning(error);
  }
  try {
    return await connected(connect(`/proc/self/fd/${directory}/${address.name}`), timeoutMs, signal);
  } finally {
    closeSync(directory);
  }
}

function connected(socket: Socket, timeoutMs: number, signal: AbortSignal | undefined): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(new HostConnectionError('HOST_NOT_ANSWERING', 'the host does not take connections')), timeoutMs);
    const aborted = (): void => fail(signal?.reason);
    const failed = (error: Error): void => fail(notRunning(error));
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
      socket.off('error', failed);
    };
    const fail = (error: unknown): void => {
      settle();
      // Whatever a destroyed attempt still says has been reported already.
      socket.on('error', () => undefined);
      socket.destroy();
      reject(error);
    };
    signal?.addEventListener('abort', aborted, { once: true });
    socket.once('error', failed);
    socket.once('connect', () => {
      settle();
      resolve(socket);
    });
  });
}

function notRunning(error: unknown): HostConnectionError {
  const code = errnoOf(error);
  // EAGAIN: its queue of connections is full, so somebody listens.
  if (code === 'EAGAIN') return new HostConnectionError('HOST_NOT_ANSWERING', 'the host does not take connections', { cause: error });
  return new HostConnectionError('HOST_NOT_RUNNING', `no host answers: ${messageOf(error)}`, { cause: error });
}
