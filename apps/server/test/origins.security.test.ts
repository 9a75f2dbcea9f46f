// What a page of somebody else can make a browser send: SECURITY 29, 30, 32 to 34, 36, 37. Raw sockets, because a client
// library would tidy up what is sent.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UPGRADE_PATHS } from '../src/http/gate.ts';
import { makeRest } from '../src/http/rest.ts';
import type { RestServices } from '../src/http/rest.ts';
import { UPGRADE_HEADERS } from '../../../testing/raw-http.ts';
import { raw, rawText } from '../../../testing/raw-sockets.ts';
import type { RawAnswer } from '../../../testing/raw-http.ts';
import { startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ env: { COTG_PUBLIC_URL: 'https://box.example.org', COTG_ALLOWED_HOSTS: 'lan.example:8443' } });
});
afterAll(async () => server.close());

const host = (): string => `Host: 127.0.0.1:${server.port}`;
const bearer = (): string => `Authorization: Bearer ${server.token}`;
const upgrade = (headers: readonly string[], path = '/trpc'): Promise<RawAnswer> =>
  raw([`GET ${path} HTTP/1.1`, ...headers, ...UPGRADE_HEADERS], { port: server.port, untilHead: true });
const ask = (line: string, headers: readonly string[], body = ''): Promise<RawAnswer> =>
  raw([`${line} HTTP/1.1`, host(), 'Connection: close', ...headers], { port: server.port, body });

/** P stands for the server's port. */
const GOOD_ORIGINS = [
  'http://127.0.0.1:P',
  'http://localhost:P',
  'http://[::1]:P',
  'https://box.example.org',
  'https://lan.example:8443',
  'http://lan.example:8443',
];
const BAD_ORIGINS = [
  '',
  'null',
  'undefined',
  '*',
  '/',
  'https://evil.example',
  'http://evil.example:P',
  'http://127.0.0.1',
  'http://127.0.0.1:80',
  'http://127.0.0.1:P0',
  'http://127.0.0.1:1P',
  'http://127.0.0.1:0P',
  'http://127.0.0.1:+P',
  'http://127.0.0.1: P',
  'https://127.0.0.1:P',
  'ws://127.0.0.1:P',
  'file://127.0.0.1:P',
  'chrome-extension://127.0.0.1:P',
  '127.0.0.1:P',
  '//127.0.0.1:P',
  'http:/127.0.0.1:P',
  'http:127.0.0.1:P',
  'http:\\\\127.0.0.1:P',
  'HTTP://127.0.0.1:P',
  'http://LOCALHOST:P',
  'http://Localhost:P',
  'http://localhost.:P',
  'http://localhost.localdomain:P',
  'http://localhost.evil.example:P',
  'http://localhost:P.evil.example',
  'http://127.0.0.1.evil.example:P',
  'http://127.0.0.1:P.evil.example',
  'http://evil-127.0.0.1:P',
  'http://evil.example/127.0.0.1:P',
  'http://evil.example#127.0.0.1:P',
  'http://evil.example?127.0.0.1:P',
  'http://127.0.0.1:P@evil.example',
  'http://user@127.0.0.1:P',
  'http://user:pass@127.0.0.1:P',
  'http://:@127.0.0.1:P',
  'http://127.0.0.1:P/',
  'http://127.0.0.1:P//',
  'http://127.0.0.1:P/x',
  'http://127.0.0.1:P?',
  'http://127.0.0.1:P#',
  'http://127.0.0.1:P,http://evil.example',
  'http://evil.example,http://127.0.0.1:P',
  'http://127.0.0.1:P http://evil.example',
  'http://127.0.0.1:P\thttp://evil.example',
  'http://127.1:P',
  'http://2130706433:P',
  'http://0x7f000001:P',
  'http://0177.0.0.1:P',
  'http://127.0.0.01:P',
  'http://127.0.0.2:P',
  'http://0.0.0.0:P',
  'http://[::]:P',
  'http://[0:0:0:0:0:0:0:1]:P',
  'http://[::0001]:P',
  'http://[::ffff:127.0.0.1]:P',
  'http://[::1%25lo]:P',
  'http://::1:P',
  'http://127.0.0.1%00:P',
  'http://127.0.0.1\xa0:P',
  'http://loc\xe5lhost:P',
  'http://%31%32%37.0.0.1:P',
  'http://box.example.org',
  'https://box.example.org:443',
  'https://box.example.org.',
  'https://BOX.example.org',
  'https://xbox.example.org',
  'https://sub.box.example.org',
  'https://box.example.org.evil.example',
  'https://box.example.org@evil.example',
  'https://boxxexample.org',
  'https://lan.example',
  'https://lan.example:844',
];

test('S29: of 6 good and more than 60 bad Origins exactly the good ones become a WebSocket, with the right token each time', async () => {
  expect(BAD_ORIGINS.length).toBeGreaterThan(60);
  const at = (origin: string): string => origin.replaceAll('P', String(server.port));
  for (const path of UPGRADE_PATHS) {
    const wrong: string[] = [];
    for (const [origins, status] of [
      [GOOD_ORIGINS, 101],
      [BAD_ORIGINS, 403],
    ] as const) {
      for (const origin of origins) {
        const answer = await upgrade([host(), bearer(), `Origin: ${at(origin)}`], path);
        if (answer.status !== status) wrong.push(`${origin}: ${answer.status}`);
      }
    }
    expect(wrong).toEqual([]);
    const good = `Origin: http://127.0.0.1:${server.port}`;
    for (const doubled of [
      [good, good],
      [good, 'Origin: https://evil.example'],
      ['Origin: https://evil.example', good],
      [good, 'origin:'],
      [good, 'ORIGIN: null'],
    ])
      expect([doubled, (await upgrade([host(), bearer(), ...doubled], path)).status]).toEqual([doubled, 403]);
    // A header folded over two lines, and one with a NUL, are no headers.
    for (const broken of [`Origin: http://127.0.0.1\r\n :${server.port}`, `${good}\0`, `Origin : http://127.0.0.1:${server.port}`])
      expect([400, 403]).toContain((await upgrade([host(), bearer(), broken], path)).status);
    // Without an Origin it is no browser: the token alone lets in, a cookie never does.
    expect((await upgrade([host(), bearer()], path)).status).toBe(101);
    expect((await upgrade([host(), 'Cookie: __Host-cotg-x=y'], path)).status).toBe(401);
  }
});

const BAD_HOSTS = [
  '',
  ' ',
  'evil.example',
  'evil.example:P',
  '127.0.0.1',
  '127.0.0.1:80',
  '127.0.0.1:P0',
  '127.0.0.1:1P',
  '127.0.0.1:0P',
  '127.0.0.1:',
  '127.0.0.1:P:P',
  '127.0.0.1:P.evil.example',
  '127.0.0.1:P/',
  '127.0.0.1:P,evil.example',
  '127.0.0.1:P evil.example',
  'evil.example, 127.0.0.1:P',
  '127.0.0.2:P',
  '127.1:P',
  '2130706433:P',
  '0x7f.0.0.1:P',
  '0.0.0.0:P',
  '192.168.1.10:P',
  'LOCALHOST:P',
  'localhost.:P',
  'localhost.evil.example:P',
  'user@127.0.0.1:P',
  'http://127.0.0.1:P',
  '//127.0.0.1:P',
  '[::]:P',
  '[0:0:0:0:0:0:0:1]:P',
  '[::ffff:127.0.0.1]:P',
  '::1:P',
  '[::1]',
  'box.example.org:443',
  'box.example.org:P',
  'box.example.org.',
  'xbox.example.org',
  'sub.box.example.org',
  'box.example.org.evil.example',
  'lan.example',
  'lan.example:P',
  '127.0.0.1\xa0:P',
  '*',
];

test('S30: a Host that is not exactly one of ours is refused before anything else, on requests and upgrades', async () => {
  const at = (text: string): string => text.replaceAll('P', String(server.port));
  const wrong: string[] = [];
  const see = (what: string, { status }: RawAnswer, allowed: readonly number[]): void => {
    if (!allowed.includes(status)) wrong.push(`${what}: ${status}`);
  };
  for (const name of BAD_HOSTS) {
    see(name, await raw(['GET / HTTP/1.1', `Host: ${at(name)}`, 'Connection: close'], { port: server.port }), [421, 400]);
    see(
      name,
      await raw(['GET /api/sessions HTTP/1.1', `Host: ${at(name)}`, bearer(), 'Connection: close'], { port: server.port }),
      [421, 400],
    );
    see(name, await upgrade([`Host: ${at(name)}`, bearer()]), [421, 400]);
  }
  for (const headers of [
    [],
    [host(), host()],
    [host(), 'Host: evil.example'],
    ['Host: evil.example', host()],
    [`Host:\r\n ${at('127.0.0.1:P')}`],
  ]) {
    see(headers.join(), await raw(['GET / HTTP/1.1', ...headers, 'Connection: close'], { port: server.port }), [421, 400]);
    see(headers.join(), await upgrade([...headers, bearer()]), [421, 400]);
  }
  // What another header says of the name counts for nothing.
  see('forwarded', await ask('GET /', ['X-Forwarded-Host: evil.example', 'Forwarded: host=evil.example', 'X-Host: evil.example']), [200]);
  see(
    'only forwarded',
    await raw(['GET / HTTP/1.1', 'Host: evil.example', `X-Forwarded-Host: ${at('127.0.0.1:P')}`, 'Connection: close'], {
      port: server.port,
    }),
    [421],
  );
  for (const target of [
    'http://evil.example/',
    `http://127.0.0.1:${server.port}/api/sessions`,
    '//evil.example/',
    '*',
    'api/sessions',
    '\\api',
  ]) {
    see(target, await ask(`GET ${target}`, [bearer()]), [404, 400, 421]);
    see(target, await upgrade([host(), bearer()], target), [404, 400, 421]);
  }
  for (const name of ['127.0.0.1:P', 'localhost:P', '[::1]:P', 'box.example.org', 'lan.example:8443'])
    see(name, await raw(['GET /healthz HTTP/1.1', `Host: ${at(name)}`, 'Connection: close'], { port: server.port }), [200]);
  expect(wrong).toEqual([]);
});

test('S30: HTTP/2 is not spoken, so there is no :authority and no extended CONNECT to check', async () => {
  const preface = await rawText('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', { port: server.port });
  expect([0, 400, 404, 421, 505]).toContain(preface.status);
  expect(preface.head).not.toContain('101');
  const h2c = await raw(
    [
      'GET /api/sessions HTTP/1.1',
      host(),
      bearer(),
      'Connection: Upgrade, HTTP2-Settings',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAAQAAP__',
    ],
    { port: server.port },
  );
  expect(h2c.status).not.toBe(101);
  const connect = await rawText(`CONNECT 127.0.0.1:22 HTTP/1.1\r\n${host()}\r\n${bearer()}\r\n\r\n`, { port: server.port });
  expect(connect.head).not.toMatch(/ 2\d\d /);
});

test('S32: a foreign page gets no permission from a preflight or an answer, on any route', async () => {
  const paths = [...new Set(makeRest({} as RestServices).routes.map((route) => route.path.replaceAll(/:\w+/g, 'x')))];
  for (const path of [...paths, '/', '/trpc', '/nothing']) {
    for (const origin of ['https://evil.example', 'null', `http://127.0.0.1:${server.port}`]) {
      const preflight = await ask(`OPTIONS ${path}`, [
        `Origin: ${origin}`,
        'Access-Control-Request-Method: DELETE',
        'Access-Control-Request-Headers: authorization, content-type',
        'Access-Control-Request-Private-Network: true',
      ]);
      const plain = await ask(`GET ${path}`, [`Origin: ${origin}`, bearer()]);
      expect(preflight.status).toBeGreaterThanOrEqual(400);
      for (const { head } of [preflight, plain]) expect(head.toLowerCase()).not.toContain('access-control-');
    }
  }
});

test('S33: nothing changes by GET or HEAD, by a form or by plain text, or by another method in disguise', async () => {
  const sessions = async (): Promise<string> => await (await server.api('/api/sessions')).text();
  const before = await sessions();
  const json = '{"command":["sleep","1000"]}';
  const length = `Content-Length: ${json.length}`;
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/json',
    'application/jsonp',
    'application/json, text/plain',
    'application/xml',
    'application/octet-stream',
    '',
  ]) {
    for (const path of ['/api/sessions', '/api/pair']) {
      const answer = await ask(`POST ${path}`, [bearer(), ...(type === '' ? [] : [`Content-Type: ${type}`]), length], json);
      expect([type, path, answer.status]).toEqual([type, path, 415]);
    }
  }
  expect(
    (await ask('POST /api/sessions', [bearer(), 'Content-Type: application/json', 'Content-Type: text/plain', length], json)).status,
  ).toBe(415);
  for (const method of ['GET', 'HEAD']) {
    for (const path of [
      '/api/sessions',
      '/api/pair',
      '/trpc/session.create?input=%7B%7D',
      '/trpc/session.create?batch=1&input=%7B%220%22%3A%7B%7D%7D',
    ])
      expect((await ask(`${method} ${path}`, [bearer(), length], json)).status).toBe(400);
  }
  for (const path of ['/trpc/session.create?input=%7B%7D', '/trpc/session.create', '/trpc/session.create?_method=POST'])
    expect((await ask(`GET ${path}`, [bearer(), 'X-HTTP-Method-Override: POST'])).status).toBe(404);
  // Reads only, whatever else it says.
  for (const extra of ['X-HTTP-Method-Override: POST', 'X-HTTP-Method: DELETE', 'X-Method-Override: DELETE', '_method: DELETE'])
    expect((await ask('GET /api/sessions?_method=POST&method=POST', [bearer(), extra, 'Content-Type: application/json'])).status).toBe(200);
  expect(
    (
      await ask(
        'POST /api/sessions/x/resize?_method=DELETE',
        [bearer(), 'X-HTTP-Method-Override: DELETE', 'Content-Type: application/json', 'Content-Length: 2'],
        '{}',
      )
    ).status,
  ).toBe(404);
  for (const method of ['PUT', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY', 'MKCOL'])
    expect([400, 405]).toContain((await ask(`${method} /api/sessions`, [bearer()])).status);
  expect(await sessions()).toBe(before);
});

test('S34: a request that a browser says another site made is refused on the API and on upgrades, whatever else is right', async () => {
  for (const site of ['cross-site', 'same-site']) {
    const said = `Sec-Fetch-Site: ${site}`;
    for (const path of ['/api/sessions', '/api/status', '/metrics', '/api/openapi.json', '/api/pair', '/trpc/session.list'])
      expect((await ask(`GET ${path}`, [bearer(), said])).status).toBe(403);
    expect((await upgrade([host(), bearer(), `Origin: ${server.url}`, said])).status).toBe(403);
    expect((await upgrade([host(), bearer(), said, 'Sec-Fetch-Site: same-origin'])).status).toBe(403);
    expect((await upgrade([host(), bearer(), 'Sec-Fetch-Site: same-origin', said])).status).toBe(403);
  }
  expect((await upgrade([host(), bearer(), `Origin: ${server.url}`, 'Sec-Fetch-Site: same-origin'])).status).toBe(101);
  expect((await ask('GET /api/sessions', [bearer(), 'Sec-Fetch-Site: none'])).status).toBe(200);
});

test('S36: the page may connect to where it came from and nowhere else', async () => {
  const { head } = await ask('GET /?server=wss://evil.example#server=wss://evil.example', []);
  const policy = /content-security-policy: (.*)/i.exec(head)?.[1] ?? '';
  expect(policy.split('; ').filter((part) => part.startsWith('connect-src'))).toEqual(["connect-src 'self'"]);
  expect(policy).toContain("default-src 'none'");
  expect(head).not.toContain('evil');
});

test('S37: no answer sends a browser anywhere, whatever the address asks for', async () => {
  const targets = [
    '//evil.example',
    '/\\evil.example',
    'https:evil.example',
    'https://evil.example',
    '\\\\evil.example',
    '%2f%2fevil.example',
    '/%09/evil.example',
    'javascript:alert(1)',
  ];
  const paths = [...new Set(makeRest({} as RestServices).routes.map((route) => route.path.replaceAll(/:\w+/g, 'x')))];
  for (const target of targets) {
    for (const path of ['/', '/pair', '/new', '/login', '/logout', '/api', '/api/', ...paths]) {
      for (const name of ['next', 'redirect', 'url', 'return_to']) {
        for (const headers of [[], [bearer()]]) {
          const answer = await ask(`GET ${path}?${name}=${target}`, headers);
          expect(answer.head).not.toMatch(/^(location|refresh|content-location|link):/im);
          expect(answer.status < 300 || answer.status >= 400).toBe(true);
        }
      }
    }
    const direct = await ask(`GET ${target.startsWith('/') ? target : `/${target}`}`, []);
    expect(direct.head).not.toMatch(/^(location|refresh):/im);
    expect([400, 404]).toContain(direct.status);
  }
});
