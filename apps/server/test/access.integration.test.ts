// The access contract on the real server with raw sockets; each test carries the numbers of the requirements it proves.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { appRouter } from '@cotg/api';
import { SECURITY_HEADERS } from '../src/http/headers.ts';
import { PUBLIC_ROUTES } from '../src/http/gate.ts';
import { REST_RIGHTS, makeRest } from '../src/http/rest.ts';
import type { RestServices } from '../src/http/rest.ts';
import { startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';
import { listenersOf } from '../../../testing/listeners.ts';
import { headerOf, rawHttp } from '../../../testing/raw-http.ts';
import type { RawAnswer } from '../../../testing/raw-http.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => server.close());

const raw = (lines: readonly string[], options: { untilHead?: boolean } = {}): Promise<RawAnswer> =>
  rawHttp({ port: server.port }, lines, options);

const host = (): string => `Host: 127.0.0.1:${server.port}`;
const bearer = (): string => `Authorization: Bearer ${server.token}`;
const upgradeHeaders = [
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
];

describe('every way in is closed without credentials', () => {
  const rest = makeRest({} as RestServices);
  const routes = [
    ...new Set(
      rest.routes.filter((route) => route.method !== 'ALL').map((route) => `${route.method} ${route.path.replaceAll(/:(\w+)/g, '{$1}')}`),
    ),
  ];

  test('S1: the routes that exist are exactly those with a declared right', () => {
    expect(routes.length).toBeGreaterThan(8);
    expect(routes.toSorted()).toEqual(Object.keys(REST_RIGHTS).toSorted());
    const open = Object.entries(REST_RIGHTS)
      .filter(([, right]) => right === 'public')
      .map(([route]) => route);
    expect(open.toSorted()).toEqual(PUBLIC_ROUTES.map((route) => `${route.method} ${route.path}`).toSorted());
  });

  test.each(routes.filter((route) => REST_RIGHTS[route] !== 'public'))('S1, S5: %s', async (route) => {
    const [method = '', path = ''] = route.split(' ');
    const target = path.replace('{id}', '6f1de9f8-5b0f-4c6e-8f9f-1d2a7f0c4b11');
    for (const query of ['', `?token=${server.token}`]) {
      const answer = await raw([
        `${method} ${target}${query} HTTP/1.1`,
        host(),
        'Content-Type: application/json',
        'Content-Length: 2',
        'Connection: close',
        '',
        '{}',
      ]);
      expect([route, answer.status]).toEqual([route, 401]);
      expect(answer.body).not.toContain(server.dataDir);
    }
  });

  test.each(Object.keys(appRouter._def.procedures))('S1, S33: procedure %s over HTTP does not exist, signed in or not', async (path) => {
    for (const [credentials, status] of [
      [[], 401],
      [[bearer()], 404],
    ] as const) {
      for (const method of ['GET', 'POST']) {
        const answer = await raw([
          `${method} /trpc/${path} HTTP/1.1`,
          host(),
          ...credentials,
          ...(method === 'GET'
            ? ['Connection: close']
            : ['Content-Type: application/json', 'Content-Length: 2', 'Connection: close', '', '{}']),
        ]);
        expect(answer.status).toBe(status);
      }
    }
  });

  test.each(['/trpc', '/', '/api/sessions', '/healthz', '/api/pair', '/trpc/', '/ws', '//trpc'])('S1: upgrade at %s', async (path) => {
    const answer = await raw([`GET ${path} HTTP/1.1`, host(), `Origin: ${server.url}`, ...upgradeHeaders], { untilHead: true });
    expect([401, 404]).toContain(answer.status);
    if (path === '/trpc') expect(answer.status).toBe(401);
  });

  test('S1: only /trpc is upgraded for those who are signed in', async () => {
    for (const path of ['/', '/api/sessions', '/trpc/', '/ws'])
      expect((await raw([`GET ${path} HTTP/1.1`, host(), bearer(), ...upgradeHeaders], { untilHead: true })).status).toBe(404);
    expect((await raw(['GET /trpc HTTP/1.1', host(), bearer(), ...upgradeHeaders], { untilHead: true })).status).toBe(101);
  });
});

test('S29, S30: foreign and missing Hosts and Origins are refused before credentials count', async () => {
  const port = String(server.port);
  const get = (lines: readonly string[]): Promise<RawAnswer> =>
    raw(['GET /api/sessions HTTP/1.1', ...lines, bearer(), 'Connection: close']);
  expect((await get([`Host: evil.example:${port}`])).status).toBe(421);
  expect((await get([`Host: 127.0.0.1:${port}0`])).status).toBe(421);
  expect((await get([host(), host()])).status).toBeGreaterThanOrEqual(400);
  expect((await get([])).status).toBeGreaterThanOrEqual(400);
  expect((await raw([`GET http://evil.example/api/sessions HTTP/1.1`, host(), bearer(), 'Connection: close'])).status).toBe(404);
  expect((await get([host(), 'Origin: https://evil.example'])).status).toBe(403);
  expect((await get([host(), `Origin: ${server.url}`])).status).toBe(200);
  for (const origin of [
    'null',
    'https://evil.example',
    `http://127.0.0.1:${port}.evil.example`,
    `http://127.0.0.1:1${port}`,
    `https://127.0.0.1:${port}`,
  ]) {
    expect((await raw(['GET /trpc HTTP/1.1', host(), `Origin: ${origin}`, bearer(), ...upgradeHeaders], { untilHead: true })).status).toBe(
      403,
    );
  }
});

test('S32: no answer carries CORS permission, a preflight gets none', async () => {
  const preflight = await raw([
    'OPTIONS /api/sessions HTTP/1.1',
    host(),
    'Origin: https://evil.example',
    'Access-Control-Request-Method: POST',
    'Connection: close',
  ]);
  const normal = await raw(['GET /api/sessions HTTP/1.1', host(), `Origin: ${server.url}`, bearer(), 'Connection: close']);
  expect(preflight.status).toBe(403);
  expect(normal.status).toBe(200);
  for (const answer of [preflight, normal]) expect(answer.head.toLowerCase()).not.toContain('access-control');
});

test('S35: the security headers stand on every answer, refusals and refused upgrades included', async () => {
  const answers = [
    await raw(['GET / HTTP/1.1', host(), 'Connection: close']),
    await raw(['GET /healthz HTTP/1.1', host(), 'Connection: close']),
    await raw(['GET /api/sessions HTTP/1.1', host(), 'Connection: close']),
    await raw(['GET /api/sessions HTTP/1.1', host(), bearer(), 'Connection: close']),
    await raw(['GET /nothing.txt HTTP/1.1', host(), 'Connection: close']),
    await raw(['GET / HTTP/1.1', 'Host: evil.example', 'Connection: close']),
    await raw(['GET /trpc HTTP/1.1', host(), ...upgradeHeaders], { untilHead: true }),
  ];
  expect(answers.map((answer) => answer.status)).toEqual([200, 200, 401, 200, 404, 421, 401]);
  for (const answer of answers) {
    const head = answer.head.toLowerCase();
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) expect(head).toContain(`${name}: ${value.toLowerCase()}`);
    expect(head).not.toContain('x-powered-by');
  }
});

test('no answer of the API is kept by a cache: signed in or not, well or refused', async () => {
  const created = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command: ['cat'] }) });
  const { id } = (await created.json()) as { id: string };
  const kept: string[] = [];
  const statuses = new Set<number>();
  const look = async (what: string, answer: Promise<RawAnswer>): Promise<void> => {
    const found = await answer;
    statuses.add(found.status);
    if (headerOf(found, 'cache-control').join() !== 'no-store')
      kept.push(`${what} ${found.status} ${headerOf(found, 'cache-control').join()}`);
  };
  // The one that removes it last.
  const routes = Object.keys(REST_RIGHTS).toSorted((a, b) => Number(a.startsWith('DELETE')) - Number(b.startsWith('DELETE')));
  for (const route of routes) {
    const [method = '', path = ''] = route.split(' ');
    const body = method === 'POST' || method === 'PATCH' ? ['Content-Type: application/json', 'Content-Length: 2', '', '{}'] : [];
    for (const [who, lines] of [
      ['nobody', []],
      ['the owner', [bearer()]],
      ['another site', [bearer(), 'Sec-Fetch-Site: cross-site']],
    ] as const)
      for (const target of [path.replace('{id}', id), path.replace('{id}', 'none')])
        await look(`${route} ${who}`, raw([`${method} ${target} HTTP/1.1`, host(), ...lines, 'Connection: close', ...body]));
    await look(
      `${route} to another Host`,
      raw([`${method} ${path} HTTP/1.1`, 'Host: evil.example', bearer(), 'Connection: close', ...body]),
    );
  }
  await look('what is not there', raw(['GET /api/nothing HTTP/1.1', host(), bearer(), 'Connection: close']));
  await look('an upgrade', raw(['GET /trpc HTTP/1.1', host(), ...upgradeHeaders], { untilHead: true }));
  expect([...statuses].toSorted((a, b) => a - b)).toEqual([200, 201, 400, 401, 403, 404, 409, 421]);
  expect(kept).toEqual([]);
});

test.each([
  '/../package.json',
  '/%2e%2e/package.json',
  '/..%2fpackage.json',
  '/%252e%252e/package.json',
  '/..\\package.json',
  '/assets/../../package.json',
  '/index.html%00.js',
  '//etc/passwd',
  '/etc/passwd',
])('S38: path %s never leaves the shell', async (path) => {
  const answer = await raw([`GET ${path} HTTP/1.1`, host(), 'Connection: close']);
  expect(answer.body).not.toContain('root:');
  expect(answer.body).not.toContain('"dependencies"');
  expect([200, 400, 404]).toContain(answer.status);
});

test('S58: the WebSocket’s limits are set: a frame above 1 MiB ends that socket only', async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/trpc`, { headers: { authorization: `Bearer ${server.token}` } } as never);
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true });
    socket.addEventListener('error', reject, { once: true });
  });
  const closed = new Promise<CloseEvent>((resolve) => {
    socket.addEventListener('close', resolve, { once: true });
  });
  socket.send('x'.repeat(1024 * 1024 + 1));
  expect((await closed).code).toBe(1009);
  expect((await server.api('/api/status')).status).toBe(200);
});

test('S4: the host listens on no TCP port, the server on loopback only', async () => {
  expect(listenersOf(await server.hostPid())).toEqual([]);
  expect(listenersOf(server.pid)).toEqual([`tcp 0100007F:${server.port.toString(16).toUpperCase().padStart(4, '0')}`]);
});
