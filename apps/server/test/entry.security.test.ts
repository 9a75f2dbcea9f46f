// Who gets in, on the real server with raw sockets: SECURITY 1, 2, 4 to 7, 16.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { appRouter } from '@cotg/api';
import { cookieNamesFor, hashToken, identify } from '../src/http/credentials.ts';
import type { Credentials } from '../src/http/credentials.ts';
import { PUBLIC_ROUTES, UPGRADE_PATHS } from '../src/http/gate.ts';
import { REST_RIGHTS, makeRest } from '../src/http/rest.ts';
import type { RestServices } from '../src/http/rest.ts';
import { UPGRADE_HEADERS } from '../../../testing/raw-http.ts';
import { raw } from '../../../testing/raw-sockets.ts';
import type { RawAnswer } from '../../../testing/raw-http.ts';
import { runCotg, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';
import { listenersOf } from '../../../testing/listeners.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => server.close());

const host = (): string => `Host: 127.0.0.1:${server.port}`;
/** Another one each time: an address that sends wrong tokens is soon told to wait, which is tried elsewhere. */
let asked = 0;
const somewhere = (): string => {
  asked += 1;
  return `127.0.${1 + Math.floor(asked / 200)}.${1 + (asked % 200)}`;
};
const ask = (line: string, headers: readonly string[] = [], body = ''): Promise<RawAnswer> =>
  raw([`${line} HTTP/1.1`, host(), 'Connection: close', ...(body === '' ? [] : [`Content-Length: ${body.length}`]), ...headers], {
    port: server.port,
    from: somewhere(),
    body,
  });
const upgrade = (path: string, headers: readonly string[]): Promise<RawAnswer> =>
  raw([`GET ${path} HTTP/1.1`, host(), ...UPGRADE_HEADERS, ...headers], { port: server.port, from: somewhere(), untilHead: true });

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY', 'PROPFIND'] as const;
const SOME_ID = '6f1de9f8-5b0f-4c6e-8f9f-1d2a7f0c4b11';

test('S1: every route, procedure and upgrade path there is answers 401 without credentials, but for at most four named ones', async () => {
  const paths = [...new Set(makeRest({} as RestServices).routes.map((route) => route.path.replaceAll(/:\w+/g, SOME_ID)))].filter(
    (path) => !path.includes('*'),
  );
  expect(paths.length).toBeGreaterThan(8);
  expect(PUBLIC_ROUTES.length).toBeLessThanOrEqual(4);
  const open: string[] = [];
  for (const path of [...paths, ...Object.keys(appRouter._def.procedures).map((name) => `/trpc/${name}`), '/trpc', '/api', '/metrics/x']) {
    for (const method of METHODS) {
      const answer = await ask(`${method} ${path}`, ['Content-Type: application/json'], method === 'POST' ? '{}' : '');
      if (answer.status !== 401 && answer.status !== 405 && answer.status !== 400) open.push(`${method} ${path} ${answer.status}`);
      expect(answer.body).not.toContain(server.dataDir);
    }
  }
  // A pairing code is missing in what was sent: the route itself is what is public.
  expect(open).toEqual(['GET /healthz 200']);
  expect((await ask('POST /api/pair', ['Content-Type: application/json'], '{"code":"x"}')).status).toBe(401);
  expect(Object.entries(REST_RIGHTS).filter(([, right]) => right === 'public')).toHaveLength(PUBLIC_ROUTES.length);

  expect(UPGRADE_PATHS.length).toBeGreaterThan(0);
  for (const path of [...UPGRADE_PATHS, ...paths, '/', '/ws', '/terminal/ws', '/trpc/', '/trpc?x=1'])
    expect([path, (await upgrade(path, [`Origin: ${server.url}`])).status]).toEqual([path, 401]);
});

test.each([
  ['empty', ''],
  ['white space', ' \n\t\n'],
  ['a NUL', '\0'],
  ['"undefined"', 'undefined\n'],
])('S2: a secret that is %s keeps the server from starting, and nothing listens', async (_what, content) => {
  await Promise.all(
    ['owner.token', 'host.secret'].map(async (name) => {
      const path = mkdtempSync(join(tmpdir(), 'cotg-test-'));
      writeFileSync(join(path, name), content, { mode: 0o600 });
      const result = await runCotg(['serve', '--port', '0'], { dataDir: path });
      expect([name, result.code, result.stdout]).toEqual([name, 1, '']);
      expect(result.stderr).toContain(name);
      expect(readdirSync(path)).not.toContain('host.sock');
      rmSync(path, { recursive: true });
    }),
  );
});

test('S2: no setting turns the check off: names that would are refused in config.json, and ignored in the environment', async () => {
  const path = mkdtempSync(join(tmpdir(), 'cotg-test-'));
  writeFileSync(join(path, 'config.json'), JSON.stringify({ COTG_AUTH: 'off' }), { mode: 0o600 });
  expect((await runCotg(['serve', '--port', '0'], { dataDir: path })).code).toBe(2);
  rmSync(path, { recursive: true });
  await using open = await startTestServer({
    env: { COTG_AUTH: 'off', COTG_NO_AUTH: '1', COTG_TOKEN: '', COTG_PASSWORD: '', NO_AUTH: '1' },
  });
  expect((await fetch(`${open.url}/api/sessions`)).status).toBe(401);
  expect((await fetch(`${open.url}/api/sessions`, { headers: { authorization: 'Bearer ' } })).status).toBe(401);
});

test('S5: the owner token in a URL lets nobody in, under whatever name, on routes and upgrades', async () => {
  for (const name of ['token', 'access_token', 'auth', 'authorization', 'bearer', 'key', 'code', 'cotg', '']) {
    const query = name === '' ? `?${server.token}` : `?${name}=${server.token}`;
    for (const path of ['/api/sessions', '/api/status', '/metrics', '/trpc/session.list'])
      expect((await ask(`GET ${path}${query}`)).status).toBe(401);
    expect((await upgrade(`/trpc${query}`, [`Origin: ${server.url}`])).status).toBe(401);
  }
  // On an upgrade even beside good credentials: an address is no place for a secret, and nothing else is ever said there.
  expect((await upgrade(`/trpc?token=${server.token}`, [`Authorization: Bearer ${server.token}`])).status).toBe(404);
  expect((await ask(`GET /api/sessions HTTP/1.1\r\nAuthorization: Bearer x\r\nX-Token: ${server.token}\r\nX:`)).status).toBe(401);
});

test('S60: an upgrade that brings a body is refused, whoever asks', async () => {
  const good = [`Authorization: Bearer ${server.token}`];
  expect((await upgrade('/trpc', good)).status).toBe(101);
  for (const body of ['Content-Length: 5', 'Transfer-Encoding: chunked'])
    expect((await upgrade('/trpc', [...good, body])).status).toBe(400);
});

const change = (token: string, at: number): string => token.slice(0, at) + (token[at] === 'x' ? 'y' : 'x') + token.slice(at + 1);

test('S6, S16: whatever is not exactly the token is refused, and a wrong one is refused exactly as none is', async () => {
  const { token } = server;
  const without = await ask('GET /api/sessions');
  expect(without.status).toBe(401);
  const bodies = new Set<string>();
  const wrong: readonly (readonly string[])[] = [
    [`Authorization: Bearer ${change(token, 0)}`],
    [`Authorization: Bearer ${change(token, 21)}`],
    [`Authorization: Bearer ${change(token, token.length - 1)}`],
    [`Authorization: Bearer ${token}x`],
    [`Authorization: Bearer ${token.slice(1)}`],
    [`Authorization: Bearer ${token.slice(0, -1)}\xf6`],
    [`Authorization: Bearer ${token.toUpperCase()}`],
    [`Authorization: Bearer ${token},${token}`],
    [`Authorization: Bearer ["${token}"]`],
    [`Authorization: Bearer ${token} ${token}`],
    [`Authorization: Bearer  ${token}`],
    [`Authorization: bearer ${token}`],
    [`Authorization: Basic ${Buffer.from(`owner:${token}`).toString('base64')}`],
    [`Authorization: ${token}`],
    ['Authorization: Bearer'],
    ['Authorization:'],
    [`Authorization: Bearer ${token}`, `Authorization: Bearer ${token}`],
    [`Authorization: Bearer ${change(token, 5)}`, `Authorization: Bearer ${token}`],
    [`X-Authorization: Bearer ${token}`],
    [`Cookie: token=${token}`],
    [`Cookie: __Host-cotg-x=${token}`],
    [`Authorization: Bearer ${'A'.repeat(8000)}`],
    [`Authorization: Bearer ${hashToken(token).toString('base64url')}`],
    [`Authorization: Bearer ${hashToken(token).toString('hex')}`],
    ['Authorization: Bearer true'],
    ['Authorization: Bearer null'],
    ['Authorization: Bearer undefined'],
    ['Authorization: Bearer __proto__'],
    ['Authorization: Bearer constructor'],
  ];
  for (const headers of wrong) {
    const answer = await ask('GET /api/sessions', headers);
    expect([headers[0]?.slice(0, 60), answer.status]).toEqual([headers[0]?.slice(0, 60), 401]);
    bodies.add(answer.body);
    expect((await upgrade('/trpc', headers)).status).toBe(401);
  }
  expect([...bodies]).toEqual([without.body]);
  // The parser itself refuses these.
  expect((await ask('GET /api/sessions', [`Authorization: Bearer ${token.slice(0, -1)}\0`])).status).toBe(400);
  expect((await ask('GET /api/sessions', [`Authorization: Bearer ${'o'.repeat(1_000_000)}`])).status).toBeLessThan(500);
  expect((await ask('GET /api/sessions', [`Authorization: Bearer ${token}`])).status).toBe(200);
});

test('S6: how long a wrong token takes does not tell how much of it is right', () => {
  const ownerToken = 'A'.repeat(43);
  const credentials: Credentials = { ownerToken, cookies: cookieNamesFor('test', false), findDevice: () => undefined };
  const cases = { first: `b${'A'.repeat(42)}`, last: `${'A'.repeat(42)}b` };
  const times = { first: [] as number[], last: [] as number[] };
  const measure = (which: 'first' | 'last'): void => {
    const headers = ['authorization', `Bearer ${cases[which]}`];
    const since = process.hrtime.bigint();
    for (let n = 0; n < 20; n += 1) identify(credentials, headers, { address: '::1', isEncrypted: false });
    times[which].push(Number(process.hrtime.bigint() - since));
  };
  for (let round = 0; round < 4000; round += 1)
    for (const which of round % 2 ? (['first', 'last'] as const) : (['last', 'first'] as const)) measure(which);
  const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
  const ratio = median(times.first) / median(times.last);
  // The same work is done for both; medians of 4,000 interleaved rounds differ by 1 or 2 % on a busy machine.
  expect(ratio).toBeGreaterThan(0.8);
  expect(ratio).toBeLessThan(1.25);
  // And it is the hashes that are compared, all of them, by the function made for it.
  const source = readFileSync(fileURLToPath(new URL('../src/http/credentials.ts', import.meta.url)), 'utf8');
  expect(source).toMatch(/timingSafeEqual\(hashToken\([^)]*\), hashToken\([^)]*\)\)/);
  expect(source).not.toMatch(/ownerToken\s*[!=]==?|[!=]==?\s*\w+\.ownerToken/);
});

/** Every file below the folder, and what it holds. */
function* filesOf(folder: string): Generator<readonly [string, Buffer]> {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) yield [path.slice(folder.length + 1), readFileSync(path)];
  }
}

test('S7: the owner token stands in owner.token and in no other file, in no form, and in no command line or environment', async () => {
  await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command: ['env'], name: 'x' }) });
  await upgrade('/trpc', [`Authorization: Bearer ${server.token}`]);
  await fetch(`${server.url}/api/sessions?token=${server.token}`, { headers: { authorization: `Bearer ${server.token}x` } });
  const { token } = server;
  const bytes = Buffer.from(token, 'base64url');
  const forms = [
    token,
    Buffer.from(token).toString('base64').replaceAll('=', ''),
    Buffer.from(token).toString('hex'),
    bytes.toString('base64'),
    bytes.toString('hex'),
    bytes,
  ];
  const found: string[] = [];
  let files = 0;
  for (const [path, content] of filesOf(server.dataDir)) {
    files += 1;
    if (forms.some((form) => content.includes(form))) found.push(path);
  }
  expect(files).toBeGreaterThan(5);
  expect(found).toEqual(['owner.token']);
  expect(bytes.length).toBe(32);
  for (const form of forms) expect(server.output()).not.toContain(String(form));
  const secret = readFileSync(join(server.dataDir, 'host.secret'), 'utf8').trim();
  const pids = [server.pid, await server.hostPid()];
  for (const pid of pids) {
    for (const file of ['cmdline', 'environ']) {
      const content = readFileSync(`/proc/${pid}/${file}`, 'latin1');
      expect(content).not.toContain(token);
      expect(content).not.toContain(secret);
    }
  }
  expect(statSync(join(server.dataDir, 'owner.token')).mode & 0o777).toBe(0o600);
});

test('S4: a server listens on loopback alone, v4 or v6, and its host and screens on no network at all', async () => {
  const session = (await (
    await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command: ['sleep', '60'] }) })
  ).json()) as { id: string };
  await server.api(`/api/sessions/${session.id}/screen`);
  const status = (await (await server.api('/api/status')).json()) as { host: { pid: number }; screens: { pid: number } | null };
  const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');
  expect(listenersOf(server.pid)).toEqual([`tcp 0100007F:${hex(server.port)}`]);
  expect(listenersOf(status.host.pid)).toEqual([]);
  expect(status.screens).not.toBeNull();
  expect(listenersOf(status.screens?.pid ?? 0)).toEqual([]);
});

test('S4: bound to ::1 it listens there and nowhere else', async () => {
  const path = mkdtempSync(join(tmpdir(), 'cotg-test-'));
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=@cotg/source', main, 'serve', '--port', '0', '--host', '::1', '--data-dir', path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    expect(line.toString()).toContain('http://[::1]:');
    expect(listenersOf(child.pid ?? 0)).toEqual([expect.stringMatching(/^tcp6 0{24}01000000:/)]);
  } finally {
    await runCotg(['stop', '--all', '--yes'], { dataDir: path });
    child.kill('SIGKILL');
    rmSync(path, { recursive: true, force: true });
  }
});
