// What is written down and told: no secret in a log, nothing a terminal would act on, no insides in an answer. SECURITY 66, 70.
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Session } from '@cotg/api';
import { makeLogger } from '../src/log.ts';
import { UPGRADE_HEADERS } from '../../../testing/raw-http.ts';
import { openRawWebSocket, raw, wsFrame } from '../../../testing/raw-sockets.ts';
import { eventually, runCotg, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';

const CANARY = 'c4n4ry-5ecret';
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ env: { COTG_LOG_LEVEL: 'trace', SOME_SECRET: `${CANARY}-environment` } });
});
afterAll(async () => server.close());

const everythingLogged = (): string => `${server.output()}\n${readFileSync(join(server.dataDir, 'host.log'), 'utf8')}`;
const host = (): string => `Host: 127.0.0.1:${server.port}`;
const bearer = (): string => `Authorization: Bearer ${server.token}`;

/** Sends the canary wherever a client can put something, good and bad. */
async function sendEverywhere(): Promise<void> {
  const secrets = [
    `Authorization: Bearer ${CANARY}-bearer`,
    `Cookie: __Host-cotg-x=${CANARY}-cookie; other=${CANARY}`,
    `Proxy-Authorization: ${CANARY}`,
    `X-Api-Key: ${CANARY}`,
    `User-Agent: ${CANARY}\x1b[31m`,
    `Referer: https://x/${CANARY}`,
    `X-Forwarded-For: ${CANARY}`,
  ];
  for (const path of ['/api/sessions', `/api/sessions/${CANARY}`, `/${CANARY}`, `/api/${CANARY}?token=${CANARY}`, '/metrics', '/trpc']) {
    for (const header of secrets) await raw([`GET ${path} HTTP/1.1`, host(), header, 'Connection: close'], { port: server.port });
    await raw([`GET ${path} HTTP/1.1`, host(), bearer(), ...secrets.slice(1), 'Connection: close'], { port: server.port });
    await raw([`GET ${path} HTTP/1.1`, host(), ...UPGRADE_HEADERS, ...secrets, `Sec-WebSocket-Protocol: ${CANARY}`], {
      port: server.port,
      untilHead: true,
    });
  }
  await raw([`GET / HTTP/1.1`, `Host: ${CANARY}.example`, `Origin: https://${CANARY}.example`, 'Connection: close'], { port: server.port });
  for (const body of [
    { code: `${CANARY}-code`, name: CANARY },
    { command: ['true', `--password=${CANARY}`], env: { PASSWORD: CANARY }, name: CANARY },
    { command: [`${CANARY}-program`] },
    { cwd: `/${CANARY}` },
    `{"${CANARY}`,
  ]) {
    for (const path of ['/api/pair', '/api/sessions'])
      await server.api(path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) });
  }
  const session = (await (
    await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command: ['cat'] }) })
  ).json()) as Session;
  await server.api(`/api/sessions/${session.id}/input`, { method: 'POST', body: JSON.stringify({ data: `${CANARY}-typed\n` }) });
  await eventually(
    async () => (await server.api(`/api/sessions/${session.id}/screen`)).text(),
    (screen) => screen.includes(`${CANARY}-typed`),
    { what: 'it was typed' },
  );
  using socket = await openRawWebSocket({ port: server.port, headers: [bearer(), `Cookie: ${CANARY}`] });
  for (const message of [
    { id: 1, method: 'query', params: { path: `session.${CANARY}` } },
    { id: 2, method: 'query', params: { path: 'session.get', input: { sessionId: CANARY } } },
    {
      id: 3,
      method: 'mutation',
      params: { path: 'session.input', input: { sessionId: session.id, viewerId: 'viewer-0001', n: 1, data: `${CANARY}\n` } },
    },
    { id: 4, method: 'mutation', params: { path: 'session.create', input: { command: [CANARY], env: { [CANARY]: CANARY } } } },
    { id: CANARY, method: CANARY, params: CANARY },
    { method: 'connectionParams', data: { token: CANARY } },
  ])
    socket.send(wsFrame(1, JSON.stringify(message)));
  socket.send(wsFrame(1, `{"${CANARY}`), wsFrame(2, CANARY));
  await eventually(
    () => socket.messages.length,
    (count) => count >= 6,
    { what: 'answers' },
  );
}

test('S66: what clients send, good or bad, stands in no log at the finest level, failures of the server included', async () => {
  await sendEverywhere();
  // 503: the host goes away under a request.
  process.kill(await server.hostPid(), 'SIGKILL');
  const answers = await Promise.all(
    Array.from({ length: 20 }, () =>
      server.api('/api/sessions', {
        method: 'POST',
        headers: { 'x-secret': CANARY, cookie: CANARY },
        body: JSON.stringify({ command: [CANARY], env: { A: CANARY } }),
      }),
    ),
  );
  expect(answers.some(({ status }) => status >= 400)).toBe(true);
  const pair = JSON.parse((await runCotg(['pair', '--json'], { dataDir: server.dataDir })).stdout) as { code: string };
  const logged = everythingLogged();
  expect(logged.length).toBeGreaterThan(1000);
  for (const secret of [server.token, readFileSync(join(server.dataDir, 'host.secret'), 'utf8').trim(), pair.code])
    expect(logged).not.toContain(secret);
  expect(logged.split('\n').filter((line) => line.includes(CANARY))).toEqual([]);
});

test.each(['json', 'pretty'] as const)('S66: control bytes, in any text that is logged, are spelled out (%s)', (format) => {
  const lines: string[] = [];
  const log = makeLogger({ level: 'info', format, name: 'server', destination: { write: (line) => void lines.push(line) } });
  const evil = 'a\x1b]0;owned\x07b\x9b31mc\r\u202etxt\u2028\x7f\0d';
  log.info({ error: evil, nested: { list: [evil] }, [evil]: 1 }, 'text of a stranger');
  const text = lines.join('');
  // oxlint-disable-next-line no-control-regex -- that is what must not be there
  expect(text).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029]/);
  expect(text).toContain('owned');
  expect(lines).toHaveLength(1);
});

test('S70: no answer and no close reason tells a path, a query, a stack or a user', async () => {
  const bodies: string[] = [];
  const see = async (path: string, init: RequestInit = {}): Promise<void> => void bodies.push(await (await server.api(path, init)).text());
  const post = (body: unknown): RequestInit => ({ method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) });
  for (const path of [
    '/api/nothing',
    '/api/sessions/x',
    '/api/sessions/x/history',
    '/api/sessions/x/screen?minOffset=-1',
    '/api/sessions/%00',
    '/api/sessions/..%2f',
    '/metrics/x',
    '/trpc/x',
  ])
    await see(path);
  for (const body of [
    '',
    '{',
    '[]',
    'null',
    { command: ['no-such-program'] },
    { command: ['.'] },
    { cwd: '/no/such' },
    { cwd: '/proc/1/root/x' },
    { command: ['x'.repeat(70_000)] },
    { cols: -1 },
    { name: 1 },
    { profile: '../x' },
    { idleTimeout: 'x' },
    { maxHistoryBytes: 1e300 },
  ])
    await see('/api/sessions', post(body));
  for (const body of [{ code: 'x' }, { code: "' OR 1=1" }, {}]) await see('/api/pair', post(body));
  for (const method of ['PUT', 'OPTIONS', 'DELETE']) await see('/api/sessions', { method });
  for (const path of ['/package.json', '/..%2f', '/%00']) await see(path);
  for (const lines of [
    ['GET / HTTP/1.1', 'Host: evil'],
    ['GET / HTTP/1.1', host(), 'broken'],
    ['nonsense'],
    ['GET /trpc HTTP/1.1', host(), ...UPGRADE_HEADERS],
  ])
    bodies.push((await raw([...lines, 'Connection: close'], { port: server.port })).body);
  using socket = await openRawWebSocket({ port: server.port, headers: [bearer()] });
  for (const text of [
    '{',
    'null',
    '[]',
    '{"id":1,"method":"query","params":{"path":"x"}}',
    '{"id":2,"method":"query","params":{"path":"session.get","input":{"sessionId":"x"}}}',
    '{"id":3,"method":"mutation","params":{"path":"session.create","input":{"cwd":"/no/such"}}}',
  ])
    socket.send(wsFrame(1, text));
  await eventually(
    () => socket.messages.length,
    (count) => count >= 5,
    { what: 'answers' },
  );
  bodies.push(...socket.messages);
  socket.send(wsFrame(3, 'x'));
  await socket.closed;
  bodies.push(socket.closeFrame()?.reason ?? '');
  expect(bodies.length).toBeGreaterThan(40);
  const tells = [
    server.dataDir,
    import.meta.dirname,
    process.cwd(),
    'node_modules',
    'node:internal',
    '.ts:',
    '.js:',
    '    at ',
    'SQLITE',
    'SELECT ',
    'sqlite',
    'ENOENT',
    'EACCES',
    'errno',
    'owner.token',
    'host.sock',
    'journal.db',
    `"${userInfo().username}"`,
    '/home/',
    '/root',
  ];
  const found = bodies.flatMap((body) => tells.filter((tell) => body.includes(tell)).map((tell) => `${tell}: ${body.slice(0, 200)}`));
  // What the caller itself has said comes back to it.
  expect(found.filter((line) => !line.includes('/proc/1/root'))).toEqual([]);
});
