// Owns the fuzz of HTTP: requests as bytes, right, nearly right and wrong, with a valid token and with none.
import { connect } from 'node:net';
import { chance, HARMLESS_COMMANDS, leaksIn, mutateBytes, mutateJson, oddValue, pick } from './case.ts';
import type { Findings, FuzzStage, FuzzTarget, Random } from './case.ts';

const ANSWER_MS = 20_000;
const METHODS = ['GET', 'GET', 'GET', 'POST', 'PATCH', 'DELETE', 'PUT', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'get', 'X', ''];

function pathOf(random: Random, victims: readonly string[]): string {
  const id = pick(random, [...victims, '0b2f6a3e-0000-4000-8000-000000000001', '..', '%2e%2e', '1', "'", '%00', '__proto__']);
  const path = pick(random, [
    '/',
    '/healthz',
    '/metrics',
    '/api/sessions',
    '/api/status',
    '/api/openapi.json',
    '/api/pair',
    '/api/devices',
    `/api/sessions/${id}`,
    `/api/sessions/${id}?purge=1`,
    `/api/sessions/${id}/restart`,
    `/api/sessions/${id}/history?format=${pick(random, ['raw', 'text', 'ansi', 'html', 'cast', 'entries', 'x', ''])}&from=${random.below(99)}&to=${pick(random, ['', '5', '-1', '1e9', 'x'])}`,
    `/api/sessions/${id}/screen?format=${pick(random, ['text', 'ansi', 'json', '__proto__'])}&minOffset=${pick(random, ['0', '-1', 'x', ''])}`,
    `/api/sessions/${id}/input`,
    `/api/sessions/${id}/resize`,
    '/trpc/session.list',
    '/trpc/session.list?batch=1&input={}',
    '/assets/../../../../etc/passwd',
    '/assets/%2e%2e%2f%2e%2e%2fowner.token',
    '/..%5c..%5cowner.token',
    '//evil.example/',
    'http://evil.example/',
    '*',
    `/${'a/'.repeat(random.below(4000))}`,
  ]);
  return chance(random, 6) ? mutateBytes(random, Buffer.from(path), 20_000).toString('latin1') : path;
}

function bodyOf(random: Random): Buffer {
  const body = mutateOrNot(
    random,
    pick<unknown>(random, [
      { command: pick(random, HARMLESS_COMMANDS), cols: 80, rows: 24, name: 'fuzz' },
      { data: 'text' },
      { base64: 'eA==' },
      { cols: 80, rows: 24 },
      { name: 'fuzz', pinned: false, idleTimeout: '1h' },
      { code: 'AAAA-AAAA' },
      { request: 'x' },
    ]),
  );
  const text = Buffer.from(JSON.stringify(body) ?? '');
  return chance(random, 5) ? mutateBytes(random, text, 300_000) : text;
}

const mutateOrNot = (random: Random, value: unknown): unknown => (chance(random, 2) ? mutateJson(random, value) : value);

function requestOf(random: Random, stage: FuzzStage, hasToken: boolean): Buffer {
  const { server, victims } = stage;
  const method = pick(random, METHODS);
  const body = method === 'GET' && !chance(random, 5) ? Buffer.alloc(0) : bodyOf(random);
  const headers = [
    ...(chance(random, 12)
      ? []
      : [`Host: ${chance(random, 8) ? pick(random, ['evil.example', '', '127.0.0.1', '[::1]:1']) : `127.0.0.1:${server.port}`}`]),
    ...(hasToken ? [`Authorization: Bearer ${server.token}`] : []),
    ...(chance(random, 5)
      ? [`Content-Type: ${pick(random, ['text/plain', 'application/x-www-form-urlencoded', '', 'application/json; charset=x'])}`]
      : ['Content-Type: application/json']),
    ...pick(random, [
      [`Content-Length: ${body.length}`],
      [`Content-Length: ${body.length}`],
      [`Content-Length: ${body.length}`],
      [`Content-Length: ${pick(random, ['-1', '0', 'x', '99999999999', '1, 2'])}`],
      ['Transfer-Encoding: chunked', `Content-Length: ${body.length}`],
      ['Transfer-Encoding: chunked, identity'],
      [],
    ]),
    ...pick(random, [
      [],
      [],
      ['Origin: https://evil.example'],
      ['Sec-Fetch-Site: cross-site'],
      ['X-Forwarded-For: 1.2.3.4', 'X-Forwarded-Host: evil.example'],
      ['__proto__: x', 'constructor: y'],
      [`X-Long: ${'x'.repeat(random.below(30_000))}`],
      Array.from({ length: random.below(300) }, (_, n) => `X-${n}: ${n}`),
      ['Expect: 100-continue'],
      [
        `Cookie: ${String(oddValue(random))
          .slice(0, 500)
          .replaceAll(/[\r\n]/g, '')}`,
      ],
      ['Range: bytes=0-,1-,2-'],
      ['If-None-Match: *'],
      ['Upgrade: h2c', 'Connection: Upgrade, HTTP2-Settings'],
    ]),
  ];
  const head = Buffer.from(
    [`${method} ${pathOf(random, victims)} HTTP/${pick(random, ['1.1', '1.1', '1.1', '1.0', '2.0', '9'])}`, ...headers, '', ''].join(
      '\r\n',
    ),
    'latin1',
  );
  const request = Buffer.concat([head, body]);
  return chance(random, 6) ? mutateBytes(random, request, 300_000) : request;
}

interface Exchange {
  readonly ended: boolean;
  readonly text: string;
}

function exchange(port: number, random: Random, bytes: Buffer): Promise<Exchange> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const kept: Buffer[] = [];
    const done = (ended: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ ended, text: Buffer.concat(kept).toString('latin1') });
    };
    const timer = setTimeout(() => done(false), ANSWER_MS);
    socket.on('data', (chunk: Buffer) => kept.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => done(true));
    const cut = chance(random, 3) ? random.below(bytes.length + 1) : bytes.length;
    socket.write(bytes.subarray(0, cut), () => socket.end(bytes.subarray(cut)));
  });
}

const STATUS = /HTTP\/1\.1 (\d{3})/g;

export function fuzzHttp(stage: FuzzStage): FuzzTarget {
  return {
    name: 'http',
    parallel: 4,
    async run(random): Promise<Findings> {
      const hasToken = chance(random, 2);
      const { ended, text } = await exchange(stage.server.port, random, requestOf(random, stage, hasToken));
      const statuses = [...text.matchAll(STATUS)].map(([, status]) => Number(status));
      return [
        ...(ended ? [] : ['a request that ended on our side was not ended']),
        ...leaksIn(text, stage),
        ...statuses
          .filter((status) => status >= 500 && ![501, 503, 505].includes(status))
          .map((status) => `answered ${status}: ${text.slice(0, 600)}`),
        ...(!hasToken && stage.victims.some((id) => text.includes(id) && !text.includes('HTTP/1.1 4'))
          ? ['an answer without a right names a session']
          : []),
      ];
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
