// Owns one connection: who is there (hello), what it asks in which order, and that it can neither flood nor stall the host.
// Must not know what requests do (requests.ts) or in which order pushes go out (peer-outbox.ts).
// Invariant: whatever bytes come in, at worst this connection ends.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import { HostRequestError, messageOf } from '../errors.ts';
import { FrameDecoder, FrameError, MAX_FRAME_BEFORE_HELLO_BYTES, MAX_FRAME_TO_HOST_BYTES } from '../protocol/framing.ts';
import type { Frame } from '../protocol/framing.ts';
import { PROTOCOL_VERSION } from '../protocol/messages.ts';
import type { Reply, Request, SessionId, StorageState } from '../protocol/messages.ts';
import { parseRequest } from '../protocol/validate.ts';
import type { Asker } from './asker.ts';
import type { Clock, Timer } from './clock.ts';
import type { HostLog } from './log.ts';
import type { CommittedEntry } from './output-journal.ts';
import { PeerOutbox } from './peer-outbox.ts';
import type { Answer, Handlers, HostCore, ServedType } from './requests.ts';

/** How long a connection that we end may take to read its last reply. */
const FAREWELL_MS = 1000;

export interface PeerOptions {
  readonly socket: Socket;
  readonly core: HostCore;
  readonly handlers: Handlers;
  readonly secret: string;
  readonly clock: Clock;
  readonly log: HostLog;
  /** It follows other sessions than before. */
  readonly followingChanged: () => void;
  readonly closed: (peer: Peer) => void;
}

export class Peer {
  readonly #options: PeerOptions;
  readonly #decoder = new FrameDecoder({ maxFrameBytes: MAX_FRAME_BEFORE_HELLO_BYTES });
  readonly #outbox: PeerOutbox;
  readonly #gone = new AbortController();
  readonly #asker: Asker;
  /** Of what it follows: for an emulator, not for a person. */
  readonly #patient = new Set<SessionId>();
  #welcome = false;
  #ending = false;
  #historyReads = 0;
  #timer: Timer | undefined;

  constructor(options: PeerOptions) {
    const { socket, core, clock, followingChanged } = options;
    this.#options = options;
    // Not 'drain': it comes only after the socket's own mark was passed, and what waits here may wait below it.
    const flushed = (error?: Error | null): void => {
      if (error || this.#ending) return;
      this.#outbox.pump();
      if (socket.isPaused()) this.#serve();
    };
    this.#outbox = new PeerOutbox({
      wire: {
        get queuedBytes() {
          return socket.writableLength;
        },
        write(parts) {
          if (!socket.writable) return;
          socket.cork();
          for (const [index, part] of parts.entries()) socket.write(part, index === parts.length - 1 ? flushed : undefined);
          socket.uncork();
        },
      },
      limits: core.limits,
      view: (id) => (core.journal.session(id) ? core.table.view(id) : undefined),
      dropped: followingChanged,
    });
    this.#asker = {
      follow: (id, patient) => {
        this.#outbox.follow(id);
        if (patient) this.#patient.add(id);
        else this.#patient.delete(id);
        followingChanged();
      },
      unfollow: (id) => {
        this.#outbox.unfollow(id);
        followingChanged();
      },
      signal: this.#gone.signal,
    };
    this.#timer = clock.after(core.limits.helloTimeoutMs, () => this.#end('no hello in time'));
    socket.on('data', (chunk) => {
      if (this.#ending) return;
      this.#decoder.push(chunk);
      this.#serve();
    });
    // ECONNRESET and EPIPE are how connections end; 'close' follows and says it to the host.
    socket.on('error', (error) => options.log.info({ error: messageOf(error) }, 'a connection broke'));
    socket.on('close', () => {
      this.#timer?.cancel();
      this.#gone.abort();
      options.closed(this);
    });
  }

  /** False until hello: such a connection gives way when there are too many. */
  get welcome(): boolean {
    return this.#welcome;
  }

  /** Whether somebody waits for the echo of a session behind this connection. */
  get isWaiting(): boolean {
    return [...this.#outbox.following].some((id) => !this.#patient.has(id));
  }

  changed(id: SessionId): void {
    if (this.#welcome) this.#outbox.changed(id);
  }

  removed(id: SessionId): void {
    if (this.#welcome) this.#outbox.removed(id);
  }

  storage(storage: StorageState): void {
    if (this.#welcome) this.#outbox.storage(storage);
  }

  push(entries: readonly CommittedEntry[]): void {
    this.#outbox.push(entries);
    this.#outbox.pump();
  }

  /** Sends what is queued, then closes; cut off when the other side does not read. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#timer?.cancel();
    const { socket, clock } = this.#options;
    socket.end();
    this.#timer = clock.after(FAREWELL_MS, () => socket.destroy());
  }

  destroy(): void {
    this.#ending = true;
    this.#options.socket.destroy();
  }

  /** Takes requests in order until there is none, or until this peer has to wait for its own replies. */
  #serve(): void {
    const { socket, core } = this.#options;
    while (!this.#ending) {
      const busy = socket.writableLength > core.limits.peerBacklogBytes || this.#historyReads >= core.limits.historyReads;
      if (busy) {
        socket.pause();
        return;
      }
      let frame: Frame | undefined;
      try {
        frame = this.#decoder.next();
      } catch (error) {
        return this.#refuse(0, error instanceof FrameError ? error.message : 'unreadable');
      }
      if (!frame) break;
      this.#take(frame);
    }
    if (!this.#ending && socket.isPaused()) socket.resume();
  }

  #take({ header, body }: Frame): void {
    if (!this.#welcome && header['type'] === 'hello' && header['protocol'] !== PROTOCOL_VERSION) {
      const id = Number.isSafeInteger(header['id']) ? (header['id'] as number) : 0;
      this.#error(id, 'PROTOCOL_VERSION', `this host speaks protocol ${PROTOCOL_VERSION}, not ${String(header['protocol']).slice(0, 20)}`);
      return this.#end('unknown protocol version');
    }
    const parsed = parseRequest(header, body.length);
    if (parsed.kind === 'refused') {
      if (parsed.id === null || !this.#welcome) return this.#refuse(parsed.id ?? 0, parsed.message);
      return this.#error(parsed.id, 'BAD_REQUEST', parsed.message);
    }
    const { request } = parsed;
    if (request.type === 'hello') return this.#hello(request);
    if (!this.#welcome) {
      this.#error(request.id, 'NOT_ALLOWED', 'hello comes first');
      return this.#end('no hello');
    }
    this.#answer(request, body);
  }

  #hello(request: Extract<Request, { type: 'hello' }>): void {
    const { core, secret, log } = this.#options;
    if (this.#welcome) return this.#error(request.id, 'BAD_REQUEST', 'hello was said already');
    if (!equalInConstantTime(request.secret, secret)) {
      this.#error(request.id, 'NOT_ALLOWED', 'this is not the secret of this host');
      return this.#end('wrong secret');
    }
    this.#timer?.cancel();
    this.#welcome = true;
    this.#decoder.maxFrameBytes = MAX_FRAME_TO_HOST_BYTES;
    log.info({ client: request.clientVersion }, 'a client connected');
    this.#reply({
      type: 'reply',
      id: request.id,
      to: 'hello',
      protocol: PROTOCOL_VERSION,
      host: core.status(),
      sessions: core.table.list(),
    });
  }

  #answer(request: Exclude<Request, { type: 'hello' }>, body: Uint8Array): void {
    // The table maps each type to the handler of that very type; TypeScript cannot follow the pairing through a union.
    const handler = this.#options.handlers[request.type] as (
      request: Request,
      body: Uint8Array,
      asker: Asker,
    ) => Answer<ServedType> | Promise<Answer<ServedType>>;
    const answered = ({ reply, body: bytes }: Answer<ServedType>): void =>
      this.#reply({ type: 'reply', id: request.id, to: request.type, ...reply } as Reply, bytes);
    try {
      const answer = handler(request, body, this.#asker);
      if (!(answer instanceof Promise)) return answered(answer);
      this.#historyReads += 1;
      answer
        .then(answered)
        .catch((error: unknown) => this.#failed(request, error))
        .finally(() => {
          this.#historyReads -= 1;
          this.#serve();
        });
    } catch (error) {
      this.#failed(request, error);
    }
  }

  #failed(request: Request, error: unknown): void {
    if (error instanceof HostRequestError) return this.#error(request.id, error.code, error.message, error.firstOffset);
    this.#options.log.error(
      { request: request.type, error: messageOf(error), stack: error instanceof Error ? error.stack : undefined },
      'a request failed',
    );
    this.#error(request.id, 'INTERNAL', 'the host could not do that; its log says why');
  }

  #reply(reply: Reply, body?: Uint8Array): void {
    this.#outbox.reply(reply, body);
  }

  #error(id: number, code: HostRequestError['code'], message: string, firstOffset?: number): void {
    this.#reply({ type: 'error', id, code, message, ...(firstOffset === undefined ? {} : { firstOffset }) });
  }

  #refuse(id: number, why: string): void {
    this.#error(id, 'BAD_REQUEST', why);
    this.#end(why);
  }

  #end(why: string): void {
    this.#options.log.warn({ why }, 'closing a connection');
    this.end();
  }
}

/** Compares digests, so that neither the time nor the length tells how much of a guess was right. */
function equalInConstantTime(given: string, expected: string): boolean {
  const digest = (value: string): Buffer => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
