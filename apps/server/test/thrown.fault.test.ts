// Something inside fails in a way nobody foresaw: every port of the API throws, or gives a promise that is rejected.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { appRouter } from '@cotg/api';
import type { Caller } from '@cotg/api';
import { makeClientAddresses } from '../src/http/client-address.ts';
import { cookieNamesFor } from '../src/http/credentials.ts';
import type { Gate } from '../src/http/gate.ts';
import { REST_RIGHTS, makeRest } from '../src/http/rest.ts';
import type { RestServices } from '../src/http/rest.ts';
import { listen } from '../src/http/server.ts';
import { makeTrpcSockets } from '../src/http/trpc-ws.ts';
import { makeLogger } from '../src/log.ts';

const BUG = 'a mistake of ours';
const OWNER: Caller = { kind: 'owner', address: 'test' };
const ID = randomUUID();
const sessionId = ID;
const viewer = { sessionId, viewerId: randomUUID() };

/** An input that passes for each procedure: what fails is what lies behind it. */
const INPUTS: Readonly<Record<string, unknown>> = {
  'session.attach': viewer,
  'session.input': { ...viewer, n: 1, data: 'x' },
  'session.ack': { ...viewer, offset: 0 },
  'session.screen': { sessionId },
  'profile.list': undefined,
  'session.detachOthers': { sessionId },
  'session.waitFor': { sessionId, exit: true },
  'session.history': { sessionId },
  'session.resize': { ...viewer, cols: 80, rows: 24 },
  'session.takeControl': { ...viewer, cols: 80, rows: 24 },
  'pairing.start': undefined,
  'session.list': undefined,
  'session.get': { sessionId },
  'session.create': {},
  'session.update': { sessionId, change: { name: 'x' } },
  'session.kill': { sessionId },
  'session.restart': { sessionId },
  'session.remove': { sessionId },
  'session.watch': {},
  'system.backup': undefined,
  'system.importLegacy': { path: '/x' },
  'system.verify': undefined,
  'system.status': undefined,
  'system.audit': undefined,
  'pairing.status': { id: sessionId },
  'pairing.approve': { id: sessionId, match: '1234', isApproved: true },
  'device.me': undefined,
  'device.list': undefined,
  'device.rename': { deviceId: sessionId, name: 'x' },
  'device.setRole': { deviceId: sessionId, role: 'watch' },
  'device.revoke': { deviceId: sessionId },
  'device.revokeAll': undefined,
};

const BODIES: Readonly<Record<string, unknown>> = {
  'POST /api/sessions/{id}/restart': {},
  'POST /api/sessions': {},
  'PATCH /api/sessions/{id}': { name: 'x' },
  'POST /api/sessions/{id}/input': { data: 'x' },
  'POST /api/sessions/{id}/resize': { cols: 80, rows: 24 },
  'POST /api/pair': { code: 'ABCD-EFGH-JKMN' },
};

// oxlint-disable-next-line require-yield -- it fails before its first event
async function* failingStream(): AsyncGenerator<never> {
  throw new TypeError(BUG);
}

/** Every call fails: at once, or later. */
function failing(how: 'throws' | 'rejects'): never {
  // An acknowledgement is given to nobody who could wait for it: it can only throw.
  const call = (name: string | symbol) => (): unknown => {
    if (how === 'rejects' && (name === 'attach' || name === 'watch')) return failingStream();
    if (how === 'throws' || name === 'ack') throw new TypeError(BUG);
    return Promise.reject(new TypeError(BUG));
  };
  return new Proxy({}, { get: (_, name) => call(name) }) as never;
}

async function serveFailing(how: 'throws' | 'rejects') {
  const lines: string[] = [];
  const log = makeLogger({ level: 'debug', format: 'json', name: 'server', destination: { write: (line) => void lines.push(line) } });
  const http = await listen({ host: '127.0.0.1', port: 0, clients: makeClientAddresses([]), log });
  const port = failing(how);
  const refused = { note: () => undefined };
  const services: RestServices = {
    ...{ sessions: port, output: port, system: port, history: port, metrics: port, pairing: port },
    ...{ refused, cookieMaxAgeMs: 0, version: 'test', log },
  };
  const gate: Gate = { check: () => ({ kind: 'known', caller: OWNER }) };
  const devices = { opened: () => () => undefined, seen: () => undefined };
  const context = { sessions: port, output: port, scripting: port, profiles: port, system: port, pairing: port, devices: port };
  http.ready({
    gate,
    cookies: cookieNamesFor('test', false),
    shell: { serve: () => false },
    rest: makeRest(services),
    sockets: makeTrpcSockets({ context, devices, refused, log }),
    devices,
    refused,
  });
  return { origin: `127.0.0.1:${http.port}`, lines, [Symbol.asyncDispose]: () => http.close() };
}

for (const how of ['throws', 'rejects'] as const) {
  test(`F15: whatever a handler runs ${how}: that request alone fails, with a code and without what it said, and the next one is served`, async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    process.on('uncaughtException', note);
    await using server = await serveFailing(how);
    const isAlive = async (): Promise<boolean> => (await fetch(`http://${server.origin}/healthz`)).ok;

    const failures: string[] = [];
    for (const route of Object.keys(REST_RIGHTS)) {
      if (route === 'GET /healthz' || route === 'GET /api/openapi.json') continue;
      const [method = '', path = ''] = route.split(' ');
      const body =
        BODIES[route] === undefined ? {} : { body: JSON.stringify(BODIES[route]), headers: { 'content-type': 'application/json' } };
      const response = await fetch(`http://${server.origin}${path.replace('{id}', ID)}`, { method, ...body });
      const text = await response.text();
      expect(response.status, `${route}: ${text}`).toBe(500);
      expect(JSON.parse(text), route).toMatchObject({ code: 'INTERNAL' });
      expect(text).not.toContain(BUG);
      expect(await isAlive(), route).toBe(true);
      failures.push(route);
    }
    expect(failures).toHaveLength(Object.keys(REST_RIGHTS).length - 2);

    const procedures = appRouter._def.procedures as unknown as Record<string, { _def: { type: string } }>;
    expect(Object.keys(INPUTS).toSorted()).toEqual(Object.keys(procedures).toSorted());
    const socket = new WebSocket(`ws://${server.origin}/trpc`);
    await once(socket, 'open');
    for (const [at, [path, { _def }]] of Object.entries(procedures).entries()) {
      const id = at + 1;
      const answered = new Promise<string>((resolve) => {
        const listen = (data: Buffer): void => {
          const text = data.toString();
          const message = JSON.parse(text) as { id?: number; error?: unknown; result?: { type?: string } };
          if (message.id !== id || message.result?.type === 'started') return;
          socket.off('message', listen);
          resolve(text);
        };
        socket.on('message', listen);
      });
      socket.send(JSON.stringify({ id, method: _def.type, params: { path, input: INPUTS[path] } }));
      const text = await answered;
      expect((JSON.parse(text) as { error?: unknown }).error, `${path}: ${text}`).toMatchObject({
        data: { code: 'INTERNAL_SERVER_ERROR' },
      });
      expect(text).not.toContain(BUG);
    }
    // One socket lived through all of it.
    expect(socket.readyState).toBe(WebSocket.OPEN);
    socket.close();
    // Whoever keeps the computer reads why.
    expect(server.lines.some((line) => line.includes(BUG))).toBe(true);
    expect(await isAlive()).toBe(true);
    await new Promise((resolve) => void setImmediate(resolve));
    process.off('unhandledRejection', note);
    process.off('uncaughtException', note);
    expect(unhandled).toEqual([]);
  }, 30_000);
}
