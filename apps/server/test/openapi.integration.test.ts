// The document of the REST interface: valid for somebody else's validator, checked in, and good enough to make a client from.
import { fileURLToPath } from 'node:url';
import { Validator } from '@seriousme/openapi-schema-validator';
import { OpenAPIClientAxios } from 'openapi-client-axios';
import type { Document, OpenAPIClient } from 'openapi-client-axios';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Session } from '@cotg/api';
import { REST_RIGHTS } from '../src/http/rest.ts';
import { eventually, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';

const CHECKED_IN = fileURLToPath(new URL('../../../docs/openapi.json', import.meta.url));

let server: TestServer;
let text: string;
beforeAll(async () => {
  server = await startTestServer();
  text = await (await server.api('/api/openapi.json')).text();
});
afterAll(() => server.close());

test('it is a valid OpenAPI 3.1 document, and docs/openapi.json is it (vitest -u writes it)', async () => {
  const validator = new Validator();
  expect(await validator.validate(JSON.parse(text) as Record<string, unknown>)).toEqual({ valid: true });
  expect(validator.version).toBe('3.1');
  await expect(`${JSON.stringify(JSON.parse(text), null, 2)}\n`).toMatchFileSnapshot(CHECKED_IN);
});

test('a validator that finds nothing wrong with anything would not do', async () => {
  const broken = JSON.parse(text) as { paths: Record<string, object> };
  broken.paths['/api/status'] = { get: { responses: 'none' } };
  expect((await new Validator().validate({ ...broken })).valid).toBe(false);
});

test('each route is in it, with a name of its own', () => {
  const { paths } = JSON.parse(text) as { paths: Record<string, Record<string, { operationId?: string }>> };
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  // The document itself is the one thing that it does not describe.
  expect([...routes, 'GET /api/openapi.json'].toSorted()).toEqual(Object.keys(REST_RIGHTS).toSorted());
  const names = Object.values(paths).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId));
  expect(new Set(names).size).toBe(names.length);
  expect(names).not.toContain(undefined);
});

test('a client that is made from it does everything', async () => {
  const api = new OpenAPIClientAxios({
    definition: JSON.parse(text) as Document,
    axiosConfigDefaults: {
      baseURL: server.url,
      headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
      validateStatus: () => true,
    },
  });
  const client = await api.init<OpenAPIClient>();
  const called = new Set<string>();
  const call = async (name: string, parameters: object | null = null, body?: unknown): Promise<{ status: number; data: unknown }> => {
    called.add(name);
    const operation = client[name as keyof OpenAPIClient] as unknown as (
      parameters: object | null,
      body: unknown,
    ) => Promise<{ status: number; data: unknown }>;
    const { status, data } = await operation(parameters, body);
    return { status, data };
  };

  expect(await call('getHealth')).toEqual({ status: 200, data: 'ok\n' });
  const { status, data } = await call('createSession', null, {
    command: ['sh', '-c', 'read -r line; echo "got $line"; exec cat'],
    name: 'made',
  });
  expect(status).toBe(201);
  const { id } = data as Session;
  expect(((await call('listSessions')).data as Session[]).map((session) => session.id)).toEqual([id]);
  expect((await call('updateSession', { id }, { name: 'renamed' })).data).toMatchObject({ id, name: 'renamed' });
  expect((await call('resizeSession', { id }, { cols: 100, rows: 30 })).data).toMatchObject({ cols: 100, rows: 30 });
  expect((await call('sendInput', { id }, { data: 'hello\r' })).status).toBe(200);
  await eventually(
    async () => (await call('getScreen', { id, format: 'text' })).data,
    (screen) => String(screen).includes('got hello\n'),
    { what: 'the answer' },
  );
  expect((await call('getHistory', { id, format: 'text' })).data).toContain('got hello\n');
  expect((await call('getSession', { id })).data).toMatchObject({ id, alive: true });
  expect((await call('deleteSession', { id })).data).toMatchObject({ id, alive: false, reason: 'user' });
  expect((await call('restartSession', { id })).data).toMatchObject({ id, alive: true, run: 2 });
  expect((await call('deleteSession', { id, purge: '1' })).status).toBe(204);
  expect((await call('getSession', { id })).data).toMatchObject({ status: 404, code: 'UNKNOWN_SESSION' });
  expect((await call('getStatus')).data).toMatchObject({ server: { pid: server.pid } });
  expect((await call('getMetrics')).data).toContain('cotg_');
  expect((await call('pairDevice', null, { code: 'no-such-code' })).data).toMatchObject({ code: 'PAIRING_CODE_INVALID' });

  // No route was forgotten.
  expect([...called].toSorted()).toEqual(
    api
      .getOperations()
      .map(({ operationId }) => String(operationId))
      .toSorted(),
  );
});
