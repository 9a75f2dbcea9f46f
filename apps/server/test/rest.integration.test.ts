import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Session } from '@cotg/api';
import { eventually, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => server.close());

const post = (path: string, body: unknown): Promise<Response> => server.api(path, { method: 'POST', body: JSON.stringify(body) });

async function create(body: unknown): Promise<Session> {
  const response = await post('/api/sessions', body);
  expect(response.status).toBe(201);
  return (await response.json()) as Session;
}

async function historyOf(id: string, query = 'format=raw'): Promise<string> {
  return (await server.api(`/api/sessions/${id}/history?${query}`)).text();
}

test('a session is created, listed, typed into, read and ended', async () => {
  const session = await create({
    command: ['bash', '--norc'],
    cwd: '/tmp',
    name: 'work',
    cols: 100,
    rows: 30,
    env: { PS1: '> ', MARK: 'ok' },
  });
  expect(session).toMatchObject({
    name: 'work',
    title: 'work',
    state: 'running',
    alive: true,
    run: 1,
    cols: 100,
    rows: 30,
    cwd: '/tmp',
    reason: null,
    exitCode: null,
  });
  expect(session.pid).toBeGreaterThan(1);
  expect(((await (await server.api('/api/sessions')).json()) as Session[]).map((found) => found.id)).toContain(session.id);

  const typed = await post(`/api/sessions/${session.id}/input`, { data: 'echo "$MARK-$((40+2)) $(stty size) $(pwd)"\n' });
  expect(typed.status).toBe(200);
  await eventually(
    () => historyOf(session.id),
    (text) => text.includes('ok-42 30 100 /tmp'),
    { what: 'the command’s output is in the history' },
  );

  const ended = await server.api(`/api/sessions/${session.id}`, { method: 'DELETE' });
  expect(ended.status).toBe(200);
  expect(await ended.json()).toMatchObject({ state: 'killed', alive: false, reason: 'user', pid: null });
  expect(existsSync(`/proc/${session.pid}`)).toBe(false);
  expect(await historyOf(session.id)).toContain('ok-42');
  expect((await server.api(`/api/sessions/${session.id}`, { method: 'DELETE' })).status).toBe(204);
  expect((await server.api(`/api/sessions/${session.id}`)).status).toBe(404);
});

test('ending a session ends its whole process group, what ignores the hang-up included, and leaves no zombie', async () => {
  const session = await create({
    command: ['bash', '--norc', '-c', 'trap "" HUP; (trap "" HUP; sleep 1000) & sleep 1000 & echo pids $! $$; wait'],
  });
  const text = await eventually(
    () => historyOf(session.id),
    (all) => /pids \d+ \d+/.test(all),
    { what: 'the pids are printed' },
  );
  const pids = (/pids (\d+) (\d+)/.exec(text) ?? []).slice(1).map(Number);
  const response = await server.api(`/api/sessions/${session.id}?purge=1`, { method: 'DELETE' });
  expect(response.status).toBe(204);
  await eventually(
    () => pids.filter((pid) => existsSync(`/proc/${pid}`)),
    (left) => left.length === 0,
    { what: 'no process of the session is left' },
  );
});

test('an exit code and a signal are told apart', async () => {
  const exited = await create({ command: ['bash', '-c', 'exit 7'] });
  const killed = await create({ command: ['bash', '-c', 'kill -9 $$'] });
  const get = async (id: string): Promise<Session> => (await (await server.api(`/api/sessions/${id}`)).json()) as Session;
  await eventually(
    () => get(exited.id),
    (session) => !session.alive,
    { what: 'the program has ended' },
  );
  expect(await get(exited.id)).toMatchObject({ state: 'exited', reason: 'exit', exitCode: 7, signal: null });
  await eventually(
    () => get(killed.id),
    (session) => !session.alive,
    { what: 'the program was killed' },
  );
  expect(await get(killed.id)).toMatchObject({ state: 'killed', reason: 'signal', signal: 'SIGKILL' });
});

test('history as text joins wrapped lines, drops colours, and follows resizes', async () => {
  const long = 'x'.repeat(150);
  const session = await create({
    command: ['bash', '-c', `printf '\\033[31mred\\033[0m plain\\n${long}\\nüñí ✓\\n'; for i in $(seq 1 3000); do echo line $i; done`],
    cols: 40,
    rows: 10,
  });
  await eventually(
    () => historyOf(session.id, 'format=text'),
    (text) => text.includes('line 3000\n'),
    { what: 'all lines are there' },
  );
  const lines = (await historyOf(session.id, 'format=text')).split('\n');
  expect(lines.slice(0, 4)).toEqual(['red plain', long, 'üñí ✓', 'line 1']);
  expect(lines.filter((line) => line.startsWith('line '))).toEqual(Array.from({ length: 3000 }, (_, at) => `line ${at + 1}`));
});

test('a range of raw history is exact, and its headers tell the bounds', async () => {
  const session = await create({ command: ['printf', '%s', '0123456789'] });
  await eventually(
    () => historyOf(session.id),
    (text) => text.length === 10,
    { what: 'ten bytes' },
  );
  expect(await historyOf(session.id, 'from=3&to=6')).toBe('345');
  expect(await historyOf(session.id, 'from=8&to=99')).toBe('89');
  expect(await historyOf(session.id, 'from=99')).toBe('');
  const response = await server.api(`/api/sessions/${session.id}/history`);
  expect([response.headers.get('x-first-offset'), response.headers.get('x-end-offset'), response.headers.get('x-gap-until')]).toEqual([
    '0',
    '10',
    null,
  ]);
  expect(await response.text()).toBe('0123456789');
});

describe('bad requests are answered with a problem and change nothing', () => {
  const unknown = '6f1de9f8-5b0f-4c6e-8f9f-1d2a7f0c4b11';
  const cases: readonly (readonly [string, string, string, unknown, number, string])[] = [
    ['a missing command', 'POST', '/api/sessions', { command: ['no-such-program-here'] }, 400, 'COMMAND_NOT_FOUND'],
    ['a missing folder', 'POST', '/api/sessions', { command: ['bash'], cwd: '/no/such/folder' }, 400, 'CWD_NOT_FOUND'],
    ['a relative folder', 'POST', '/api/sessions', { command: ['bash'], cwd: 'x' }, 400, 'BAD_INPUT'],
    ['an empty command', 'POST', '/api/sessions', { command: [] }, 400, 'BAD_INPUT'],
    ['a NUL in an argument', 'POST', '/api/sessions', { command: ['bash', 'a\0b'] }, 400, 'BAD_INPUT'],
    ['a misspelt field', 'POST', '/api/sessions', { comand: ['bash'] }, 400, 'BAD_INPUT'],
    ['no columns', 'POST', '/api/sessions', { cols: 0 }, 400, 'BAD_INPUT'],
    ['too many rows', 'POST', '/api/sessions', { rows: 2 ** 31 }, 400, 'BAD_INPUT'],
    ['code in the environment', 'POST', '/api/sessions', { env: { LD_PRELOAD: '/tmp/x.so' } }, 400, 'BAD_INPUT'],
    ['a short idle time', 'POST', '/api/sessions', { idleTimeout: '10ms' }, 400, 'BAD_INPUT'],
    ['an unknown session', 'GET', `/api/sessions/${unknown}`, undefined, 404, 'UNKNOWN_SESSION'],
    ['an unknown session’s history', 'GET', `/api/sessions/${unknown}/history`, undefined, 404, 'UNKNOWN_SESSION'],
    ['input to an unknown session', 'POST', `/api/sessions/${unknown}/input`, { data: 'x' }, 404, 'UNKNOWN_SESSION'],
    ['an id that is none', 'GET', '/api/sessions/..%2f..%2fetc', undefined, 404, 'UNKNOWN_SESSION'],
    ['an unknown format', 'GET', `/api/sessions/${unknown}/history?format=pdf`, undefined, 400, 'BAD_INPUT'],
    ['a negative offset', 'GET', `/api/sessions/${unknown}/history?from=-1`, undefined, 400, 'BAD_INPUT'],
    ['an unknown route', 'GET', '/api/nothing', undefined, 404, 'NOT_FOUND'],
  ];
  test.each(cases)('%s', async (_what, method, path, body, status, code) => {
    const before = ((await (await server.api('/api/sessions')).json()) as Session[]).length;
    const response = await server.api(path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect({ status: response.status, ...((await response.json()) as object) }).toMatchObject({ status, code });
    expect(((await (await server.api('/api/sessions')).json()) as Session[]).length).toBe(before);
  });

  test('a body that is not JSON, not declared as JSON, or too large', async () => {
    const send = (body: string, type: string): Promise<Response> =>
      server.api('/api/sessions', { method: 'POST', body, headers: { 'content-type': type } });
    expect((await send('{', 'application/json')).status).toBe(400);
    expect((await send('{}', 'text/plain')).status).toBe(415);
    // Without any body only a route that needs none answers, and only to a caller that names itself in a header.
    const restart = `${server.url}/api/sessions/${unknown}/restart`;
    const bare = { authorization: `Bearer ${server.token}` };
    expect((await fetch(`${server.url}/api/sessions`, { method: 'POST', headers: bare })).status).toBe(415);
    expect((await fetch(restart, { method: 'POST', headers: bare })).status).toBe(404);
    const declared = { ...bare, 'content-type': 'application/json' };
    expect((await fetch(restart, { method: 'POST', headers: declared })).status).toBe(404);
    expect((await fetch(restart, { method: 'POST' })).status).toBe(401);
    expect((await send('a=b', 'application/x-www-form-urlencoded')).status).toBe(415);
    expect((await send(JSON.stringify({ name: 'x'.repeat(1_100_000) }), 'application/json')).status).toBe(413);
  });

  test('a script sets the size; nonsense and an ended session are refused', async () => {
    const session = await create({ command: ['bash', '-c', 'trap "stty size" WINCH; while :; do read -rt 0.1; done'] });
    const resize = (size: object, id = session.id): Promise<Response> =>
      server.api(`/api/sessions/${id}/resize`, { method: 'POST', body: JSON.stringify(size) });
    const response = await resize({ cols: 101, rows: 33 });
    expect([response.status, await response.json()]).toEqual([200, expect.objectContaining({ cols: 101, rows: 33 })]);
    await eventually(
      async () => (await server.api(`/api/sessions/${session.id}/screen`)).text(),
      (text) => text.includes('33 101'),
      { what: 'the program learns of it' },
    );
    expect((await resize({ cols: 0, rows: 33 })).status).toBe(400);
    expect((await resize({ cols: 80 })).status).toBe(400);
    expect((await resize({ cols: 80, rows: 24 }, unknown)).status).toBe(404);
    await server.api(`/api/sessions/${session.id}?purge=1`, { method: 'DELETE' });
  });

  test('ending an ended session twice is told apart, typing into one is a conflict', async () => {
    const session = await create({ command: ['true'] });
    await eventually(
      async () => ((await (await server.api(`/api/sessions/${session.id}`)).json()) as Session).alive,
      (alive) => !alive,
      { what: 'it has ended' },
    );
    const response = await post(`/api/sessions/${session.id}/input`, { data: 'x' });
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([409, 'SESSION_ENDED']);
  });
});

test('names are labels: control characters go, PATCH changes them', async () => {
  const session = await create({ command: ['sleep', '1000'], name: 'a\u001b[31mb\u202e\n' });
  expect(session.name).toBe('a[31mb');
  const patched = await server.api(`/api/sessions/${session.id}`, {
    method: 'PATCH',
    body: JSON.stringify({ name: 'new', maxHistoryBytes: 1_000_000 }),
  });
  expect(await patched.json()).toMatchObject({ name: 'new', title: 'new', maxHistoryBytes: 1_000_000 });
  await server.api(`/api/sessions/${session.id}?purge=1`, { method: 'DELETE' });
});

test('status names every process of ours, and the document describes every route', async () => {
  const status = (await (await server.api('/api/status')).json()) as { server: { pid: number }; host: { pid: number }; dataDir: string };
  expect(status).toMatchObject({
    server: { pid: server.pid },
    dataDir: server.dataDir,
    storage: { state: 'ok', damaged: [] },
  });
  expect(existsSync(`/proc/${status.host.pid}`)).toBe(true);
  const document = (await (await server.api('/api/openapi.json')).json()) as { openapi: string; paths: Record<string, unknown> };
  expect(document.openapi).toBe('3.1.0');
  expect(Object.keys(document.paths)).toContain('/api/sessions/{id}/history');
});
