// How much a client may ask, and what it gets when it asks more: SECURITY 15, 60, 62. Where a device is needed the real HTTP
// and WebSocket server stand before empty services, so that nothing but the limits is tried.
import { once } from 'node:events';
import { afterEach, expect, expectTypeOf, test } from 'vitest';
import { WebSocket } from 'ws';
import { appRouter } from '@cotg/api';
import type { Caller, Session } from '@cotg/api';
import { makeClientAddresses } from '../src/http/client-address.ts';
import { cookieNamesFor } from '../src/http/credentials.ts';
import type { Credentials, OpenThings } from '../src/http/credentials.ts';
import type { Gate, Passed } from '../src/http/gate.ts';
import { makeRest } from '../src/http/rest.ts';
import type { RestServices } from '../src/http/rest.ts';
import { listen } from '../src/http/server.ts';
import { DEVICE_ALLOWANCE, OWNER_ALLOWANCE, makeSocketLimits } from '../src/http/socket-limits.ts';
import type { Allowance } from '../src/http/socket-limits.ts';
import { makeTrpcSockets } from '../src/http/trpc-ws.ts';
import { makeLogger } from '../src/log.ts';
import { UPGRADE_HEADERS } from '../../../testing/raw-http.ts';
import { raw } from '../../../testing/raw-sockets.ts';
import { eventually, startTestServer } from '../../../testing/start-server.ts';

const SESSION = '6f1de9f8-5b0f-4c6e-8f9f-1d2a7f0c4b11';
const DEVICE: Caller = { kind: 'device', deviceId: 'phone', role: 'admin', address: 'test' };
const SMALL: Allowance = { sockets: 3, streamsPerSocket: 4, streams: 6, messagesPerS: 50, callsPerS: 40, bytesPerS: 100_000, burstS: 1 };

async function* endless(_request: unknown, signal: AbortSignal): AsyncGenerator<never> {
  await once(signal, 'abort').catch(() => undefined);
  yield* [];
}

const services = {
  sessions: { list: () => Promise.resolve([]), watch: (signal: AbortSignal) => endless(undefined, signal) },
  output: {
    attach: (request: unknown, _caller: Caller, _backlog: unknown, signal: AbortSignal) => endless(request, signal),
    ack: () => undefined,
  },
} as unknown as { sessions: never; output: never; scripting: never; profiles: never; system: never; pairing: never; devices: never };

async function serve(options: { gate?: Gate; device?: Allowance; opened?: OpenThings['opened'] } = {}) {
  const lines: string[] = [];
  const log = makeLogger({ level: 'debug', format: 'json', name: 'server', destination: { write: (line) => void lines.push(line) } });
  const http = await listen({ host: '127.0.0.1', port: 0, clients: makeClientAddresses([]), log });
  const gate: Gate = options.gate ?? {
    check: (request) => ({ kind: 'known', caller: { ...DEVICE, deviceId: String(request.headers['x-device'] ?? 'phone') } }),
  };
  const devices: OpenThings = { opened: options.opened ?? (() => () => undefined), seen: () => undefined };
  const refused = { note: () => undefined };
  const limits = makeSocketLimits({ device: options.device ?? SMALL });
  http.ready({
    gate,
    cookies: cookieNamesFor('test', false),
    shell: { serve: () => false },
    rest: makeRest({ ...services, refused, cookieMaxAgeMs: 0, version: 'test', log } as unknown as RestServices),
    sockets: makeTrpcSockets({ context: services, devices, refused, log, limits }),
    devices,
    refused,
  });
  return { port: http.port, lines, [Symbol.asyncDispose]: () => http.close() };
}

interface Talker {
  readonly socket: WebSocket;
  readonly replies: { id?: unknown; error?: { message: string; data: { appCode: string; code: string } }; result?: { type?: string } }[];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly say: (message: unknown) => void;
  readonly reply: (id: unknown) => Promise<Talker['replies'][number]>;
}

const talkers: Talker[] = [];
afterEach(() => {
  for (const { socket } of talkers.splice(0)) socket.terminate();
});

async function talk(port: number, device = 'phone'): Promise<Talker> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/trpc`, { headers: { 'x-device': device } });
  const replies: Talker['replies'] = [];
  socket.on('error', () => undefined);
  socket.on('message', (data: Buffer) => {
    const text = data.toString();
    if (text !== 'PONG') replies.push(JSON.parse(text) as Talker['replies'][number]);
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  await once(socket, 'open');
  const talker: Talker = {
    socket,
    replies,
    closed,
    say: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    reply: async (id) => {
      await eventually(
        () => replies.length,
        () => replies.some((reply) => reply.id === id),
        { what: `an answer to ${String(id)}; ${JSON.stringify(replies.at(-1))}`, timeoutMs: 60_000 },
      );
      return replies.find((reply) => reply.id === id) ?? {};
    },
  };
  talkers.push(talker);
  return talker;
}

const list = (id: number) => ({ id, method: 'query', params: { path: 'session.list' } });
const watch = (id: number) => ({ id, method: 'subscription', params: { path: 'session.watch', input: {} } });

test('S60: a device has so many sockets: with one more the one that was silent for longest is closed with 1008, others have their own', async () => {
  await using server = await serve();
  const first = await talk(server.port);
  const more = [await talk(server.port), await talk(server.port)];
  for (const [at, { say, reply }] of more.entries()) {
    say(list(at));
    await reply(at);
  }
  const tablet = await talk(server.port, 'tablet');
  await talk(server.port);
  expect(await first.closed).toEqual({ code: 1008, reason: 'too many connections' });
  for (const { socket } of [...more, tablet]) expect(socket.readyState).toBe(WebSocket.OPEN);
});

test('S60: so many streams are open at once; one more gets a code, closing one makes room', async () => {
  await using server = await serve();
  const { say, reply } = await talk(server.port);
  for (let id = 1; id <= SMALL.streamsPerSocket; id += 1) say(watch(id));
  for (let id = 1; id <= SMALL.streamsPerSocket; id += 1) expect((await reply(id)).result?.type).toBe('started');
  say({ id: 10, method: 'subscription', params: { path: 'session.attach', input: { sessionId: SESSION, viewerId: 'viewer-0001' } } });
  const refused = await eventually(
    () => talkers[0]?.replies.find(({ id, error }) => id === 10 && error),
    (found) => found !== undefined,
    { what: 'the stream is refused' },
  );
  expect(refused?.error?.data).toMatchObject({ appCode: 'TOO_MANY_REQUESTS', code: 'TOO_MANY_REQUESTS' });
  // Over all its sockets there are six.
  const other = await talk(server.port);
  for (const id of [1, 2, 3]) other.say(watch(id));
  await eventually(
    () => other.replies.filter(({ error }) => error?.data.appCode === 'TOO_MANY_REQUESTS').length,
    (count) => count === 1,
    { what: 'the seventh is refused' },
  );
  say({ id: 1, method: 'subscription.stop' });
  await eventually(
    () => talkers[0]?.replies.some(({ id, result }) => id === 1 && result?.type === 'stopped'),
    (stopped) => stopped === true,
    { what: 'a stream has ended' },
  );
  say(watch(20));
  expect((await reply(20)).result?.type).toBe('started');
});

test('S60: too many messages close the socket with 1008 and a reason; the other device does not notice', async () => {
  await using server = await serve();
  const good = await talk(server.port, 'tablet');
  const loud = await talk(server.port);
  for (let n = 0; n < 200; n += 1) loud.say('PING');
  expect(await loud.closed).toEqual({ code: 1008, reason: 'too much at once' });
  good.say(list(1));
  expect((await good.reply(1)).error).toBeUndefined();
  expect(server.lines.filter((line) => line.includes('closing a socket'))).toHaveLength(1);
});

const wide = (id: number, bytes: number) => ({ id, method: 'query', params: { path: 'session.list', input: 'x'.repeat(bytes) } });

test('S60: more bytes than a device may send are read when their time has come, all of them and in order; the other device does not notice', async () => {
  await using server = await serve();
  const [sender, good] = [await talk(server.port), await talk(server.port, 'tablet')];
  const since = performance.now();
  // 100 kB at once, 300 kB more at 100 kB a second; the last one is answered as soon as it is read. Small ones: what one read of the network brings
  // has come, and must not be as much as is refused.
  const count = 80;
  for (let id = 1; id <= count; id += 1) sender.say(wide(id, 5000));
  good.say(list(1));
  await good.reply(1);
  expect(sender.replies.length).toBeLessThan(count);
  await sender.reply(count);
  expect(performance.now() - since).toBeGreaterThan(2000);
  expect(sender.replies.map(({ id }) => id)).toEqual(Array.from({ length: count }, (_, n) => n + 1));
  expect(sender.socket.readyState).toBe(WebSocket.OPEN);
  expect(server.lines.filter((line) => line.includes('closing a socket'))).toEqual([]);
});

test('S60: a device that sends far more than that, over several sockets at once, is cut with 1008 and a reason', async () => {
  await using server = await serve();
  const many = [await talk(server.port), await talk(server.port), await talk(server.port)];
  for (const { say } of many) say(wide(1, 150_000));
  expect(await Promise.race(many.map(({ closed }) => closed))).toEqual({ code: 1008, reason: 'too much at once' });
});

test('S22: a socket that is held back ends at once when it must', async () => {
  const ends: (() => void)[] = [];
  await using server = await serve({ opened: (_caller, end) => (ends.push(() => end('revoked')), () => undefined) });
  const sender = await talk(server.port);
  for (let id = 1; id <= 3; id += 1) sender.say(wide(id, 60_000));
  await sender.reply(2);
  const since = performance.now();
  for (const end of ends) end();
  expect((await sender.closed).code).toBe(1008);
  expect(performance.now() - since).toBeLessThan(1000);
});

test('S60: each call of a batch counts; too many get a code, a batch that is too large gets one for each, an absurd one gets one', async () => {
  await using server = await serve({ device: { ...DEVICE_ALLOWANCE, callsPerS: 60, burstS: 1 } });
  const { say, reply, replies } = await talk(server.port);
  say(Array.from({ length: 90 }, (_, id) => list(id)));
  await reply(89);
  await eventually(
    () => replies.length,
    (count) => count === 90,
    { what: 'all are answered' },
  );
  expect(replies.filter(({ error }) => error?.data.appCode === 'TOO_MANY_REQUESTS').length).toBeGreaterThan(20);
  replies.length = 0;
  say(Array.from({ length: 101 }, (_, id) => list(1000 + id)));
  await eventually(
    () => replies.length,
    (count) => count === 101,
    { what: 'all are told' },
  );
  expect(new Set(replies.map(({ error }) => error?.data.appCode))).toEqual(new Set(['BAD_INPUT']));
  replies.length = 0;
  say(`[${'{"id":1},'.repeat(100_000)}{"id":1}]`);
  await eventually(
    () => replies.length,
    (count) => count > 0,
    { what: 'it is told' },
  );
  say(list(5000));
  await reply(5000);
  expect(replies.length).toBe(2);
});

test('S60: doubled ids, unknown methods and procedures, and connectionParams of every type get an error or nothing, and the process lives (CVE-2025-43855)', async () => {
  await using server = await serve({ device: DEVICE_ALLOWANCE });
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  process.on('uncaughtException', note);
  const { say, reply, replies, socket } = await talk(server.port);
  say(watch(1));
  await reply(1);
  say(watch(1));
  await eventually(
    () => replies.filter(({ id }) => id === 1),
    (mine) => mine.some(({ error }) => error?.data.code === 'BAD_REQUEST'),
    { what: 'the doubled id is refused' },
  );
  const values: unknown[] = [
    null,
    true,
    false,
    0,
    -1,
    1.5,
    1e308,
    '',
    'x',
    [],
    {},
    [[]],
    { a: 1 },
    { __proto__: null },
    ['x'],
    'connectionParams',
    { data: null },
    { toString: 1 },
    { constructor: { prototype: 1 } },
  ];
  for (const value of values) {
    say({ method: 'connectionParams', data: value });
    say({ id: 7, method: value, params: { path: 'session.list' } });
    say({ id: 7, method: 'query', params: value });
    say({ id: 7, method: 'query', params: { path: value } });
    say({ id: value, method: 'query', params: { path: 'session.list', input: value } });
    say({ id: 7, method: 'subscription', params: { path: 'session.watch', input: value, lastEventId: value } });
    say({ id: 7, method: 'mutation', params: { path: 'session.list' } });
    say({ id: 7, jsonrpc: value, method: 'query', params: { path: 'session.list' } });
    say({ id: value, method: 'subscription.stop' });
    say(JSON.stringify(value));
  }
  for (const path of [
    'nothing',
    'session',
    'session.__proto__',
    '__proto__',
    'constructor',
    'session.list.list',
    '..',
    '',
    'toString',
    'session.constructor.constructor',
    'x'.repeat(10_000),
  ])
    say({ id: 8, method: 'query', params: { path } });
  for (const text of [
    '',
    '{',
    '[',
    '[[[[',
    'null',
    '"',
    '{"id":1',
    '{"__proto__":{"id":1}}',
    '['.repeat(20_000),
    '\u0000',
    'undefined',
    'NaN',
    '{"id":1,"id":2,"method":"query","params":{"path":"session.list","path":"x"}}',
  ])
    say(text);
  socket.send(Buffer.from([0, 0, 0, 1, 0x7b]));
  socket.send(Buffer.alloc(0));
  say(list(9));
  expect((await reply(9)).error).toBeUndefined();
  expect(replies.filter(({ error }) => error).length).toBeGreaterThan(50);
  expect(socket.readyState).toBe(WebSocket.OPEN);
  // In the address there are none.
  for (const query of ['?connectionParams=1', '?connectionParams=0', '?batch=1'])
    expect(
      (
        await raw([`GET /trpc${query} HTTP/1.1`, `Host: 127.0.0.1:${server.port}`, ...UPGRADE_HEADERS], {
          port: server.port,
          untilHead: true,
        })
      ).status,
    ).toBe(404);
  await new Promise((resolve) => void setImmediate(resolve));
  process.off('unhandledRejection', note);
  process.off('uncaughtException', note);
  expect(unhandled).toEqual([]);
  // What a client says wrong is not an error of ours: it must not fill the log.
  expect(server.lines.filter((line) => (JSON.parse(line) as { level: number }).level >= 50)).toEqual([]);
});

test('S60: every procedure passes the count, streams the second one', () => {
  expect(Object.keys(appRouter._def.procedures).length).toBeGreaterThan(10);
  for (const allowance of [DEVICE_ALLOWANCE, OWNER_ALLOWANCE])
    for (const value of Object.values(allowance)) expect(value).toBeGreaterThan(0);
  for (const name of ['sockets', 'streams', 'messagesPerS', 'bytesPerS'] as const)
    expect(OWNER_ALLOWANCE[name]).toBeGreaterThan(DEVICE_ALLOWANCE[name]);
});

test('S15: who somebody is has been decided before anything is looked at: the check gives no promise, and one would let nobody in', async () => {
  expectTypeOf<ReturnType<Gate['check']>>().toEqualTypeOf<Passed>();
  expectTypeOf<ReturnType<Credentials['findDevice']>>().not.toExtend<Promise<unknown>>();
  // A check that becomes asynchronous by mistake, and answers "yes" after half a second.
  const late = new Promise<Passed>((resolve) => {
    setTimeout(() => resolve({ kind: 'known', caller: DEVICE }), 500);
  });
  await using server = await serve({ gate: { check: () => late as unknown as Passed } });
  const head = [`Host: 127.0.0.1:${server.port}`];
  const rest = await raw(['GET /api/sessions HTTP/1.1', ...head, 'Connection: close'], { port: server.port });
  expect(rest.status).toBe(401);
  expect((await raw(['GET /trpc HTTP/1.1', ...head, ...UPGRADE_HEADERS], { port: server.port, untilHead: true })).status).toBe(401);
  await late;
  // And one that takes half a second: nothing is served before it has answered.
  let isDecided = false;
  const slow: Gate = {
    check: () => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
      isDecided = true;
      return { kind: 'known', caller: DEVICE };
    },
  };
  await using patient = await serve({ gate: slow });
  const since = performance.now();
  const answer = await raw(['GET /api/sessions HTTP/1.1', `Host: 127.0.0.1:${patient.port}`, 'Connection: close'], { port: patient.port });
  expect([answer.status, isDecided]).toEqual([200, true]);
  expect(performance.now() - since).toBeGreaterThanOrEqual(490);
});

test('S62: 60 sessions asked for at once: as many as are allowed begin, the rest get a clear code, and those that run are unhurt', async () => {
  const most = 5;
  await using server = await startTestServer({ env: { COTG_MAX_SESSIONS: String(most) } });
  const create = (command: readonly string[]): Promise<Response> =>
    server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command }) });
  const first = (await (await create(['cat'])).json()) as Session;
  const answers = await Promise.all(Array.from({ length: 60 }, () => create(['sleep', '1000'])));
  const counts = new Map<number, number>();
  for (const { status } of answers) counts.set(status, (counts.get(status) ?? 0) + 1);
  expect([...counts].toSorted(([a], [b]) => a - b)).toEqual([
    [201, most - 1],
    [429, 61 - most],
  ]);
  const problem = (await answers.find(({ status }) => status === 429)?.json()) as { code: string; hint: string };
  expect(problem).toMatchObject({ code: 'TOO_MANY_SESSIONS', hint: expect.stringContaining('COTG_MAX_SESSIONS') as string });
  const sessions = (await (await server.api('/api/sessions')).json()) as Session[];
  expect(sessions.filter(({ alive }) => alive)).toHaveLength(most);
  expect((await server.api(`/api/sessions/${first.id}/input`, { method: 'POST', body: JSON.stringify({ data: 'alive\n' }) })).status).toBe(
    200,
  );
  await eventually(
    async () => (await server.api(`/api/sessions/${first.id}/screen`)).text(),
    (screen) => screen.includes('alive'),
    { what: 'the first one answers' },
  );
  // One that has ended makes room for one, also when it is the same that begins again.
  const [victim] = sessions.filter(({ id }) => id !== first.id);
  await server.api(`/api/sessions/${victim?.id}`, { method: 'DELETE' });
  const again = await Promise.all(Array.from({ length: 6 }, () => server.api(`/api/sessions/${victim?.id}/restart`, { method: 'POST' })));
  expect(again.filter(({ status }) => status === 200)).toHaveLength(1);
  expect((await create(['sleep', '1000'])).status).toBe(429);
});
