// Owns a bare connection to a host's socket for tests that send what no client would, or read nothing.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { FrameDecoder, MAX_FRAME_TO_CLIENT_BYTES, encodeFrame } from '../protocol/framing.ts';
import { PROTOCOL_VERSION } from '../protocol/messages.ts';

export interface RawClient extends Disposable {
  readonly socket: Socket;
  send(header: object, body?: Uint8Array): void;
  sendBytes(bytes: Uint8Array): void;
  /** The next message's header, with `bodyBytes` added. Rejects when the connection ends first. */
  next(): Promise<Record<string, unknown>>;
  readonly closed: Promise<void>;
}

export function openRawClient(socketPath: string): RawClient {
  const socket = connect(socketPath);
  const decoder = new FrameDecoder({ maxFrameBytes: MAX_FRAME_TO_CLIENT_BYTES });
  const arrived: Record<string, unknown>[] = [];
  const waiting: { readonly resolve: (header: Record<string, unknown>) => void; readonly reject: (error: Error) => void }[] = [];
  let ended = false;
  socket.on('data', (chunk) => {
    decoder.push(chunk);
    for (let frame = decoder.next(); frame; frame = decoder.next()) {
      const message = { ...frame.header, bodyBytes: frame.body.length };
      const waiter = waiting.shift();
      if (waiter) waiter.resolve(message);
      else arrived.push(message);
    }
  });
  // A host that cuts us off is what some tests are about; 'close' follows.
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      ended = true;
      for (const { reject } of waiting.splice(0)) reject(new Error('the connection ended'));
      resolve();
    });
  });
  const sendBytes = (bytes: Uint8Array): void => {
    if (socket.writable) socket.write(bytes);
  };
  return {
    socket,
    closed,
    sendBytes,
    send: (header, body) => sendBytes(Buffer.concat(encodeFrame(header, body))),
    next() {
      const header = arrived.shift();
      if (header) return Promise.resolve(header);
      if (ended) return Promise.reject(new Error('the connection ended'));
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

/** A bare connection behind its hello. */
export async function openWelcomeRawClient(socketPath: string, secret: string): Promise<RawClient> {
  const raw = openRawClient(socketPath);
  raw.send({ type: 'hello', id: 1, protocol: PROTOCOL_VERSION, secret, clientVersion: 'raw' });
  await raw.next();
  return raw;
}
