// What a stranger can do to the connections themselves: SECURITY 14, 63, and descriptors that nobody gives back.
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UPGRADE_HEADERS } from '../../../testing/raw-http.ts';
import { raw, rawText } from '../../../testing/raw-sockets.ts';
import type { RawAnswer } from '../../../testing/raw-http.ts';
import { eventually, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => server.close());

const host = (): string => `Host: 127.0.0.1:${server.port}`;
const bearer = (): string => `Authorization: Bearer ${server.token}`;
const descriptors = (): number => readdirSync(`/proc/${server.pid}/fd`).length;

/** A connection that sends this and then nothing, and never hangs up by itself. */
function stall(text: string): { readonly socket: Socket; readonly endedMs: Promise<number> } {
  const since = performance.now();
  const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => undefined);
  socket.resume();
  const endedMs = new Promise<number>((resolve) => {
    for (const event of ['end', 'close']) socket.once(event, () => resolve(performance.now() - since));
  });
  socket.write(text, 'latin1');
  return { socket, endedMs };
}

test('S14: 200 half requests are closed within 10 s, and meanwhile who may come in does within 1 s', async () => {
  const before = descriptors();
  const halves = [
    '',
    'G',
    'GET /api/sess',
    'GET / HTTP/1.1\r\n',
    `GET / HTTP/1.1\r\n${host()}\r\nX: `,
    `GET /trpc HTTP/1.1\r\n${host()}\r\n${UPGRADE_HEADERS.join('\r\n')}\r\n`,
    `POST /api/pair HTTP/1.1\r\n${host()}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"code":`,
    `POST /api/sessions HTTP/1.1\r\n${host()}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
  ];
  const stalled = Array.from({ length: 200 }, (_, n) => stall(halves[n % halves.length] ?? ''));
  const closed = Promise.all(stalled.map(({ endedMs }) => endedMs));
  const open = new Set(stalled);
  for (const one of stalled) void one.endedMs.then(() => open.delete(one));
  let slowest = 0;
  let asked = 0;
  while (open.size > 0) {
    const since = performance.now();
    const answer = await raw(['GET /api/sessions HTTP/1.1', host(), bearer(), 'Connection: close'], { port: server.port });
    slowest = Math.max(slowest, performance.now() - since);
    asked += 1;
    expect(answer.status).toBe(200);
    expect((await raw(['GET /trpc HTTP/1.1', host(), bearer(), ...UPGRADE_HEADERS], { port: server.port, untilHead: true })).status).toBe(
      101,
    );
  }
  expect(Math.max(...(await closed))).toBeLessThan(10_000);
  expect(asked).toBeGreaterThan(5);
  expect(slowest).toBeLessThan(1000);
  // The server lets go of them although the other side has not hung up.
  await eventually(descriptors, (count) => count <= before + 2, { what: 'descriptors are given back' });
  for (const { socket } of stalled) socket.destroy();
});

test('S14, S63: strangers who are refused and never hang up keep no descriptor', async () => {
  const before = descriptors();
  const stalled = [
    `GET /trpc HTTP/1.1\r\n${host()}\r\n${UPGRADE_HEADERS.join('\r\n')}\r\n\r\n`,
    `GET /trpc HTTP/1.1\r\nHost: evil.example\r\n${UPGRADE_HEADERS.join('\r\n')}\r\n\r\n`,
    `GET / HTTP/1.1\r\n${host()}\r\nbroken\r\n\r\n`,
    'nonsense\r\n\r\n',
    `GET / HTTP/1.1\r\n${host()}\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    `GET /api/sessions HTTP/1.1\r\n${host()}\r\n\r\n`,
  ].flatMap((text) => Array.from({ length: 20 }, () => stall(text)));
  await Promise.all(stalled.map(({ endedMs }) => endedMs));
  await eventually(descriptors, (count) => count <= before + 2, { what: 'descriptors are given back' });
  for (const { socket } of stalled) socket.destroy();
});

const MANY = (count: number): string[] => Array.from({ length: count }, (_, n) => `X-${n}: y`);

test('S63: requests that are too large, doubled or ambiguous get a 4xx or are cut off, and the server serves on', async () => {
  const { pid } = server;
  const json = 'Content-Type: application/json';
  const tail = `\r\n${host()}\r\n${bearer()}\r\n`;
  const cases: readonly (readonly [string, string, readonly number[]])[] = [
    ['a header above 16 KiB', `GET /api/sessions HTTP/1.1${tail}X: ${'x'.repeat(17_000)}\r\n\r\n`, [400, 431]],
    ['a request line above 16 KiB', `GET /${'x'.repeat(17_000)} HTTP/1.1${tail}\r\n`, [400, 431]],
    ['headers above 16 KiB together', `GET /api/sessions HTTP/1.1${tail}${MANY(1500).join('\r\n')}\r\n\r\n`, [400, 413, 431]],
    ['more than 100 headers', `GET /api/sessions HTTP/1.1${tail}${MANY(120).join('\r\n')}\r\n\r\n`, [413, 431]],
    [
      'more than 100 headers on an upgrade',
      `GET /trpc HTTP/1.1${tail}${UPGRADE_HEADERS.join('\r\n')}\r\n${MANY(120).join('\r\n')}\r\n\r\n`,
      [413, 431],
    ],
    ['a body above the limit', `POST /api/sessions HTTP/1.1${tail}${json}\r\nContent-Length: 1048577\r\n\r\n{}`, [413]],
    ['a length that is no number', `POST /api/sessions HTTP/1.1${tail}${json}\r\nContent-Length: 1e9\r\n\r\n{}`, [400]],
    ['a negative length', `POST /api/sessions HTTP/1.1${tail}${json}\r\nContent-Length: -1\r\n\r\n{}`, [400]],
    [
      'a length beyond numbers',
      `POST /api/sessions HTTP/1.1${tail}${json}\r\nContent-Length: 99999999999999999999999\r\n\r\n{}`,
      [400, 413],
    ],
    ['no length', `POST /api/sessions HTTP/1.1${tail}${json}\r\n\r\n`, [413]],
    ['a body in chunks', `POST /api/sessions HTTP/1.1${tail}${json}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`, [413]],
    ['a chunk of 2^60', `POST /api/sessions HTTP/1.1${tail}${json}\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n`, [400, 413]],
    [
      'a chunk with a long extension',
      `POST /api/pair HTTP/1.1${tail}${json}\r\nTransfer-Encoding: chunked\r\n\r\n2;${'x'.repeat(100_000)}\r\n{}`,
      [400, 413],
    ],
    [
      '10,000 chunks of one byte',
      `POST /api/pair HTTP/1.1${tail}${json}\r\nTransfer-Encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(10_000)}`,
      [400, 413],
    ],
    ['chunks on a GET', `GET / HTTP/1.1${tail}Transfer-Encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(1000)}`, [400]],
    ['a body on a GET', `GET / HTTP/1.1${tail}Content-Length: 5\r\n\r\nhello`, [400]],
    ['a body on a DELETE', `DELETE /api/sessions/x HTTP/1.1${tail}Content-Length: 5\r\n\r\nhello`, [400]],
    [
      'length and chunks',
      `POST /api/sessions HTTP/1.1${tail}${json}\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG`,
      [400],
    ],
    [
      'chunks and length',
      `POST /api/sessions HTTP/1.1${tail}${json}\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nG`,
      [400],
    ],
    ['two lengths', `POST /api/sessions HTTP/1.1${tail}${json}\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}`, [400]],
    ['two equal lengths', `POST /api/sessions HTTP/1.1${tail}${json}\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}`, [400]],
    ['a list of lengths', `POST /api/sessions HTTP/1.1${tail}${json}\r\nContent-Length: 2, 2\r\n\r\n{}`, [400]],
    ['an unknown coding', `POST /api/sessions HTTP/1.1${tail}${json}\r\nTransfer-Encoding: xchunked\r\n\r\n{}`, [400, 413, 501]],
    [
      'a coding behind chunks',
      `POST /api/sessions HTTP/1.1${tail}${json}\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
      [400, 413],
    ],
    [
      'chunks in disguise',
      `POST /api/sessions HTTP/1.1${tail}${json}\r\nTransfer-Encoding: \x0bchunked\r\nContent-Length: 2\r\n\r\n{}`,
      [400],
    ],
    [
      'white space before the colon',
      `POST /api/sessions HTTP/1.1${tail}${json}\r\nTransfer-Encoding : chunked\r\nContent-Length: 2\r\n\r\n{}`,
      [400],
    ],
    ['bare line feeds', `GET /api/sessions HTTP/1.1\n${host()}\n\n`, [400, 401]],
    ['a bare carriage return', `GET /api/sessions HTTP/1.1${tail}X: a\rGET /x HTTP/1.1\r\n\r\n`, [400]],
    ['a NUL', `GET /api/sessions HTTP/1.1${tail}X: a\0b\r\n\r\n`, [400]],
    ['HTTP/0.9', 'GET /\r\n\r\n', [400, 421]],
    ['HTTP/3.7', `GET / HTTP/3.7${tail}\r\n`, [400, 505]],
    ['TLS', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'.padEnd(517, '\0'), [0, 400]],
    ['bytes', Array.from({ length: 5000 }, (_, n) => String.fromCharCode((n * 167 + 13) % 256)).join(''), [0, 400]],
    ['an expectation nobody meets', `POST /api/sessions HTTP/1.1${tail}${json}\r\nExpect: wonders\r\nContent-Length: 2\r\n\r\n{}`, [417]],
  ];
  const wrong: string[] = [];
  const texts: [string, RawAnswer][] = [];
  for (const [what, text, statuses] of cases) {
    const answer = await rawText(text.replace(' HTTP/1.1\r\n', ' HTTP/1.1\r\nConnection: close\r\n'), { port: server.port });
    texts.push([what, answer]);
    if (!statuses.includes(answer.status)) wrong.push(`${what}: ${answer.status}`);
    // One request, one answer: nothing behind it is taken for another.
    if (answer.body.includes('HTTP/1.1')) wrong.push(`${what}: two answers`);
  }
  expect(wrong).toEqual([]);
  expect((await server.api('/api/sessions')).status).toBe(200);
  expect(await (await server.api('/api/sessions')).json()).toEqual([]);
  expect(server.pid).toBe(pid);
  expect(server.output()).not.toContain('server failed');
});

test('S63: headers named like what every object has are headers and nothing else (CVE-2026-21710)', async () => {
  for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__', 'valueOf']) {
    const doubled = [`${name}: x`, `${name}: y`];
    expect((await raw(['GET /api/sessions HTTP/1.1', host(), ...doubled, 'Connection: close'], { port: server.port })).status).toBe(401);
    expect(
      (await raw(['GET /api/sessions HTTP/1.1', host(), bearer(), ...doubled, 'Connection: close'], { port: server.port })).status,
    ).toBe(200);
    expect(
      (await raw(['GET /trpc HTTP/1.1', host(), bearer(), ...UPGRADE_HEADERS, ...doubled], { port: server.port, untilHead: true })).status,
    ).toBe(101);
    const body = `{"${name}":{"command":["sleep"]}}`;
    const posted = await raw(
      [
        'POST /api/sessions HTTP/1.1',
        host(),
        bearer(),
        'Content-Type: application/json',
        `Content-Length: ${body.length}`,
        'Connection: close',
      ],
      { port: server.port, body },
    );
    expect([name, posted.status]).toEqual([name, 400]);
    expect((await raw([`GET /api/sessions?${name}=x HTTP/1.1`, host(), bearer(), 'Connection: close'], { port: server.port })).status).toBe(
      200,
    );
    expect((await raw([`GET /${name} HTTP/1.1`, host(), 'Connection: close'], { port: server.port })).status).toBe(200);
    expect((await raw([`GET /api/${name} HTTP/1.1`, host(), bearer(), 'Connection: close'], { port: server.port })).status).toBe(404);
    expect(
      (await raw(['GET /api/sessions HTTP/1.1', host(), `Cookie: ${name}=x`, 'Connection: close'], { port: server.port })).status,
    ).toBe(401);
  }
  expect(({} as Record<string, unknown>)['command']).toBeUndefined();
});
