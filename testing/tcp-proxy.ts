// Owns a small TCP proxy for tests: delay, bandwidth, cuts, and links that go silent without closing. Real sockets on
// loopback, no protocol knowledge.
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export interface LinkConditions {
  /** One-way delay in milliseconds, in each direction. */
  delayMs: number;
  /** Bytes per second in each direction; 0 = unlimited. */
  bytesPerSecond: number;
}

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections that are open now. */
  readonly connections: number;
  /** Bytes carried from the target to clients so far. */
  readonly bytesDown: number;
  setConditions(conditions: Partial<LinkConditions>): void;
  /** Resets every open connection. */
  cut(): void;
  /** Carries nothing any more and closes nothing: what a phone in a tunnel sees. New connections hang too. */
  silence(): void;
  /** Carries again; connections of the silence stay dead, as they would behind a changed address. */
  restore(): void;
  /** Carries nothing for a while, and then all of it: who sends has to wait, as before a reader that does not read. */
  hold(): void;
  release(): void;
  /** The address on this side from which new connections reach the target, as after a change of network: one of 127.0.0.0/8. */
  setSource(address: string): void;
  /** Where new connections go. */
  setTarget(port: number): void;
  close(): Promise<void>;
}

/** What is waiting per direction; beyond it the sender is paused, so a slow link does not become a large memory. */
const MAX_WAITING_BYTES = 256 * 1024;
/** A slow link carries small pieces often, as a real one does. */
const SLICE_MS = 10;

class Pipe {
  readonly #to: Socket;
  readonly #from: Socket;
  readonly #conditions: LinkConditions;
  readonly #onBytes: (count: number) => void;
  #waiting: { at: number; bytes: Buffer }[] = [];
  #waitingBytes = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ended = false;
  #nextFreeAt = 0;
  silent = false;
  #held = false;

  constructor(options: { from: Socket; to: Socket; conditions: LinkConditions; onBytes: (count: number) => void }) {
    this.#from = options.from;
    this.#to = options.to;
    this.#conditions = options.conditions;
    this.#onBytes = options.onBytes;
    this.#from.on('data', (bytes: Buffer) => this.#take(bytes));
    this.#from.on('end', () => {
      this.#ended = true;
      this.#pump();
    });
  }

  #take(bytes: Buffer): void {
    if (this.silent) return;
    this.#waiting.push({ at: performance.now() + this.#conditions.delayMs, bytes });
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.#from.pause();
    this.#pump();
  }

  #pump(): void {
    if (this.silent || this.#held || this.#timer !== undefined || this.#to.destroyed) return;
    for (let head = this.#waiting[0]; head; head = this.#waiting[0]) {
      const now = performance.now();
      const due = Math.max(head.at, this.#nextFreeAt);
      if (due > now) {
        this.#timer = setTimeout(() => {
          this.#timer = undefined;
          this.#pump();
        }, due - now);
        return;
      }
      const { bytesPerSecond } = this.#conditions;
      const budget = bytesPerSecond === 0 ? head.bytes.length : Math.max(1, Math.floor((bytesPerSecond * SLICE_MS) / 1000));
      const part = head.bytes.subarray(0, budget);
      if (part.length === head.bytes.length) this.#waiting.shift();
      else head.bytes = head.bytes.subarray(part.length);
      if (bytesPerSecond > 0) this.#nextFreeAt = Math.max(now, this.#nextFreeAt) + (part.length * 1000) / bytesPerSecond;
      this.#waitingBytes -= part.length;
      this.#onBytes(part.length);
      this.#to.write(part);
      if (this.#waitingBytes <= MAX_WAITING_BYTES / 2) this.#from.resume();
    }
    if (this.#ended) this.#to.end();
  }

  hold(held: boolean): void {
    this.#held = held;
    this.#pump();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#waiting = [];
  }
}

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const conditions: LinkConditions = { delayMs: 0, bytesPerSecond: 0 };
  const links = new Set<{ sockets: [Socket, Socket]; pipes: [Pipe, Pipe] }>();
  const hanging = new Set<Socket>();
  let target = targetPort;
  let source = '127.0.0.1';
  let silent = false;
  let bytesDown = 0;

  const server = createServer({ allowHalfOpen: true }, (client) => {
    client.on('error', () => client.destroy());
    if (silent) {
      hanging.add(client);
      client.on('close', () => hanging.delete(client));
      return;
    }
    client.setNoDelay(true);
    const upstream = connect({ port: target, host: '127.0.0.1', localAddress: source, allowHalfOpen: true });
    upstream.setNoDelay(true);
    upstream.on('error', () => client.destroy());
    const link = {
      sockets: [client, upstream] as [Socket, Socket],
      pipes: [
        new Pipe({ from: client, to: upstream, conditions, onBytes: () => undefined }),
        new Pipe({
          from: upstream,
          to: client,
          conditions,
          onBytes: (count) => {
            bytesDown += count;
          },
        }),
      ] as [Pipe, Pipe],
    };
    links.add(link);
    for (const socket of link.sockets) {
      socket.on('close', () => {
        // A silent link tells neither side that the other has gone.
        if (link.pipes[0].silent) return;
        links.delete(link);
        for (const pipe of link.pipes) pipe.stop();
        for (const other of link.sockets) other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });

  const destroyAll = (): void => {
    for (const link of links) {
      for (const pipe of link.pipes) {
        pipe.silent = false;
        pipe.stop();
      }
      for (const socket of link.sockets) socket.resetAndDestroy();
    }
    links.clear();
    for (const socket of hanging) socket.destroy();
    hanging.clear();
  };

  const proxy: TcpProxy = {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return links.size;
    },
    get bytesDown() {
      return bytesDown;
    },
    setConditions: (change) => void Object.assign(conditions, change),
    setSource(address) {
      source = address;
    },
    setTarget(port) {
      target = port;
    },
    cut: destroyAll,
    silence() {
      silent = true;
      for (const link of links) for (const pipe of link.pipes) pipe.silent = true;
    },
    restore() {
      silent = false;
    },
    hold() {
      for (const link of links) for (const pipe of link.pipes) pipe.hold(true);
    },
    release() {
      for (const link of links) for (const pipe of link.pipes) pipe.hold(false);
    },
    async close() {
      destroyAll();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
    [Symbol.asyncDispose]: () => proxy.close(),
  };
  return proxy;
}
