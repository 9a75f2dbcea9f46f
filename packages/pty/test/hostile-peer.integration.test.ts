// Whatever comes in over the socket, at worst that connection ends: never the host, never a program.
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { connectHost } from '../src/client/host-client.ts';
import { encodeFrame } from '../src/protocol/framing.ts';
import { makeRandom } from '../src/testing/random.ts';
import type { Random } from '../src/testing/random.ts';
import { openRawClient, openWelcomeRawClient } from '../src/testing/raw-client.ts';
import { createFields, createSession, startTestHost } from '../src/testing/start-test-host.ts';
import { isRunning } from './support/processes.ts';
import { SessionFeed } from './support/session-feed.ts';

describe('hello comes first', () => {
  test('S56: a wrong secret is refused and the connection closed', async () => {
    await using host = await startTestHost();
    await expect(connectHost({ socketPath: host.socketPath, secret: 'wrong', clientVersion: 't' })).rejects.toMatchObject({
      code: 'NOT_ALLOWED',
    });
    using raw = openRawClient(host.socketPath);
    raw.send({ type: 'hello', id: 7, protocol: 2, secret: `${host.secret}x`, clientVersion: 't' });
    expect(await raw.next()).toMatchObject({ type: 'error', id: 7, code: 'NOT_ALLOWED' });
    await raw.closed;
  });

  test('F17: another protocol version is refused by name, even with a hello of another shape', async () => {
    await using host = await startTestHost();
    for (const hello of [
      { type: 'hello', id: 7, protocol: 3, secret: host.secret, clientVersion: 't' },
      { type: 'hello', id: 7, protocol: 99, token: { of: 'the future' } },
      { type: 'hello', id: 7, protocol: '1' },
    ]) {
      using raw = openRawClient(host.socketPath);
      raw.send(hello);
      const answer = await raw.next();
      expect(answer).toMatchObject({ type: 'error', id: 7, code: 'PROTOCOL_VERSION' });
      expect(answer['message']).toContain('protocol 2');
      await raw.closed;
    }
  });

  test.each([
    ['another request', { type: 'list', id: 3 }, { id: 3, code: 'NOT_ALLOWED' }],
    ['a request without an id', { type: 'list' }, { id: 0, code: 'BAD_REQUEST' }],
    ['a hello without its fields', { type: 'hello', id: 3, protocol: 2 }, { id: 3, code: 'BAD_REQUEST' }],
  ])('%s instead of it is refused and the connection closed', async (_name, header, answer) => {
    await using host = await startTestHost();
    using raw = openRawClient(host.socketPath);
    raw.send(header);
    expect(await raw.next()).toMatchObject({ type: 'error', ...answer });
    await raw.closed;
  });

  test('S56: a large frame before it is refused at its length', async () => {
    await using host = await startTestHost();
    using raw = openRawClient(host.socketPath);
    raw.sendBytes(Buffer.from([0, 2, 0, 0, 0, 0]));
    expect(await raw.next()).toMatchObject({ id: 0, code: 'BAD_REQUEST' });
    await raw.closed;
  });

  test('S56: a connection that says nothing is closed', async () => {
    await using host = await startTestHost({ limits: { helloTimeoutMs: 50 } });
    using raw = openRawClient(host.socketPath);
    await raw.closed;
    const client = await host.connect();
    expect((await client.request('status', {})).reply.host.pid).toBe(process.pid);
  });

  test('connections without it give way when there are too many, and those with it do not', async () => {
    await using host = await startTestHost({ limits: { peers: 3 } });
    const client = await host.connect();
    using first = openRawClient(host.socketPath);
    await new Promise((resolve) => first.socket.once('connect', resolve));
    const second = await host.connect();
    const third = await host.connect();
    await first.closed;
    await expect(host.connect()).rejects.toMatchObject({ code: 'HOST_CLOSED' });
    for (const living of [client, second, third]) await living.request('status', {});
  });

  test('S56: only its user may open the socket', async () => {
    await using host = await startTestHost();
    expect(statSync(host.socketPath).mode & 0o777).toBe(0o600);
  });
});

test('a malformed request gets BAD_REQUEST and the connection goes on', async () => {
  await using host = await startTestHost();
  using raw = await openWelcomeRawClient(host.socketPath, host.secret);
  const create = { type: 'create', id: 2, ...createFields() };
  for (const header of [
    { ...create, cols: -1 },
    { ...create, rows: 1e9 },
    { ...create, sessionId: '1' },
    { ...create, command: Array.from({ length: 5000 }, () => 'x') },
    { ...create, env: { A: 'x'.repeat(200_000) } },
    { type: 'unknown', id: 2 },
    { type: 'hello', id: 2, protocol: 2, secret: host.secret, clientVersion: 't' },
  ]) {
    raw.send(header);
    expect(await raw.next()).toMatchObject({ type: 'error', id: 2, code: 'BAD_REQUEST' });
  }
  raw.send({ type: 'list', id: 3 });
  expect(await raw.next()).toMatchObject({ type: 'reply', id: 3, sessions: [] });
});

/** Something near a request, or far from one. */
function makeMess(random: Random, sessionId: string): Uint8Array {
  const values = [null, -1, 0, 1.5, 1e308, '', 'x', sessionId, [], {}, [[]], { a: 1 }, true, 'A'.repeat(5000), '\0', '\ud800'];
  const any = (): unknown => values[random.below(values.length)];
  const types = [
    'hello',
    'create',
    'input',
    'lastInput',
    'resize',
    'update',
    'list',
    'follow',
    'unfollow',
    'history',
    'status',
    '__proto__',
  ];
  const names = [
    'sessionId',
    'command',
    'cwd',
    'env',
    'cols',
    'rows',
    'viewerId',
    'n',
    'reason',
    'fromOffset',
    'toOffset',
    'maxBytes',
    'cursor',
    'afterMark',
  ];
  const header: Record<string, unknown> = {
    type: types[random.below(types.length)],
    id: random.below(5) === 0 ? any() : 1 + random.below(1e6),
  };
  if (random.below(2) === 0) header['sessionId'] = sessionId;
  for (let n = random.below(8); n > 0; n -= 1) header[names[random.below(names.length)] ?? ''] = any();
  const bytes = Buffer.concat(encodeFrame(header, random.bytes(random.below(3) === 0 ? random.below(300) : 0)));
  switch (random.below(6)) {
    case 0:
      return random.bytes(random.below(400));
    case 1:
      return bytes.subarray(0, random.below(bytes.length));
    case 2: {
      for (let n = 1 + random.below(5); n > 0; n -= 1) bytes[random.below(bytes.length)] = random.below(256);
      return bytes;
    }
    default:
      return bytes;
  }
}

test('S56: 2,000 random and half-right frames end neither the host nor its programs', async () => {
  const seed = 20_261_122;
  const random = makeRandom(seed);
  await using host = await startTestHost();
  const client = await host.connect();
  const { reply } = await createSession(client, { command: ['sh', '-c', 'stty -echo; echo ready; cat'] });
  const feed = new SessionFeed(client, reply.session.id);
  await feed.untilText('ready');
  // The target exists, but typing into it would be allowed, and then it would be typed: another session takes that.
  const { reply: victim } = await createSession(client, { command: ['sleep', '600'] });
  for (let sent = 0; sent < 2000;) {
    const welcome = random.below(4) > 0;
    using raw = welcome ? await openWelcomeRawClient(host.socketPath, host.secret) : openRawClient(host.socketPath);
    for (let n = 1 + random.below(5); n > 0 && raw.socket.writable; n -= 1) {
      raw.sendBytes(makeMess(random, random.below(10) === 0 ? randomUUID() : victim.session.id));
      sent += 1;
    }
    // Everything sent has been taken in before the connection goes.
    raw.socket.end();
    await raw.closed;
  }
  expect(isRunning(victim.session.pid ?? 0), `seed ${seed}`).toBe(true);
  await client.request('input', { sessionId: reply.session.id, viewerId: 'v', n: 1 }, { body: Buffer.from('alive\n') });
  await feed.untilText('alive');
  expect(
    host.logged.filter(({ level }) => level === 'error'),
    `seed ${seed}`,
  ).toEqual([]);
  expect((await client.request('list', {})).reply.sessions).toHaveLength(2);
}, 60_000);

test('a peer that asks much and reads nothing is not read any further, and the host stays small', async () => {
  await using host = await startTestHost();
  const client = await host.connect();
  const { reply } = await createSession(client, { command: ['sh', '-c', 'yes | head -c 2000000; read line'] });
  await new SessionFeed(client, reply.session.id).until(() => (host.journal.session(reply.session.id)?.endOffset ?? 0) >= 2_000_000);
  using raw = await openWelcomeRawClient(host.socketPath, host.secret);
  raw.socket.pause();
  const before = process.memoryUsage().arrayBuffers;
  const ask = {
    type: 'history',
    sessionId: reply.session.id,
    fromOffset: 0,
    afterMark: 0,
    toOffset: 2_000_000,
    maxBytes: 2_000_000,
    cursor: null,
  };
  // 400 MB of replies, if it got them.
  for (let id = 2; id < 202; id += 1) raw.send({ ...ask, id });
  for (let n = 0; n < 20; n += 1) await client.request('status', {});
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40_000_000);
  raw.socket.resume();
  for (let id = 2; id < 202;) {
    const message = await raw.next();
    // News of the session comes between the replies.
    if (message['type'] === 'session') continue;
    expect(message).toMatchObject({ type: 'reply', id });
    id += 1;
  }
});

describe('the socket', () => {
  test('F19: left by a host that was killed is replaced', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cotg-stale-'));
    const socketPath = join(folder, 'host.sock');
    writeFileSync(socketPath, '');
    await using host = await startTestHost({ socketPath });
    await (await host.connect()).request('status', {});
    rmSync(folder, { recursive: true });
  });

  test('of a living host is never taken away, and its programs are not declared lost', async () => {
    await using host = await startTestHost();
    const client = await host.connect();
    const { reply } = await createSession(client);
    await expect(startTestHost({ socketPath: host.socketPath, journal: host.journal })).rejects.toMatchObject({
      code: 'HOST_ALREADY_RUNNING',
    });
    expect((await client.request('list', {})).reply.sessions).toMatchObject([{ id: reply.session.id, state: 'running' }]);
  });

  test('may lie deeper than the kernel takes a path', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cotg-deep-'));
    const deep = join(folder, 'a'.repeat(100), 'b'.repeat(100));
    mkdirSync(deep, { recursive: true });
    const socketPath = join(deep, 'host.sock');
    expect(socketPath.length).toBeGreaterThan(200);
    {
      await using host = await startTestHost({ socketPath });
      expect(statSync(socketPath).isSocket()).toBe(true);
      expect(statSync(socketPath).mode & 0o777).toBe(0o600);
      const client = await host.connect();
      await client.request('status', {});
      expect(readFileSync('/proc/net/unix', 'utf8')).toContain('/host.sock');
    }
    expect(() => statSync(socketPath), 'it is gone with its host').toThrow('ENOENT');
    rmSync(folder, { recursive: true });
  });

  test('in a folder that does not exist is an error with a code', async () => {
    await expect(startTestHost({ socketPath: '/no/such/folder/host.sock' })).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
    await expect(connectHost({ socketPath: '/no/such/folder/host.sock', secret: '', clientVersion: 't' })).rejects.toMatchObject({
      code: 'HOST_NOT_RUNNING',
    });
  });
});

test('an import whose rest never comes can be ended and removed: it takes nobody’s place for ever', async () => {
  await using host = await startTestHost();
  const client = await host.connect();
  const sessionId = '0b2f6a3e-0000-4000-8000-0000000000aa';
  const fields = { sessionId, from: 0, isLast: false, cols: 80, rows: 24, createdAt: 1, endedAt: 2, maxHistoryBytes: 1024 * 1024 };
  await client.request('import', fields, { body: Buffer.from('half of it') });
  const { reply } = await client.request('kill', { sessionId, reason: 'user' });
  expect(reply.session).toMatchObject({ state: 'killed', reason: 'user', pid: null });
  await client.request('remove', { sessionId });
  expect((await client.request('list', {})).reply.sessions).toEqual([]);
});
