// Owns bare sockets to a server for tests that send what no client would: requests to the byte, WebSocket frames to the bit.
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { UPGRADE_HEADERS } from './raw-http.ts';
import type { RawAnswer } from './raw-http.ts';

const ANSWER_TIMEOUT_MS = 30_000;

export interface RawOptions {
  readonly port: number;
  /** Resolves with the head instead of waiting for the other side to close. */
  readonly untilHead?: boolean;
  /** A loopback address to come from; default 127.0.0.1. Each has its own limit on wrong tokens. */
  readonly from?: string;
}

/** Sends the text as it is, as Latin-1: one byte a character. */
export function rawText(text: string, options: RawOptions): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      port: options.port,
      host: '127.0.0.1',
      ...(options.from === undefined ? {} : { localAddress: options.from }),
    });
    let got = '';
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no answer to ${text.slice(0, 300)}; got ${got.slice(0, 300)}`));
    }, ANSWER_TIMEOUT_MS);
    const done = (): void => {
      clearTimeout(timer);
      socket.destroy();
      const end = got.indexOf('\r\n\r\n');
      const head = end === -1 ? got : got.slice(0, end);
      resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head, body: end === -1 ? '' : got.slice(end + 4) });
    };
    socket.on('data', (chunk: Buffer) => {
      got += chunk.toString('latin1');
      if (options.untilHead === true && got.includes('\r\n\r\n')) done();
    });
    socket.on('close', done);
    socket.on('error', done);
    socket.write(text, 'latin1');
  });
}

/** The lines of a head, and what follows it. */
export function raw(lines: readonly string[], options: RawOptions & { readonly body?: string }): Promise<RawAnswer> {
  return rawText(`${lines.join('\r\n')}\r\n\r\n${options.body ?? ''}`, options);
}

/** One frame (RFC 6455 §5.2). What is left out is as a good client would send it. */
export function wsFrame(
  opcode: number,
  payload: Uint8Array | string,
  bits: { readonly fin?: boolean; readonly rsv?: number; readonly masked?: boolean; readonly length?: number } = {},
): Buffer {
  const bytes = Buffer.from(payload as string);
  const length = bits.length ?? bytes.length;
  const masked = bits.masked ?? true;
  const first = (bits.fin === false ? 0 : 0x80) | ((bits.rsv ?? 0) << 4) | opcode;
  const mask = masked ? 0x80 : 0;
  let head: Buffer;
  if (length < 126) head = Buffer.from([first, mask | length]);
  else if (length < 65_536) head = Buffer.from([first, mask | 126, length >> 8, length & 0xff]);
  else {
    head = Buffer.alloc(10);
    head.set([first, mask | 127]);
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  if (!masked) return Buffer.concat([head, bytes]);
  const key = randomBytes(4);
  return Buffer.concat([head, key, Buffer.from(bytes.map((byte, at) => byte ^ (key[at % 4] ?? 0)))]);
}

export interface RawWebSocket extends Disposable {
  readonly socket: Socket;
  readonly head: string;
  /** Texts of the messages that came, in order. */
  readonly messages: readonly string[];
  /** Code and reason of a close frame that came. */
  closeFrame(): { readonly code: number; readonly reason: string } | undefined;
  send(...frames: readonly Uint8Array[]): void;
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>;
}

/** A WebSocket without a library. Answers no pings. Rejects with the head when it is not let in. */
export async function openRawWebSocket(options: {
  readonly port: number;
  readonly headers: readonly string[];
  readonly path?: string;
}): Promise<RawWebSocket> {
  const socket = connect({ port: options.port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  socket.write(
    [`GET ${options.path ?? '/trpc'} HTTP/1.1`, `Host: 127.0.0.1:${options.port}`, ...UPGRADE_HEADERS, ...options.headers, '', ''].join(
      '\r\n',
    ),
    'latin1',
  );
  let buffered = Buffer.alloc(0);
  const messages: string[] = [];
  let close: { code: number; reason: string } | undefined;
  const takeFrames = (): void => {
    for (;;) {
      if (buffered.length < 2) return;
      const small = (buffered[1] ?? 0) & 0x7f;
      const headLength = small < 126 ? 2 : small === 126 ? 4 : 10;
      if (buffered.length < headLength) return;
      const length = small < 126 ? small : small === 126 ? buffered.readUInt16BE(2) : Number(buffered.readBigUInt64BE(2));
      if (buffered.length < headLength + length) return;
      const opcode = (buffered[0] ?? 0) & 0x0f;
      const payload = buffered.subarray(headLength, headLength + length);
      if (opcode === 1) messages.push(payload.toString());
      if (opcode === 8) close = { code: length >= 2 ? payload.readUInt16BE(0) : 1005, reason: payload.subarray(2).toString() };
      buffered = buffered.subarray(headLength + length);
    }
  };
  const head = await new Promise<string>((resolve, reject) => {
    const onData = (chunk: Buffer): void => {
      buffered = Buffer.concat([buffered, chunk]);
      const end = buffered.indexOf('\r\n\r\n');
      if (end === -1) return;
      const text = buffered.subarray(0, end).toString('latin1');
      socket.off('data', onData);
      if (!text.startsWith('HTTP/1.1 101')) {
        socket.destroy();
        reject(new Error(text));
        return;
      }
      buffered = buffered.subarray(end + 4);
      socket.on('data', (more: Buffer) => {
        buffered = Buffer.concat([buffered, more]);
        takeFrames();
      });
      resolve(text);
    };
    socket.on('data', onData);
    socket.once('close', () => reject(new Error('closed before an answer')));
  });
  takeFrames();
  return {
    socket,
    head,
    messages,
    closeFrame: () => close,
    send: (...frames) => {
      for (const frame of frames) if (socket.writable) socket.write(frame);
    },
    closed,
    [Symbol.dispose]: () => void socket.destroy(),
  };
}
