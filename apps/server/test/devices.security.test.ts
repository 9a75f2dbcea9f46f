// Pairing and devices against the real server: numbers, rights, lifetimes, cuts, limits, the audit.
import { createClient, errorCodeOf } from '@cotg/api/client';
import type { AuditEntry, Client, PairingLink } from '@cotg/api/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { pairLines, rawHttp } from '../../../testing/raw-http.ts';
import { eventually, runCotg, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';

/** What is promised, and five times that for a loaded machine. */
const CUT_MS = 1000;
const SLACK = 5;
const LIVE_TIMEOUT_MS = 10_000;
/** Two requests for one link each. */
const RACES = 1000;

interface Paired {
  readonly deviceId: string;
  readonly token: string;
  readonly cookie: string;
}

const post = (server: TestServer, body: object, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${server.url}/api/pair`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: server.url, ...headers },
    body: JSON.stringify(body),
  });

async function pairedFrom(response: Response): Promise<Paired> {
  expect(response.status).toBe(200);
  const { deviceId } = (await response.json()) as { deviceId: string };
  const [cookie = ''] = (response.headers.get('set-cookie') ?? '').split(';');
  return { deviceId, cookie, token: cookie.slice(cookie.indexOf('=') + 1) };
}

const offerOf = async (server: TestServer, ...more: string[]): Promise<PairingLink> =>
  JSON.parse((await runCotg(['pair', '--json', ...more], { dataDir: server.dataDir })).stdout) as PairingLink;

const secretOf = ({ link }: PairingLink): string => link.slice(link.indexOf('#') + 1);

const letIn = async (server: TestServer, role = 'admin', name = role): Promise<Paired> =>
  pairedFrom(await post(server, { code: secretOf(await offerOf(server, '--approve', '--role', role)), name }));

/** A client that is connected. */
async function connected(server: TestServer, token: string): Promise<Client> {
  const client = createClient({ url: server.url, token });
  await client.api.device.me.query();
  return client;
}

async function codeOf(call: Promise<unknown>): Promise<string | undefined> {
  return call.then(
    () => 'no error',
    (error: unknown) => errorCodeOf(error),
  );
}

const upgrade = (server: TestServer, headers: Record<string, string>): Promise<number | 'open'> =>
  new Promise((resolve) => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/trpc`, { headers });
    socket.on('open', () => {
      socket.close();
      resolve('open');
    });
    socket.on('unexpected-response', (_, response) => {
      resolve(response.statusCode ?? 0);
      socket.terminate();
    });
    socket.on('error', () => undefined);
  });

describe('one server', () => {
  let server: TestServer;
  let owner: Client;
  beforeAll(async () => {
    server = await startTestServer();
    owner = await connected(server, server.token);
  });
  afterAll(async () => {
    await owner.close();
    await server.close();
  });

  test('S19: a device comes in with a number that both sides show, over REST and the API', async () => {
    const offer = await owner.api.pairing.start.mutate({ role: 'type' });
    const asked = await post(server, { code: offer.code, name: 'My phone' });
    expect(asked.status).toBe(202);
    const { request, match } = (await asked.json()) as { request: string; match: string };
    expect(asked.headers.get('set-cookie')).toBeNull();
    expect(await owner.api.pairing.status.query({ id: offer.id })).toMatchObject({ state: 'waiting', name: 'My phone', match });
    expect((await post(server, { request })).status).toBe(202);
    await owner.api.pairing.approve.mutate({ id: offer.id, match, isApproved: true });
    const phone = await pairedFrom(await post(server, { request }));
    expect((await owner.api.device.list.query()).find(({ id }) => id === phone.deviceId)).toMatchObject({ name: 'My phone', role: 'type' });
    // Once: neither the code nor the request lets anybody else in.
    for (const body of [{ code: offer.code }, { code: secretOf(offer) }, { request }]) expect((await post(server, body)).status).toBe(401);
  });

  test('S19, S1: who is not let in cannot ask for a code, nor be told who is', async () => {
    for (const path of ['pairing.start', 'device.list', 'system.audit']) {
      const response = await fetch(`${server.url}/trpc/${path}`, { method: 'POST', headers: { origin: server.url } });
      expect(response.status).toBe(401);
    }
    expect(await upgrade(server, { origin: server.url })).toBe(401);
  });

  test('S21: each login has a new token; a cookie that somebody set before is not taken over', async () => {
    const [first, second] = [await letIn(server), await letIn(server)];
    expect(first.token).toMatch(/^[\w-]{43}$/);
    expect(second.token).not.toBe(first.token);
    const name = first.cookie.slice(0, first.cookie.indexOf('='));
    const fixed = `${name}=${'A'.repeat(43)}`;
    const response = await post(server, { code: secretOf(await offerOf(server, '--approve')) }, { cookie: fixed });
    expect((await pairedFrom(response)).cookie).not.toBe(fixed);
    expect(await upgrade(server, { cookie: fixed, origin: server.url })).toBe(401);
  });

  test('S21: a browser that is let in again is one device: what it was before is out, with one line of the audit; asking puts nobody out', async () => {
    const bystander = await letIn(server, 'type', 'bystander');
    const first = await letIn(server, 'admin', 'first');
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/trpc`, { headers: { cookie: first.cookie, origin: server.url } });
    await new Promise((resolve) => socket.once('open', resolve));
    const closed = new Promise<number>((resolve) => socket.once('close', (code) => resolve(code)));
    const isIn = async ({ cookie }: Paired): Promise<boolean> => (await upgrade(server, { cookie, origin: server.url })) === 'open';
    const withCookie = { cookie: first.cookie };

    const offer = await owner.api.pairing.start.mutate({ role: 'watch' });
    expect((await post(server, { code: 'no-such-code-at-all' }, withCookie)).status).toBe(401);
    const asked = await post(server, { code: secretOf(offer), name: 'second' }, withCookie);
    const { request, match } = (await asked.json()) as { request: string; match: string };
    expect((await post(server, { request }, withCookie)).status).toBe(202);
    expect(await isIn(first)).toBe(true);
    await owner.api.pairing.approve.mutate({ id: offer.id, match, isApproved: true });
    const second = await pairedFrom(await post(server, { request }, withCookie));
    // The answer may be lost: what it was before is in until the new one is used.
    expect(await isIn(first)).toBe(true);
    expect(await isIn(second)).toBe(true);
    expect(await closed).toBe(1008);
    expect([await isIn(first), await isIn(second), await isIn(bystander)]).toEqual([false, true, true]);
    const ids = (await owner.api.device.list.query()).map(({ id }) => id);
    expect([first, second].map(({ deviceId }) => ids.includes(deviceId))).toEqual([false, true]);

    // A request that cannot say which page it is may be another page's: it puts nobody out, and neither does the header of a script.
    const quiet = await fetch(`${server.url}/api/pair`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie: second.cookie },
      body: JSON.stringify({ code: secretOf(await offerOf(server, '--approve')) }),
    });
    expect(quiet.status).toBe(200);
    const script = { authorization: `Bearer ${second.token}` };
    expect((await post(server, { code: secretOf(await offerOf(server, '--approve')) }, script)).status).toBe(200);
    expect(await isIn(second)).toBe(true);
    const lines = (await owner.api.system.audit.query({ limit: 100 })).filter(({ action }) => action === 'device.replace');
    expect(lines).toMatchObject([
      { actor: `device:${second.deviceId}`, detail: { device: first.deviceId, name: 'first', address: '127.0.0.1' } },
    ]);
  });

  test('S22, S28: a revoked device’s sockets are cut within a second and nothing of its is answered again; others go on', async () => {
    const [phone, tablet] = [await letIn(server, 'admin', 'phone'), await letIn(server, 'admin', 'tablet')];
    const states: string[] = [];
    const client = createClient({ url: server.url, token: phone.token, onState: (state) => states.push(state) });
    const other = await connected(server, tablet.token);
    await client.api.device.me.query();
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/trpc`, { headers: { cookie: phone.cookie, origin: server.url } });
    await new Promise((resolve) => socket.once('open', resolve));
    const closed = new Promise<number>((resolve) => socket.once('close', (code) => resolve(code)));

    const since = performance.now();
    const done = await runCotg(['devices', 'revoke', 'phone'], { dataDir: server.dataDir });
    expect(done).toMatchObject({ code: 0, stdout: '“phone” is out.\n' });
    expect(await closed).toBe(1008);
    expect(performance.now() - since).toBeLessThan(CUT_MS * SLACK + 2000);
    // The client learns that it is out, and does not come back for ever.
    await eventually(
      () => Promise.resolve(states),
      (seen) => seen.includes('signed-out'),
      { what: 'signed out', timeoutMs: LIVE_TIMEOUT_MS },
    );
    expect(await upgrade(server, { cookie: phone.cookie, origin: server.url })).toBe(401);
    expect(await upgrade(server, { authorization: `Bearer ${phone.token}` })).toBe(401);
    expect((await fetch(`${server.url}/api/sessions`, { headers: { cookie: phone.cookie } })).status).toBe(401);
    expect((await other.api.device.me.query()).device).toMatchObject({ id: tablet.deviceId });
    await Promise.all([client.close(), other.close()]);
  });

  test('S24: a device that has not been used yet says so in `cotg devices`', async () => {
    const lost = await letIn(server, 'type', 'unused');
    const line = async (): Promise<string | undefined> =>
      (await runCotg(['devices'], { dataDir: server.dataDir })).stdout.split('\n').find((row) => row.endsWith('unused'));
    expect(await line()).toMatch(/ never \(let in \d+ s ago\) +in \d+ min +unused$/);
    expect(await upgrade(server, { cookie: lost.cookie, origin: server.url })).toBe('open');
    await eventually(line, (row) => row !== undefined && /\d+ s ago +in \d+ d +unused$/.test(row), { what: 'it has been used' });
  });

  test('S22: cut within a second, measured from the call', async () => {
    const phone = await letIn(server, 'type', 'measured');
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/trpc`, { headers: { cookie: phone.cookie, origin: server.url } });
    await new Promise((resolve) => socket.once('open', resolve));
    // It answers nothing any more: it is cut all the same.
    socket.pause();
    const since = performance.now();
    await owner.api.device.revoke.mutate({ deviceId: phone.deviceId });
    await eventually(
      async () => (await server.api('/metrics')).text(),
      () => performance.now() - since > 300,
      { what: 'a moment', timeoutMs: LIVE_TIMEOUT_MS },
    );
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
    expect(performance.now() - since).toBeLessThan(CUT_MS * SLACK);
  });

  test('S25: rights are the device’s own, whatever it claims; a watcher sees no other device', async () => {
    const watcher = await letIn(server, 'watch');
    const client = await connected(server, watcher.token);
    const target = await letIn(server, 'admin', 'target');
    expect(await client.api.device.me.query()).toMatchObject({ role: 'watch', device: { id: watcher.deviceId, isThis: true } });
    const calls = {
      list: client.api.device.list.query(),
      rename: client.api.device.rename.mutate({ deviceId: target.deviceId, name: 'mine' }),
      revoke: client.api.device.revoke.mutate({ deviceId: target.deviceId }),
      role: client.api.device.setRole.mutate({ deviceId: watcher.deviceId, role: 'admin' }),
      all: client.api.device.revokeAll.mutate(),
      pair: client.api.pairing.start.mutate(),
      audit: client.api.system.audit.query(),
      create: client.api.session.create.mutate({}),
    };
    // Together: one that is refused while another is waited for would be nobody's.
    const codes = await Promise.all(Object.entries(calls).map(async ([name, call]) => [name, await codeOf(call)]));
    expect(codes).toEqual(Object.keys(calls).map((name) => [name, 'FORBIDDEN']));
    // Claims in the connection’s own parameters, which nothing asks for, and in headers.
    const open = (query: string): WebSocket =>
      new WebSocket(`${server.url.replace('http', 'ws')}/trpc${query}`, {
        headers: { cookie: watcher.cookie, origin: server.url, 'x-role': 'admin' },
      });
    const refused = open('?connectionParams=1');
    expect(await new Promise<Error>((resolve) => refused.once('error', resolve))).toMatchObject({
      message: expect.stringContaining('404') as string,
    });
    const socket = open('');
    await new Promise((resolve) => socket.once('open', resolve));
    const answer = new Promise<string>((resolve) => {
      socket.on('message', (data: Buffer) => {
        if (data.toString().includes('"id":1')) resolve(data.toString());
      });
    });
    socket.send(JSON.stringify({ method: 'connectionParams', data: { role: 'admin', scopes: 'admin' } }));
    socket.send(JSON.stringify({ id: 1, method: 'query', params: { path: 'device.list' } }));
    expect(await answer).toContain('FORBIDDEN');
    socket.terminate();
    await client.close();
  });

  test('S25, S51: a device that may type starts the default program, names no other, and gives it no environment, at a start or a restart', async () => {
    const typer = await letIn(server, 'type');
    const client = await connected(server, typer.token);
    const ask = (path: string, body: object): Promise<Response> =>
      fetch(`${server.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${typer.token}` },
        body: JSON.stringify(body),
      });
    const command = ['sh', '-c', 'echo chosen by a typer; sleep 1000'];
    for (const named of [{ command }, { env: { PATH: '/tmp' } }, { command: [] }]) {
      const { status } = await ask('/api/sessions', named);
      expect([named, status]).toEqual([named, 'command' in named && named.command.length === 0 ? 400 : 403]);
    }
    expect(await codeOf(client.api.session.create.mutate({ command }))).toBe('FORBIDDEN');
    expect(await codeOf(client.api.session.create.mutate({ env: { PATH: '/tmp' } }))).toBe('FORBIDDEN');
    expect(await owner.api.session.list.query()).not.toContainEqual(expect.objectContaining({ command }));

    // What the owner started it may start again: that, and nothing else.
    const { id } = await owner.api.session.create.mutate({ command: ['sh', '-c', 'echo as the owner said; sleep 1000'] });
    const run = async (): Promise<number | undefined> => (await owner.api.session.list.query()).find((session) => session.id === id)?.run;
    await owner.api.session.kill.mutate({ sessionId: id });
    for (const named of [{ command }, { env: { PATH: '/tmp' } }, { cwd: '/' }])
      expect([named, (await ask(`/api/sessions/${id}/restart`, named)).status]).toEqual([named, 400]);
    expect(await codeOf(client.api.session.restart.mutate({ sessionId: id, command } as { sessionId: string }))).toBe('BAD_INPUT');
    expect(await run()).toBe(1);
    expect((await ask(`/api/sessions/${id}/restart`, {})).status).toBe(200);
    expect(await run()).toBe(2);
    const printed = await eventually(
      async () => (await server.api(`/api/sessions/${id}/history?format=text`)).text(),
      (text) => text.split('as the owner said').length === 3,
      { what: 'it ran twice' },
    );
    expect(printed).not.toContain('chosen');
    await client.close();
  });

  test('rights that change hold at once: what is open is cut and comes back with the new ones', async () => {
    const phone = await letIn(server, 'watch', 'promoted');
    const client = await connected(server, phone.token);
    expect(await codeOf(client.api.device.list.query())).toBe('FORBIDDEN');
    expect(await runCotg(['devices', 'role', 'promoted', 'admin'], { dataDir: server.dataDir })).toMatchObject({ code: 0 });
    await eventually(
      () => codeOf(client.api.device.list.query()),
      (code) => code === 'no error',
      { what: 'the new right', timeoutMs: LIVE_TIMEOUT_MS },
    );
    await client.close();
  });

  test('S67: pairings, wrong codes and tokens, sessions and revocations stand in `cotg audit`, without secrets', async () => {
    const offer = await offerOf(server, '--approve');
    const phone = await pairedFrom(await post(server, { code: secretOf(offer), name: 'audited' }));
    expect((await post(server, { code: 'no-such-code-at-all' })).status).toBe(401);
    const wrong = 'wrong'.repeat(9);
    expect((await fetch(`${server.url}/api/status`, { headers: { authorization: `Bearer ${wrong}` } })).status).toBe(401);
    const created = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command: ['sleep', '1000'] }) });
    const { id } = (await created.json()) as { id: string };
    expect((await server.api(`/api/sessions/${id}`, { method: 'DELETE' })).status).toBe(200);
    await owner.api.device.revoke.mutate({ deviceId: phone.deviceId });
    const { stdout } = await runCotg(['audit', '--json', '--lines', '1000'], { dataDir: server.dataDir });
    const entries = JSON.parse(stdout) as AuditEntry[];
    const has = (action: string, detail: object): boolean =>
      entries.some(
        (entry) =>
          entry.action === action && Object.entries(detail).every(([key, value]) => ({ ...entry.detail, ...entry })[key] === value),
      );
    expect(has('pairing.start', { actor: 'owner', pairing: offer.id })).toBe(true);
    expect(has('device.pair', { actor: `device:${phone.deviceId}`, name: 'audited', address: '127.0.0.1' })).toBe(true);
    expect(has('pairing.wrong', { actor: 'nobody', address: '127.0.0.1' })).toBe(true);
    expect(has('token.wrong', { actor: 'nobody', address: '127.0.0.1' })).toBe(true);
    expect(has('session.create', { actor: 'owner', sessionId: id })).toBe(true);
    expect(has('session.kill', { actor: 'owner', sessionId: id })).toBe(true);
    expect(has('device.revoke', { actor: 'owner', device: phone.deviceId })).toBe(true);
    for (const secret of [secretOf(offer), offer.code, phone.token, server.token, wrong]) expect(stdout).not.toContain(secret);
  });
});

test('S67: what is refused because of its Host, its Origin or a missing right is one line each, and a flood of it no more', async () => {
  await using server = await startTestServer();
  const [watcher, typer] = [await letIn(server, 'watch'), await letIn(server, 'type')];
  const refusedLines = async (): Promise<AuditEntry[]> => {
    const { stdout } = await runCotg(['audit', '--json', '--lines', '1000'], { dataDir: server.dataDir });
    return (JSON.parse(stdout) as AuditEntry[]).filter(({ action }) => action === 'request.refused');
  };
  const { port } = new URL(server.url);
  const lines = (...headers: string[]): string[] => ['GET /api/sessions HTTP/1.1', ...headers, 'Connection: close'];
  for (let n = 0; n < 3; n += 1) {
    expect((await rawHttp({ port: Number(port) }, lines('Host: evil.example'))).status).toBe(421);
    expect((await rawHttp({ port: Number(port) }, lines(`Host: 127.0.0.1:${port}`, 'Origin: https://user:secret@evil.test'))).status).toBe(
      403,
    );
    expect(await upgrade(server, { cookie: watcher.cookie, origin: 'https://evil.test' })).toBe(403);
    const refused = {
      method: 'POST',
      headers: { authorization: `Bearer ${watcher.token}`, 'content-type': 'application/json' },
      body: '{}',
    };
    expect((await fetch(`${server.url}/api/sessions`, refused)).status).toBe(403);
  }
  const client = await connected(server, typer.token);
  expect(await codeOf(client.api.device.list.query())).toBe('FORBIDDEN');
  await client.close();

  const [nobody, address] = ['nobody', '127.0.0.1'];
  expect((await refusedLines()).map(({ actor, detail }) => ({ actor, ...detail }))).toEqual([
    { actor: nobody, address, what: 'host', asked: 'evil.example' },
    { actor: nobody, address, what: 'origin' },
    { actor: nobody, address, what: 'origin', asked: 'evil.test' },
    { actor: `device:${watcher.deviceId}`, address, what: 'right', asked: 'POST /api/sessions' },
    { actor: `device:${typer.deviceId}`, address, what: 'right', asked: 'device.list', unwritten: 2 },
  ]);
  for (let n = 0; n < 100; n += 1) await rawHttp({ port: Number(port) }, lines(`Host: evil-${n}.example`));
  expect((await refusedLines()).filter(({ detail }) => detail['what'] === 'host')).toHaveLength(30);
});

test('S9, S11: wrong codes from the computer itself are limited too, with when to try again, over a restart; whoever is in is not', async () => {
  await using server = await startTestServer();
  const phone = await letIn(server);
  const statuses: number[] = [];
  for (let n = 0; n < 11; n += 1) statuses.push((await post(server, { code: `guess-number-${n}` })).status);
  expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429, 429, 429, 429]);
  const limited = await post(server, { code: 'one-more' });
  expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(30);
  await server.kill('SIGTERM');
  await server.start();
  expect((await post(server, { code: 'one-more' })).status).toBe(429);
  expect((await fetch(`${server.url}/api/sessions`, { headers: { cookie: phone.cookie } })).status).toBe(200);
  expect(await upgrade(server, { cookie: phone.cookie, origin: server.url })).toBe('open');
  expect((await post(server, { code: secretOf(await offerOf(server, '--approve')) })).status).toBe(200);
});

test('S10: guesses from two hundred addresses come to a limit together; who is in, and who has a right link, comes in all the same', async () => {
  await using server = await startTestServer();
  const device = await letIn(server);
  const port = Number(new URL(server.url).port);
  const head = [`Host: 127.0.0.1:${port}`, `Origin: ${server.url}`];
  const guess = async (n: number): Promise<number> =>
    (await rawHttp({ port, localAddress: `127.0.1.${n}` }, pairLines(`guess-${n}`, head))).status;
  const statuses: number[] = [];
  for (let n = 1; n <= 200; n += 1) statuses.push(await guess(n));
  expect(statuses.filter((status) => status === 401)).toHaveLength(60);
  expect(statuses.filter((status) => status === 429)).toHaveLength(140);
  expect(await upgrade(server, { cookie: device.cookie, origin: server.url })).toBe('open');
  expect((await server.api('/api/status')).status).toBe(200);
  expect((await letIn(server)).token).not.toBe(device.token);
}, 60_000);

test('S18: two requests that race for one link: exactly one comes in, in each round', async () => {
  await using server = await startTestServer();
  const owner = await connected(server, server.token);
  for (let round = 0; round < RACES; round += 1) {
    const code = secretOf(await owner.api.pairing.start.mutate({ role: 'watch', approve: true }));
    const answers = await Promise.all([post(server, { code }), post(server, { code })]);
    expect(answers.map(({ status }) => String(status)).toSorted(), `round ${round}`).toEqual(['200', '401']);
    await Promise.all(answers.map((answer) => answer.arrayBuffer()));
  }
  await owner.close();
}, 120_000);

test('S9: wrong tokens are answered ten times a minute; the right one always', async () => {
  await using server = await startTestServer();
  const ask = (token: string): Promise<Response> => fetch(`${server.url}/api/status`, { headers: { authorization: `Bearer ${token}` } });
  const statuses: number[] = [];
  for (let n = 0; n < 15; n += 1) statuses.push((await ask(`wrong-${n}`)).status);
  expect(statuses.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 401));
  expect(statuses.slice(11)).toEqual([429, 429, 429, 429]);
  expect(Number((await ask('wrong')).headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await ask(server.token)).status).toBe(200);
});

test('S24: a device that asks for nothing is out after its idle time, its open socket too; pings do not count', async () => {
  await using server = await startTestServer({ env: { COTG_DEVICE_IDLE: '4s' } });
  // At once: letting a device in takes a second by itself, before it begins to count.
  const open = async ({ cookie }: Paired): Promise<WebSocket> => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/trpc`, { headers: { cookie, origin: server.url } });
    await new Promise((resolve) => socket.once('open', resolve));
    return socket;
  };
  const idle = await letIn(server, 'admin', 'idle');
  const first = await open(idle);
  const ended = new Promise<number>((resolve) => first.once('close', (code) => resolve(code)));
  const pings = setInterval(() => first.readyState === first.OPEN && first.send('PING'), 200);
  const second = await open(await letIn(server, 'admin', 'busy'));
  let n = 0;
  const questions = setInterval(
    () =>
      second.readyState === second.OPEN && second.send(JSON.stringify({ id: (n += 1), method: 'query', params: { path: 'device.me' } })),
    200,
  );
  expect(await ended).toBe(1008);
  clearInterval(pings);
  expect(second.readyState).toBe(second.OPEN);
  clearInterval(questions);
  second.terminate();
  expect((await fetch(`${server.url}/api/sessions`, { headers: { cookie: idle.cookie } })).status).toBe(401);
});

test('S24: after its lifetime a device is out, however busy', async () => {
  await using server = await startTestServer({ env: { COTG_DEVICE_LIFETIME: '3s' } });
  const phone = await letIn(server);
  const client = createClient({ url: server.url, token: phone.token });
  const started = performance.now();
  let state = 'live';
  while (state === 'live' && performance.now() - started < 60_000) {
    await client.api.device.me.query().catch(() => undefined);
    if (client.state() === 'signed-out') state = 'out';
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(state).toBe('out');
  await client.close();
});

test('S23: revoke all, and a new owner token: what was given out before is refused, also after a restart', async () => {
  await using server = await startTestServer();
  const devices = [await letIn(server), await letIn(server, 'watch')];
  expect(await runCotg(['devices', 'revoke-all'], { dataDir: server.dataDir })).toMatchObject({ code: 0, stdout: '2 devices are out.\n' });
  const refused = async (): Promise<number[]> =>
    Promise.all(devices.map(async ({ cookie }) => (await fetch(`${server.url}/api/sessions`, { headers: { cookie } })).status));
  expect(await refused()).toEqual([401, 401]);
  await server.kill('SIGTERM');
  await server.start();
  expect(await refused()).toEqual([401, 401]);
});
