// The ways to a server that has no TLS of its own: openly in plain http, behind a proxy, through a forward. Who is believed, who is cut, what is said.
import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { startBehindProxy } from '../../../testing/behind-proxy.ts';
import { freePort, makeCertificates } from '../../../testing/certificates.ts';
import { NGINX, startNginx } from '../../../testing/nginx.ts';
import { UPGRADE_HEADERS, headerOf, pairLines, rawHttp } from '../../../testing/raw-http.ts';
import type { RawAnswer } from '../../../testing/raw-http.ts';
import { eventually, runCotg, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';

const PLAIN_WARNING = 'Warning: not encrypted (COTG_INSECURE): anyone on this network can read and type.';

/** An address of this computer that is not loopback: what a neighbour would connect to, and from. */
const outside = Object.values(networkInterfaces())
  .flatMap((entries) => entries ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

async function makeCode(server: TestServer): Promise<string> {
  const { stdout } = await runCotg(['pair', '--json', '--approve'], { dataDir: server.dataDir });
  return new URL((JSON.parse(stdout) as { link: string }).link).hash.slice(1);
}

/** Its lines come one after the other. */
async function says(server: TestServer, text: string): Promise<void> {
  await eventually(
    () => server.output(),
    (output) => output.includes(text),
    { what: `the server says: ${text}` },
  );
}

/** From where the server thinks that devices were paired, the newest last. */
async function pairedFrom(server: TestServer): Promise<unknown[]> {
  const { stdout } = await runCotg(['audit', '--json'], { dataDir: server.dataDir });
  const entries = JSON.parse(stdout) as { action: string; detail: Record<string, unknown> }[];
  return entries.filter(({ action }) => action === 'device.pair').map(({ detail }) => detail['address']);
}

test('S27, S3: under COTG_INSECURE the server says at its start what that means, and its cookie has a name of its own', async () => {
  const port = await freePort();
  const host = `box.test:${port}`;
  await using server = await startTestServer({
    port,
    env: { COTG_HOST: '0.0.0.0', COTG_INSECURE: '1', COTG_PUBLIC_URL: `http://${host}` },
  });
  await says(server, PLAIN_WARNING);
  expect(((await (await server.api('/api/status')).json()) as { server: object }).server).toMatchObject({ isInsecure: true });
  const get = (headers: readonly string[]): Promise<RawAnswer> =>
    rawHttp({ port }, ['GET /api/sessions HTTP/1.1', `Host: ${host}`, ...headers, 'Connection: close']);

  const paired = await rawHttp({ port }, pairLines(await makeCode(server), [`Host: ${host}`, `Origin: http://${host}`]));
  expect([paired.status, headerOf(paired, 'strict-transport-security')]).toEqual([200, []]);
  const [cookie = ''] = headerOf(paired, 'set-cookie');
  const pair = cookie.split(';')[0] ?? '';
  expect(pair).toMatch(/^cotg-[\w-]+=[\w-]{43}$/);
  expect(cookie.length).toBeLessThanOrEqual(4096);
  const attributes = cookie.toLowerCase().split('; ').slice(1);
  for (const attribute of ['httponly', 'samesite=strict', 'path=/']) expect(attributes).toContain(attribute);
  expect(attributes.filter((attribute) => attribute === 'secure' || attribute.startsWith('domain'))).toEqual([]);

  expect((await get([`Cookie: ${pair}`])).status).toBe(200);
  // What an encrypted connection carries is not taken from a plain one, nor the other way round.
  expect((await get([`Cookie: __Host-${pair}`])).status).toBe(401);
  expect((await get([`Cookie: ${pair}`, 'X-Forwarded-Proto: https'])).status).toBe(200);

  // Without the switch the same cookie opens nothing.
  await server.kill('SIGTERM');
  await server.start({ COTG_HOST: '127.0.0.1', COTG_INSECURE: '', COTG_PUBLIC_URL: '', COTG_ALLOWED_HOSTS: host });
  expect((await get([`Cookie: ${pair}`])).status).toBe(401);
  expect(server.output().split(PLAIN_WARNING)).toHaveLength(2);
});

test('S3: bound to every address without a name for others, the server says that they are refused, and refuses them', async () => {
  await using server = await startTestServer({ env: { COTG_HOST: '0.0.0.0', COTG_INSECURE: '1' } });
  await says(server, 'other devices are refused until COTG_PUBLIC_URL says');
  const of = async (host: string): Promise<number> =>
    (await rawHttp({ port: server.port }, ['GET / HTTP/1.1', `Host: ${host}`, 'Connection: close'])).status;
  for (const host of [
    `192.168.1.2:${server.port}`,
    `0.0.0.0:${server.port}`,
    `box.lan:${server.port}`,
    `${outside ?? '10.0.0.1'}:${server.port}`,
  ])
    expect([host, await of(host)]).toEqual([host, 421]);
  expect(await of(`localhost:${server.port}`)).toBe(200);
  expect((await runCotg(['status'], { dataDir: server.dataDir })).code).toBe(0);
});

test('S13: without a trusted proxy nothing that a client says about its address is believed', async () => {
  await using server = await startTestServer();
  const host = `127.0.0.1:${server.port}`;
  const forged = Array.from({ length: 1000 }, (_, index) => `198.51.100.${index % 256}`).join(',');
  const headers = [
    `Host: ${host}`,
    `Origin: http://${host}`,
    `X-Forwarded-For: ${forged}`,
    'X-Forwarded-For: 203.0.113.7',
    'X-Forwarded-Host: evil.example',
    'X-Real-IP: 203.0.113.8',
    'Forwarded: for=203.0.113.9;proto=https',
    'Tailscale-User-Login: owner@example.com',
    'X-Forwarded-Proto: https',
  ];
  const paired = await rawHttp({ port: server.port }, pairLines(await makeCode(server), headers));
  expect([paired.status, headerOf(paired, 'strict-transport-security')]).toEqual([200, []]);
  // Identity that a proxy might have added lets nobody in.
  const lines = ['GET /api/sessions HTTP/1.1', ...headers.filter((line) => !line.startsWith('Origin')), 'Connection: close'];
  expect((await rawHttp({ port: server.port }, lines)).status).toBe(401);
  // Nor is the Host that it names: the one of the request counts.
  const rebound = ['GET / HTTP/1.1', 'Host: evil.example', `X-Forwarded-Host: ${host}`, 'Connection: close'];
  expect((await rawHttp({ port: server.port }, rebound)).status).toBe(421);
  expect(await pairedFrom(server)).toEqual(['127.0.0.1']);
});

test('S13, S35: a trusted proxy says who the client is, and that it came over TLS; the client itself cannot', async () => {
  await using server = await startTestServer({ env: { COTG_TRUSTED_PROXIES: '127.0.0.1', COTG_PUBLIC_URL: 'https://box.test' } });
  const headers = [
    'Host: box.test',
    'Origin: https://box.test',
    // What the client wrote, and what the proxy has added to it.
    'X-Forwarded-For: 198.51.100.1, 198.51.100.2, ::ffff:203.0.113.7',
    'X-Forwarded-Proto: https',
  ];
  const paired = await rawHttp({ port: server.port }, pairLines(await makeCode(server), headers));
  expect([paired.status, headerOf(paired, 'strict-transport-security')]).toEqual([200, ['max-age=31536000']]);
  expect(headerOf(paired, 'set-cookie')[0]).toMatch(/^__Host-cotg-[^;]+;.*Secure/i);
  // Whoever came to the proxy in plain http.
  const plain = await rawHttp({ port: server.port }, ['GET / HTTP/1.1', 'Host: box.test', 'X-Forwarded-Proto: http', 'Connection: close']);
  expect([plain.status, headerOf(plain, 'strict-transport-security')]).toEqual([200, []]);
  expect(await pairedFrom(server)).toEqual(['203.0.113.7']);
});

test.runIf(outside !== undefined)('S3, S13: a plain port that is open for a proxy cuts everybody else', async () => {
  await using server = await startTestServer({
    env: { COTG_HOST: '0.0.0.0', COTG_TRUSTED_PROXIES: '192.0.2.1', COTG_PUBLIC_URL: 'https://box.test' },
  });
  const get = (address: string): Promise<RawAnswer> =>
    rawHttp({ port: server.port, address }, ['GET /healthz HTTP/1.1', 'Host: box.test', 'X-Forwarded-For: 192.0.2.1', 'Connection: close']);
  // Through its outer address this computer is a neighbour like any other.
  expect(await get(outside ?? '')).toEqual({ status: 0, head: '', body: '' });
  expect((await get('127.0.0.1')).status).toBe(200);
  expect((await runCotg(['status'], { dataDir: server.dataDir })).code).toBe(0);
  await says(server, 'comes from no trusted proxy');
  await server.kill('SIGTERM');
  await server.start({ COTG_TRUSTED_PROXIES: `192.0.2.1,${outside}` });
  expect((await get(outside ?? '')).status).toBe(200);
});

test.runIf(NGINX !== undefined)(
  'S13, S30: nginx in front, set up as the README says: who it says the client is counts, from it alone',
  async () => {
    await using server = await startTestServer({ env: { COTG_TRUSTED_PROXIES: '127.0.0.1', COTG_PUBLIC_URL: 'https://box.test' } });
    const certificates = await makeCertificates(server.dataDir, ['box.test']);
    const port = await freePort();
    await server.kill('SIGTERM');
    const there = `box.test:${port}`;
    await server.start({ COTG_PUBLIC_URL: `https://${there}` });
    await using _nginx = await startNginx({ name: 'box.test', port, serverPort: server.port, ...certificates });
    // A phone with an address of its own, which also claims another.
    const phone = { port, localAddress: '127.0.0.2', tls: { ca: certificates.ca, servername: 'box.test' } };
    const headers = [`Host: ${there}`, `Origin: https://${there}`, 'X-Forwarded-For: 203.0.113.7', 'X-Forwarded-Proto: http'];
    const paired = await rawHttp(phone, pairLines(await makeCode(server), headers));
    expect([paired.status, headerOf(paired, 'strict-transport-security')]).toEqual([200, ['max-age=31536000']]);
    const cookie = headerOf(paired, 'set-cookie')[0]?.split(';')[0] ?? '';
    const upgrade = (origin: string): Promise<RawAnswer> =>
      rawHttp(phone, ['GET /trpc HTTP/1.1', `Host: ${there}`, `Origin: ${origin}`, `Cookie: ${cookie}`, ...UPGRADE_HEADERS], {
        untilHead: true,
      });
    expect((await upgrade(`https://${there}`)).status).toBe(101);
    expect((await upgrade('https://evil.example')).status).toBe(403);
    // Past the proxy the same claim is the client's own word: another address than the proxy's is not believed.
    const direct = await rawHttp(
      { port: server.port, localAddress: '127.0.0.3' },
      pairLines(await makeCode(server), [
        `Host: ${there}`,
        `Origin: https://${there}`,
        'X-Forwarded-For: 203.0.113.7',
        'X-Forwarded-Proto: https',
      ]),
    );
    expect([direct.status, headerOf(direct, 'strict-transport-security')]).toEqual([200, []]);
    expect(await pairedFrom(server)).toEqual(['127.0.0.2', '127.0.0.3']);
  },
);

test('S30: through a forward with another port, as of SSH, the name and port of that end have to be named', async () => {
  await using forward = await startBehindProxy();
  const { server, proxy } = forward;
  const there = `localhost:${proxy.port}`;
  const ask = (headers: readonly string[]): Promise<RawAnswer> =>
    rawHttp({ port: proxy.port }, ['GET / HTTP/1.1', ...headers, 'Connection: close']);
  // Named is 127.0.0.1 with the forward's port, and not localhost.
  expect((await ask([`Host: 127.0.0.1:${proxy.port}`])).status).toBe(200);
  expect((await ask([`Host: ${there}`])).status).toBe(421);

  await server.kill('SIGTERM');
  await server.start({ COTG_ALLOWED_HOSTS: there });
  expect((await ask([`Host: ${there}`])).status).toBe(200);
  const paired = await rawHttp({ port: proxy.port }, pairLines(await makeCode(server), [`Host: ${there}`, `Origin: http://${there}`]));
  expect(paired.status).toBe(200);
  const cookie = headerOf(paired, 'set-cookie')[0]?.split(';')[0] ?? '';
  const upgrade = (origin: string): Promise<RawAnswer> =>
    rawHttp({ port: proxy.port }, ['GET /trpc HTTP/1.1', `Host: ${there}`, `Origin: ${origin}`, `Cookie: ${cookie}`, ...UPGRADE_HEADERS], {
      untilHead: true,
    });
  expect((await upgrade(`http://${there}`)).status).toBe(101);
  expect((await upgrade(`http://localhost:${proxy.port + 1}`)).status).toBe(403);
  expect((await upgrade(`http://127.0.0.1:${proxy.port}`)).status).toBe(403);

  const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/trpc`, { headers: { host: there, cookie, origin: `http://${there}` } });
  let answer = '';
  socket.on('message', (bytes: Buffer) => {
    answer += bytes.toString();
  });
  socket.once('open', () => socket.send(JSON.stringify({ id: 1, method: 'query', params: { path: 'system.status', input: null } })));
  await eventually(
    () => answer,
    (text) => text.includes('"isInsecure"'),
    { what: 'the WebSocket answers through the forward' },
  );
  socket.terminate();
});
