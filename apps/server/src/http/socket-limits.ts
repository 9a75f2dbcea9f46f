// Owns how much a client may ask over its sockets: how many of them, streams, messages, calls and bytes. Counted for each
// device over all its sockets; for the owner's scripts rates are counted for each socket. Must not know transports.
//
// A page never comes near these numbers, but for the bytes of a large paste: what is sent too fast is read later. Whatever else does is broken or
// hostile, and is refused without costing anybody else anything.
import { ApiError } from '@cotg/api';
import type { Caller, ConnectionLimits } from '@cotg/api';

const KIB = 1024;
const MIB = 1024 * KIB;

export interface Allowance {
  /** Open at once. A phone has one for each open page, and leaves dead ones behind (20 s, the heartbeat) while it changes networks. */
  readonly sockets: number;
  /** Subscriptions open at once on one socket. A page has one for each session it shows, and one for the list. */
  readonly streamsPerSocket: number;
  /** And over all its sockets. */
  readonly streams: number;
  /** Frames a second that carry anything: messages, pings, pongs. A page that shows ten floods acknowledges about 300 times a second. */
  readonly messagesPerS: number;
  /** Procedures called a second: one message may carry a batch of them. */
  readonly callsPerS: number;
  /**
   * Bytes received a second. A person types 20; a paste goes as fast as the phone's link, and waits for the terminal. Beyond it a socket that sends large
   * frames is not read until it has grown back; as much again beyond what may come at once is refused.
   */
  readonly bytesPerS: number;
  /** How many seconds' worth may come at once: a page that comes back sends what it kept. */
  readonly burstS: number;
}

export const DEVICE_ALLOWANCE: Allowance = {
  sockets: 32,
  streamsPerSocket: 64,
  streams: 256,
  messagesPerS: 1000,
  callsPerS: 1000,
  bytesPerS: 2 * MIB,
  burstS: 5,
};

/** Who holds the token may end the server: only what has run wild is stopped. 500 viewers at once are tried in a test of ours. */
export const OWNER_ALLOWANCE: Allowance = {
  sockets: 2000,
  streamsPerSocket: 1000,
  streams: 10_000,
  messagesPerS: 50_000,
  callsPerS: 50_000,
  bytesPerS: 256 * MIB,
  burstS: 5,
};

/** Frames up to this (bytes) are counted and never held: keys, acknowledgements, "I am here". What a paste in another tab owes delays nobody who types. */
const SMALL_FRAME_BYTES = 1024;

/** A device without sockets is forgotten after this: by then all that it may use has grown back. */
const FORGET_MS = 60_000;

/** So many a second, and so many seconds' worth at once. */
class Bucket {
  readonly #perS: number;
  readonly #most: number;
  #left: number;
  #atMs: number;

  constructor(perS: number, burstS: number, nowMs: number) {
    this.#perS = perS;
    this.#most = perS * burstS;
    this.#left = this.#most;
    this.#atMs = nowMs;
  }

  /** False: that is too much. It is counted all the same, so that going on does not pay. */
  take(count: number, nowMs: number): boolean {
    this.#left = Math.min(this.#most, this.#left + ((nowMs - this.#atMs) / 1000) * this.#perS);
    this.#atMs = nowMs;
    this.#left = Math.max(-this.#most, this.#left - count);
    return this.#left >= 0;
  }

  /** The same for what can be made good by waiting: for how long (ms). Undefined: it was more than waiting makes good. */
  borrow(count: number, nowMs: number): number | undefined {
    if (this.take(count, nowMs)) return 0;
    return this.#left <= -this.#most ? undefined : Math.ceil((-this.#left / this.#perS) * 1000);
  }
}

interface Rates {
  readonly messages: Bucket;
  readonly calls: Bucket;
  readonly bytes: Bucket;
}

interface Client {
  readonly allowance: Allowance;
  readonly sockets: Set<SocketAccount>;
  readonly rates: Rates;
  streams: number;
  lastSeenMs: number;
}

const makeRates = ({ messagesPerS, callsPerS, bytesPerS, burstS }: Allowance, nowMs: number): Rates => ({
  messages: new Bucket(messagesPerS, burstS, nowMs),
  calls: new Bucket(callsPerS, burstS, nowMs),
  bytes: new Bucket(bytesPerS, burstS, nowMs),
});

/** What becomes of a frame, and for how long nothing more may be read from its socket. */
export type FrameVerdict = { readonly kind: 'taken'; readonly holdMs: number } | { readonly kind: 'refused' };

/** What one socket has used. */
export class SocketAccount implements ConnectionLimits {
  readonly #client: Client;
  readonly #rates: Rates;
  readonly #now: () => number;
  readonly refuse: (reason: string) => void;
  #streams = 0;
  /** When something came from it last, on the clock of `now`. */
  heardMs: number;

  constructor(options: { client: Client; rates: Rates; now: () => number; refuse: (reason: string) => void }) {
    this.#client = options.client;
    this.#rates = options.rates;
    this.#now = options.now;
    this.refuse = options.refuse;
    this.heardMs = options.now();
  }

  /** A frame has come. Refused: the socket is being closed, and nothing of it may be looked at. */
  message(bytes: number): FrameVerdict {
    const now = this.#now();
    this.heardMs = now;
    const holdMs = this.#rates.messages.take(1, now) ? this.#rates.bytes.borrow(bytes, now) : undefined;
    if (holdMs !== undefined) return { kind: 'taken', holdMs: bytes <= SMALL_FRAME_BYTES ? 0 : holdMs };
    this.refuse('too much at once');
    return { kind: 'refused' };
  }

  call(): void {
    if (!this.#rates.calls.take(1, this.#now()))
      throw new ApiError('TOO_MANY_REQUESTS', 'Too many calls at once.', { hint: 'Wait a second.' });
  }

  openStream(): Disposable {
    const { allowance } = this.#client;
    if (this.#streams >= allowance.streamsPerSocket || this.#client.streams >= allowance.streams)
      throw new ApiError('TOO_MANY_REQUESTS', 'Too many streams are open already.', { hint: 'Close some of them.' });
    this.#streams += 1;
    this.#client.streams += 1;
    let isOpen = true;
    return {
      [Symbol.dispose]: () => {
        if (!isOpen) return;
        isOpen = false;
        this.#streams -= 1;
        this.#client.streams -= 1;
      },
    };
  }

  closed(): void {
    this.#client.sockets.delete(this);
    this.#client.lastSeenMs = this.#now();
  }
}

export interface SocketLimits {
  /** A new socket of that caller. The one that has been silent for longest gives way when there are too many: a dead one, mostly. */
  open(caller: Caller, refuse: (reason: string) => void): SocketAccount;
}

export function makeSocketLimits(options: { device?: Allowance; owner?: Allowance; now?: () => number } = {}): SocketLimits {
  const now = options.now ?? (() => performance.now());
  const clients = new Map<string, Client>();

  const clientOf = (caller: Caller): Client => {
    const nowMs = now();
    for (const [key, { sockets, lastSeenMs }] of clients) if (sockets.size === 0 && nowMs - lastSeenMs > FORGET_MS) clients.delete(key);
    const key = caller.kind === 'owner' ? 'owner' : `device:${caller.deviceId}`;
    let client = clients.get(key);
    if (!client) {
      const allowance = caller.kind === 'owner' ? (options.owner ?? OWNER_ALLOWANCE) : (options.device ?? DEVICE_ALLOWANCE);
      client = { allowance, sockets: new Set(), rates: makeRates(allowance, nowMs), streams: 0, lastSeenMs: nowMs };
      clients.set(key, client);
    }
    return client;
  };

  return {
    open(caller, refuse) {
      const client = clientOf(caller);
      if (client.sockets.size >= client.allowance.sockets) {
        let silent: SocketAccount | undefined;
        for (const socket of client.sockets) if (!silent || socket.heardMs < silent.heardMs) silent = socket;
        silent?.closed();
        silent?.refuse('too many connections');
      }
      const rates = caller.kind === 'owner' ? makeRates(client.allowance, now()) : client.rates;
      const account = new SocketAccount({ client, rates, now, refuse });
      client.sockets.add(account);
      return account;
    },
  };
}
