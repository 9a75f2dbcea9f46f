// The server with TLS of its own: who may connect, what it speaks, what does not end it, and how a certificate is renewed.
// The library below asks for it: its decorators are read at import.
// oxlint-disable-next-line import/no-unassigned-import
import 'reflect-metadata';
import { KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import * as x509 from '@peculiar/x509';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { createClient } from '@cotg/api/client';
import { transportTo } from '../src/cli/transport.ts';
import { SECURITY_HEADERS } from '../src/http/headers.ts';
import { tlsOptionsOf } from '../src/http/tls.ts';
import { readServerInfo } from '../src/server-info.ts';
import type { ServerInfo } from '../src/server-info.ts';
import { freePort, makeCertificates } from '../../../testing/certificates.ts';
import type { Certificates } from '../../../testing/certificates.ts';
import { UPGRADE_HEADERS, headerOf, pairLines, rawHttp } from '../../../testing/raw-http.ts';
import type { RawAnswer } from '../../../testing/raw-http.ts';
import { eventually, makeDataDir, runCotg, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';
import { listenersOf } from '../../../testing/listeners.ts';

const NAME = 'box.test';
/** Longer than the server gives a handshake. */
const CLOSE_TIMEOUT_MS = 20_000;

let dataDir: string;
let certificates: Certificates;
let server: TestServer;
let authority: string;
beforeAll(async () => {
  dataDir = makeDataDir();
  certificates = await makeCertificates(dataDir, [NAME]);
  const port = await freePort();
  authority = `${NAME}:${port}`;
  server = await startTestServer({
    dataDir,
    port,
    env: { ...certificates.settings, COTG_HOST: '0.0.0.0', COTG_PUBLIC_URL: `https://${authority}`, COTG_LOG_LEVEL: 'debug' },
  });
});
afterAll(async () => {
  await server.close();
  rmSync(dataDir, { recursive: true, force: true });
});

const trusting = (): ConnectionOptions => ({ ca: certificates.ca, servername: NAME });
const bearer = (): string => `Authorization: Bearer ${server.token}`;
const send = (lines: readonly string[], options?: { untilHead?: boolean }): Promise<RawAnswer> =>
  rawHttp({ port: server.port, tls: trusting() }, lines, options);
const get = (path: string, headers: readonly string[]): Promise<RawAnswer> =>
  send([`GET ${path} HTTP/1.1`, ...headers, 'Connection: close']);
const isWell = async (): Promise<boolean> => (await get('/api/status', [`Host: ${authority}`, bearer()])).status === 200;

/** Resolves when the other side has closed. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the server did not close the connection')), CLOSE_TIMEOUT_MS);
    socket.on('error', () => undefined); // Reset is closed, too.
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.resume();
  });
}

function handshake(options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port: server.port, host: '127.0.0.1', ...options }, () => resolve(socket));
    socket.once('error', reject);
  });
}

test.each([['0.0.0.0'], ['::'], ['192.0.2.1']])(
  'S3: bound to %s without TLS the server does not start: exit code 2 and what to do',
  async (host) => {
    const path = makeDataDir();
    const { code, stdout, stderr } = await runCotg(['serve', '--host', host, '--port', '0'], { dataDir: path });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toContain('cotg cert');
    expect(readdirSync(path)).toEqual([]);
    rmSync(path, { recursive: true });
  },
);

test('S3: certificate files that are missing, broken or not each other’s keep the server from starting: exit code 2', async () => {
  const path = makeDataDir();
  const other = makeDataDir();
  const another = await makeCertificates(other, [NAME]);
  for (const env of [
    { COTG_TLS_CERT: `${path}/none.crt`, COTG_TLS_KEY: certificates.keyFile },
    { COTG_TLS_CERT: certificates.certFile, COTG_TLS_KEY: another.keyFile },
    { COTG_TLS_CERT: certificates.keyFile, COTG_TLS_KEY: certificates.keyFile },
  ]) {
    const { code, stderr } = await runCotg(['serve', '--port', '0'], { dataDir: path, env });
    expect(code).toBe(2);
    expect(stderr).toContain('COTG_TLS_');
    expect(stderr).not.toContain('PRIVATE KEY-');
  }
  for (const folder of [path, other]) rmSync(folder, { recursive: true });
});

test('S4: with TLS on every address there is one listener, and the host has none', async () => {
  const answer = await get('/api/status', [`Host: ${authority}`, bearer()]);
  const { host } = JSON.parse(answer.body) as { host: { pid: number } };
  const port = server.port.toString(16).toUpperCase().padStart(4, '0');
  expect(listenersOf(server.pid)).toEqual([`tcp 00000000:${port}`]);
  expect(listenersOf(host.pid)).toEqual([]);
});

test('S35: the headers stand on every answer over TLS, and with them that it must be TLS for a year', async () => {
  const host = `Host: ${authority}`;
  const answers = [
    await get('/', [host]),
    await get('/healthz', [host]),
    await get('/api/sessions', [host]),
    await get('/api/sessions', [host, bearer()]),
    await get('/nothing.txt', [host]),
    await get('/', ['Host: evil.example']),
    await send(['GET /trpc HTTP/1.1', host, ...UPGRADE_HEADERS], { untilHead: true }),
    await send(['NONSENSE']),
  ];
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 401, 200, 404, 421, 401, 400]);
  for (const answer of answers) {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) expect(headerOf(answer, name)).toEqual([value]);
    expect(headerOf(answer, 'strict-transport-security')).toEqual(['max-age=31536000']);
  }
  // A browser would keep the word for every port of this name.
  for (const name of ['localhost', '127.0.0.1', '[::1]']) {
    const answer = await get('/healthz', [`Host: ${name}:${server.port}`]);
    expect([answer.status, headerOf(answer, 'strict-transport-security')]).toEqual([200, []]);
  }
});

test('S30: over TLS only the names that are set are answered, and only pages that came over TLS', async () => {
  const port = String(server.port);
  for (const headers of [
    ['Host: evil.example'],
    [`Host: evil.example:${port}`],
    [`Host: ${NAME}`],
    [`Host: ${NAME}:443`],
    [`Host: ${authority}.evil.example`],
    [`Host: 192.168.1.2:${port}`],
    [`Host: 0.0.0.0:${port}`],
    [`Host: ${authority}`, `Host: ${authority}`],
    [],
  ])
    expect([headers, (await get('/api/sessions', [...headers, bearer()])).status]).toEqual([headers, 421]);
  expect((await get(`https://${authority}/api/sessions`, [`Host: ${authority}`, bearer()])).status).toBe(404);
  const upgrade = (origin: string): Promise<RawAnswer> =>
    send(['GET /trpc HTTP/1.1', `Host: ${authority}`, `Origin: ${origin}`, bearer(), ...UPGRADE_HEADERS], { untilHead: true });
  expect((await upgrade(`https://${authority}`)).status).toBe(101);
  for (const origin of [
    `http://${authority}`,
    `https://${NAME}`,
    `https://evil.example:${port}`,
    `https://${authority}.evil.example`,
    'null',
  ])
    expect([origin, (await upgrade(origin)).status]).toEqual([origin, 403]);
});

test('S30: HTTP/2 is off: it is not agreed upon, and its frames get no answer', async () => {
  const socket = await handshake({ ...trusting(), ALPNProtocols: ['h2', 'http/1.1'] });
  expect(socket.alpnProtocol).toBe('http/1.1');
  socket.destroy();
  await expect(handshake({ ...trusting(), ALPNProtocols: ['h2'] })).rejects.toThrow();
  const failure = await new Promise<Error>((resolve, reject) => {
    const session = connectHttp2(`https://127.0.0.1:${server.port}`, trusting());
    session.once('error', resolve);
    session.once('connect', () => reject(new Error('HTTP/2 was accepted')));
  });
  expect(failure).toBeInstanceOf(Error);
  // Without asking, too: the preface of HTTP/2 is no request.
  expect((await send(['PRI * HTTP/2.0', '', 'SM'])).status).toBe(400);
  // And nothing is upgraded to it.
  const upgraded = await send(
    [
      'GET / HTTP/1.1',
      `Host: ${authority}`,
      bearer(),
      'Connection: Upgrade, HTTP2-Settings',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAAQAAP__',
    ],
    { untilHead: true },
  );
  expect(upgraded.status).toBe(404);
});

test('S63: nothing older than TLS 1.2', async () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const socket = await handshake({ ...trusting(), minVersion: version, maxVersion: version });
    expect(socket.getProtocol()).toBe(version);
    socket.destroy();
  }
  for (const version of ['TLSv1', 'TLSv1.1'] as const)
    await expect(handshake({ ...trusting(), minVersion: version, maxVersion: version, ciphers: 'ALL:@SECLEVEL=0' })).rejects.toThrow();
});

test('S63: every cipher has forward secrecy and authenticates what it encrypts; a client that offers none such gets no connection', async () => {
  const only = (ciphers: string): ConnectionOptions => ({ ...trusting(), maxVersion: 'TLSv1.2', ciphers: `${ciphers}:@SECLEVEL=0` });
  for (const good of ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-CHACHA20-POLY1305']) {
    const socket = await handshake(only(good));
    expect(socket.getCipher().name).toBe(good);
    socket.destroy();
  }
  for (const weak of ['ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES128-SHA256', 'ECDHE-ECDSA-AES256-SHA384', 'ECDHE-ECDSA-AES128-CCM8'])
    await expect(handshake(only(weak)), weak).rejects.toThrow();
});

/** A server with what ours speaks and a certificate of RSA, as an owner may bring one: with its key more of the weak ciphers could be spoken. */
async function serveRsa(): Promise<{ port: number; close: () => void }> {
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
  const keys = await x509.cryptoProvider.get().subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const { rawData } = await x509.X509CertificateGenerator.createSelfSigned({ name: [{ CN: [NAME] }], keys, signingAlgorithm: algorithm });
  const cert = new X509Certificate(Buffer.from(rawData)).toString();
  const key = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString();
  const rsa = createTlsServer(tlsOptionsOf({ cert, key, leaf: cert, validTo: new Date() }));
  rsa.on('tlsClientError', () => undefined); // They are what is tried.
  await new Promise<void>((resolve) => {
    rsa.listen(0, '127.0.0.1', resolve);
  });
  return { port: (rsa.address() as AddressInfo).port, close: () => void rsa.close() };
}

test('S63: with a key of RSA, too: neither CBC, nor a key exchange without forward secrecy', async () => {
  const { port, close } = await serveRsa();
  const offer = (ciphers: string): ConnectionOptions => ({
    port,
    rejectUnauthorized: false,
    maxVersion: 'TLSv1.2',
    ciphers: `${ciphers}:@SECLEVEL=0`,
  });
  try {
    const socket = await handshake(offer('ECDHE-RSA-AES128-GCM-SHA256'));
    expect(socket.getCipher().name).toBe('ECDHE-RSA-AES128-GCM-SHA256');
    socket.destroy();
    for (const weak of [
      'AES128-GCM-SHA256',
      'AES256-SHA',
      'AES256-SHA256',
      'ECDHE-RSA-AES128-SHA',
      'ECDHE-RSA-AES128-SHA256',
      'ECDHE-RSA-AES256-SHA384',
    ])
      await expect(handshake(offer(weak)), weak).rejects.toThrow();
  } finally {
    close();
  }
});

/** The first bytes that a client of TLS sends. */
async function clientHello(servername: string): Promise<Buffer> {
  const received = Promise.withResolvers<Buffer>();
  const listener = createServer((socket) => {
    socket.once('data', (bytes) => {
      received.resolve(bytes);
      socket.destroy();
    });
  });
  await new Promise<void>((resolve) => {
    listener.listen(0, '127.0.0.1', resolve);
  });
  const client = connectTls({ port: (listener.address() as AddressInfo).port, host: '127.0.0.1', servername, rejectUnauthorized: false });
  client.on('error', () => undefined); // It is cut on purpose.
  const bytes = await received.promise;
  listener.close();
  return bytes;
}

/** A small generator of numbers that come again with the seed. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

test('S63: garbage, broken greetings, plain HTTP and odd server names end their own connection and nothing else', async () => {
  const pid = server.pid;
  const random = numbers(63);
  const hello = await clientHello(NAME);
  const nulName = Buffer.from(hello);
  nulName.write('b\0x.test', nulName.indexOf(NAME));
  const mutants = Array.from({ length: 200 }, () => {
    const bytes = Buffer.from(hello);
    for (let change = 0; change < 1 + random() * 8; change += 1) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    return bytes.subarray(0, 1 + Math.floor(random() * bytes.length));
  });
  const greetings = [
    Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    Buffer.from('SSH-2.0-OpenSSH_9.0\r\n'),
    Buffer.alloc(65_536, 0xff),
    Buffer.alloc(65_536),
    Buffer.from(Array.from({ length: 4096 }, () => Math.floor(random() * 256))),
    // A record that says it is longer than any may be, an alert, a change of cipher, application data before a handshake.
    Buffer.from([0x16, 0x03, 0x01, 0xff, 0xff, ...Array.from({ length: 300 }, () => 1)]),
    Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28]),
    Buffer.from([0x14, 0x03, 0x03, 0x00, 0x01, 0x01]),
    Buffer.from([0x17, 0x03, 0x03, 0x00, 0x05, 1, 2, 3, 4, 5]),
    nulName,
    await clientHello('evil.example'),
    await clientHello(`${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`),
    await clientHello('xn--a.example'),
    ...mutants,
  ];
  for (const bytes of greetings) {
    const socket = connect({ port: server.port, host: '127.0.0.1' });
    const end = closed(socket);
    socket.end(bytes);
    await end;
  }
  // Somebody who resets in the middle of it.
  for (const length of [1, 5, 100, hello.length]) {
    const socket = connect({ port: server.port, host: '127.0.0.1' });
    socket.on('error', () => undefined);
    await new Promise<void>((resolve) => {
      socket.write(hello.subarray(0, length), () => {
        socket.resetAndDestroy();
        resolve();
      });
    });
  }
  // The name that is asked for decides nothing: the gate reads the Host.
  for (const servername of ['evil.example', 'localhost']) {
    const tls = { ...trusting(), servername, checkServerIdentity: () => undefined };
    expect((await rawHttp({ port: server.port, tls }, ['GET /healthz HTTP/1.1', `Host: ${authority}`, 'Connection: close'])).status).toBe(
      200,
    );
    expect((await rawHttp({ port: server.port, tls }, ['GET /healthz HTTP/1.1', `Host: ${servername}`, 'Connection: close'])).status).toBe(
      421,
    );
  }
  expect(await isWell()).toBe(true);
  expect(server.pid).toBe(pid);
  expect(server.output()).not.toContain('"level":60');
});

test('S63: 100 handshakes that stall are ended in bounded time, and others get in meanwhile', async () => {
  const hello = await clientHello(NAME);
  const stalled = Array.from({ length: 100 }, (_, index) => {
    const socket = connect({ port: server.port, host: '127.0.0.1' });
    const end = closed(socket);
    socket.write(index % 2 === 0 ? hello.subarray(0, 20) : Buffer.from([0x16]));
    return end;
  });
  // And those that stall behind it, with half a request or none.
  for (let index = 0; index < 20; index += 1) {
    const socket = await handshake(trusting());
    stalled.push(closed(socket));
    if (index % 2 === 0) socket.write('GET / HTTP/1.1\r\nHost:');
  }
  expect(await isWell()).toBe(true);
  await Promise.all(stalled);
});

test('S20, S27: a device pairs over TLS with a cookie that only TLS carries', async () => {
  const { stdout } = await runCotg(['pair', '--json', '--approve'], { dataDir });
  const { link } = JSON.parse(stdout) as { link: string };
  const [page, code = ''] = link.split('#');
  expect(page).toBe(`https://${authority}/pair`);
  const paired = await send(pairLines(code, [`Host: ${authority}`, `Origin: https://${authority}`]));
  expect(paired.status).toBe(200);
  const [cookie = '', ...more] = headerOf(paired, 'set-cookie');
  expect(more).toEqual([]);
  expect(cookie.length).toBeLessThanOrEqual(4096);
  expect(cookie).toMatch(/^__Host-cotg-[\w-]+=[\w-]{43};/);
  const attributes = cookie.toLowerCase().split('; ').slice(1);
  for (const attribute of ['secure', 'httponly', 'samesite=strict', 'path=/']) expect(attributes).toContain(attribute);
  expect(attributes.some((attribute) => attribute.startsWith('domain'))).toBe(false);
  expect((await get('/api/sessions', [`Host: ${authority}`, `Cookie: ${cookie.split(';')[0]}`])).status).toBe(200);
  // The name that plain connections have is nothing here.
  expect((await get('/api/sessions', [`Host: ${authority}`, `Cookie: ${cookie.split(';')[0]?.replace('__Host-', '')}`])).status).toBe(401);
});

test('S19: over TLS, too, whoever redeems a code waits with a number until the same number is approved; the cookie comes then', async () => {
  const info = readServerInfo(`${dataDir}/server.json`);
  if (!info) throw new Error('there is no note');
  const owner = createClient({ url: info.url, token: server.token, transport: await transportTo(info, () => info) });
  try {
    const offer = await owner.api.pairing.start.mutate({ role: 'watch' });
    const ours = [`Host: ${authority}`, `Origin: https://${authority}`];
    const asked = await send(pairLines(offer.link.split('#')[1] ?? '', ours));
    const { request, match } = JSON.parse(asked.body) as { request: string; match: string };
    expect([asked.status, headerOf(asked, 'set-cookie')]).toEqual([202, []]);
    expect(match).toMatch(/^\d{4}$/);
    expect(await owner.api.pairing.status.query({ id: offer.id })).toMatchObject({ state: 'waiting', match });
    const body = JSON.stringify({ request });
    const ask = (): Promise<RawAnswer> =>
      send([
        'POST /api/pair HTTP/1.1',
        ...ours,
        'Content-Type: application/json',
        `Content-Length: ${body.length}`,
        'Connection: close',
        '',
        body,
      ]);
    expect((await ask()).status).toBe(202);
    await owner.api.pairing.approve.mutate({ id: offer.id, match, isApproved: true });
    const paired = await ask();
    expect([paired.status, headerOf(paired, 'set-cookie')]).toEqual([200, [expect.stringMatching(/^__Host-cotg-.*; Secure/)]]);
    expect((await ask()).status).toBe(401);
  } finally {
    await owner.close();
  }
});

test('S3: commands reach a server with TLS, and accept no certificate but the one that it has noted', async () => {
  const status = await runCotg(['status', '--json'], { dataDir });
  expect([status.code, status.stderr]).toEqual([0, '']);
  expect(JSON.parse(status.stdout)).toMatchObject({
    url: `https://127.0.0.1:${server.port}`,
    server: { pid: server.pid, isInsecure: false },
  });
  const made = await runCotg(['new', '--name', 'tls', '--', 'sh', '-c', 'echo over tls'], { dataDir });
  expect(made.code).toBe(0);
  const id = made.stdout.trim();
  await eventually(
    async () => (await runCotg(['export', id, '--format', 'text'], { dataDir })).stdout,
    (text) => text.includes('over tls'),
    { what: 'the output is exported' },
  );

  const note = `${dataDir}/server.json`;
  const truth = readFileSync(note, 'utf8');
  const other = makeDataDir();
  try {
    const another = await makeCertificates(other, [NAME, '127.0.0.1']);
    writeFileSync(note, JSON.stringify({ ...(JSON.parse(truth) as object), certificate: readFileSync(another.certFile, 'utf8') }));
    expect((await runCotg(['status'], { dataDir })).code).toBe(4);
    // The CA that signed it is not enough either: it may have signed for somebody else.
    writeFileSync(note, JSON.stringify({ ...(JSON.parse(truth) as object), certificate: certificates.ca }));
    expect((await runCotg(['status'], { dataDir })).code).toBe(4);
  } finally {
    writeFileSync(note, truth);
    rmSync(other, { recursive: true });
  }
});

/** What a new connection is shown. */
async function presented(): Promise<string> {
  const socket = await handshake(trusting());
  const fingerprint = socket.getPeerX509Certificate()?.fingerprint256 ?? '';
  socket.destroy();
  return fingerprint;
}

test('F55: a command that has read the note before a certificate is renewed, and connects behind it, uses the new one and no third', async () => {
  const noteFile = `${dataDir}/server.json`;
  const note = (): ServerInfo => {
    const found = readServerInfo(noteFile);
    if (!found) throw new Error('there is no note');
    return found;
  };
  const old = note();
  const reaches = async (readNote: () => ServerInfo): Promise<boolean> => {
    const { fetch } = await transportTo(old, readNote);
    return fetch(new URL('/healthz', old.url)).then(
      ({ ok }) => ok,
      () => false,
    );
  };
  const transport = await transportTo(old, note);
  const PinnedWebSocket = transport.WebSocket as unknown as new (url: string, options: { headers: Record<string, string> }) => WebSocket;
  expect(await reaches(note)).toBe(true);

  await makeCertificates(dataDir, [NAME]);
  await eventually(
    () => note().certificate,
    (certificate) => certificate !== old.certificate,
    { what: 'the renewed certificate is noted' },
  );
  expect(await reaches(note)).toBe(true);
  const socket = new PinnedWebSocket(`${old.url.replace('https', 'wss')}/trpc`, { headers: { authorization: `Bearer ${server.token}` } });
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve());
    socket.addEventListener('error', () => reject(new Error('the socket did not open')));
  });
  socket.close();
  // What is noted is all that counts: neither the old one nor somebody else's is enough.
  expect(await reaches(() => old)).toBe(false);
  expect(await reaches(() => ({ ...old, certificate: certificates.ca }))).toBe(false);
});

test('F55: commands work at every moment of a renewal', async () => {
  const seen = (): string | null | undefined => readServerInfo(`${dataDir}/server.json`)?.certificate;
  const before = seen();
  const renewing = makeCertificates(dataDir, [NAME]);
  const codes: (number | null)[] = [];
  while (seen() === before) codes.push((await runCotg(['ls'], { dataDir })).code);
  await renewing;
  codes.push((await runCotg(['ls'], { dataDir })).code);
  expect(codes.filter((code) => code !== 0)).toEqual([]);
});

test('F55: a renewed certificate is used without a restart and without a lost socket; one that does not fit is said and not used', async () => {
  const socket = new WebSocket(`wss://127.0.0.1:${server.port}/trpc`, {
    ...trusting(),
    headers: { host: authority, authorization: `Bearer ${server.token}` },
  });
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  const answersPing = (): Promise<void> =>
    new Promise((resolve) => {
      socket.once('pong', () => resolve());
      socket.ping();
    });
  const { pid } = server;
  const before = await presented();

  await makeCertificates(dataDir, [NAME]);
  const { fingerprint256: expected } = new X509Certificate(readFileSync(certificates.certFile));
  expect(expected).not.toBe(before);
  await eventually(presented, (seen) => seen === expected, { what: 'the renewed certificate is shown' });
  await answersPing();
  expect((await runCotg(['status'], { dataDir })).code).toBe(0);

  const [good, key] = [readFileSync(certificates.certFile), readFileSync(certificates.keyFile)];
  writeFileSync(certificates.certFile, 'half a certif');
  await eventually(
    () => server.output(),
    (output) => output.includes('the new certificate cannot be used'),
    { what: 'the bad file is said' },
  );
  expect(server.output()).not.toContain('half a certif');
  expect(await presented()).toBe(expected);
  // A key of another certificate is no better.
  writeFileSync(certificates.certFile, good);
  writeFileSync(certificates.keyFile, readFileSync(`${dataDir}/tls/ca.key`));
  await eventually(
    () => server.output(),
    (output) => output.includes('is not the private key of'),
    { what: 'the wrong key is said' },
  );
  expect(await presented()).toBe(expected);
  writeFileSync(certificates.keyFile, key);
  await answersPing();
  expect(server.pid).toBe(pid);
  socket.terminate();
  expect(await isWell()).toBe(true);
});
