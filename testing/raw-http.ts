// Owns HTTP as bytes for tests: what is sent is exactly what the test says, over TLS or not.
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';

const ANSWER_TIMEOUT_MS = 15_000;

export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

export interface RawTarget {
  readonly port: number;
  readonly address?: string;
  /** From which address of this computer. */
  readonly localAddress?: string;
  /** With these options over TLS. */
  readonly tls?: ConnectionOptions;
}

/** Resolves with what came until the other side closed, or with `untilHead` until the head was there. Status 0: nothing that is HTTP. */
export function rawHttp(target: RawTarget, lines: readonly string[], options: { untilHead?: boolean } = {}): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const from = target.localAddress === undefined ? {} : { localAddress: target.localAddress };
    const where = { port: target.port, host: target.address ?? '127.0.0.1', ...from };
    const socket = target.tls ? connectTls({ ...target.tls, ...where }) : connect(where);
    let text = '';
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no answer to ${lines.join(' | ')}; got ${text}`));
    }, ANSWER_TIMEOUT_MS);
    const done = (): void => {
      clearTimeout(timer);
      socket.destroy();
      const [head = '', body = ''] = text.split('\r\n\r\n', 2);
      resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head, body });
    };
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (options.untilHead === true && text.includes('\r\n\r\n')) done();
    });
    socket.on('close', done);
    socket.on('error', done);
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  });
}

/** All values of a header. */
export function headerOf(answer: RawAnswer, name: string): string[] {
  return answer.head
    .split('\r\n')
    .flatMap((line) => (line.toLowerCase().startsWith(`${name}:`) ? [line.slice(name.length + 1).trim()] : []));
}

/** What redeems a one-time link. */
export function pairLines(code: string, headers: readonly string[]): string[] {
  const body = JSON.stringify({ code });
  return [
    'POST /api/pair HTTP/1.1',
    ...headers,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'Connection: close',
    '',
    body,
  ];
}

export const UPGRADE_HEADERS = [
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
] as const;
