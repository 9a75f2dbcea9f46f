import { expect, test } from 'vitest';
import type { Session } from '@cotg/api';
import { eventually, runCotg, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';
import { attachViewer } from '../../../testing/viewer.ts';

async function create(server: TestServer, command: readonly string[], more: object = {}): Promise<Session> {
  const response = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command, ...more }) });
  if (response.status !== 201) throw new Error(await response.text());
  return (await response.json()) as Session;
}

async function get(server: TestServer, id: string): Promise<Session | null> {
  const response = await server.api(`/api/sessions/${id}`);
  return response.status === 404 ? null : ((await response.json()) as Session);
}

const post = (server: TestServer, path: string, body?: object): Promise<Response> =>
  server.api(path, { method: 'POST', ...(body === undefined ? {} : { body: JSON.stringify(body) }) });

const ended = (session: Session | null): boolean => session?.alive === false;

test('a session without viewer, input and output for its time is ended, says before when and why, and afterwards by whom', async () => {
  await using server = await startTestServer({ env: { COTG_IDLE_TIMEOUT: '3s' } });
  const quiet = await create(server, ['sleep', '1000']);
  const never = await create(server, ['sleep', '1000'], { idleTimeout: '0' });
  const busy = await create(server, ['bash', '-c', 'while :; do echo tick; sleep 0.3; done']);
  const watched = await create(server, ['sleep', '1000']);
  await using viewer = attachViewer({ url: server.url, token: server.token, sessionId: watched.id });
  await viewer.attached();
  const forecast = await get(server, quiet.id);
  expect(forecast?.forecast).toMatch(
    /^Ends in \d seconds? if nothing happens: 3 seconds without a viewer, a key or output is its limit\.$/,
  );
  const leftMs = Date.parse(forecast?.idleEndsAt ?? '') - Date.now();
  expect(leftMs).toBeGreaterThan(0);
  expect(leftMs).toBeLessThanOrEqual(3000);
  expect(await get(server, never.id)).toMatchObject({ idleEndsAt: null, forecast: null });
  await eventually(
    () => get(server, watched.id),
    (session) => session?.idleEndsAt === null && session.viewers === 1,
    { what: 'the host knows that somebody looks' },
  );
  const end = await eventually(() => get(server, quiet.id), ended, { what: 'it is ended' });
  expect(end).toMatchObject({ state: 'killed', reason: 'idle', pid: null, idleEndsAt: null });
  expect(end?.forecast).toMatch(/^Will be removed in (1 hour|\d+ minutes): it has ended\.$/);
  // Its last screen can still be read; the others go on.
  expect((await server.api(`/api/sessions/${quiet.id}/screen`)).status).toBe(200);
  for (const { id } of [never, busy, watched]) expect(await get(server, id)).toMatchObject({ alive: true });
  // When the last viewer goes, its time begins.
  await viewer[Symbol.asyncDispose]();
  expect(await eventually(() => get(server, watched.id), ended, { what: 'the watched one is ended too' })).toMatchObject({
    reason: 'idle',
  });
});

test('a restart of the server ends no idle time and no session; input of a script is activity', async () => {
  await using server = await startTestServer({ env: { COTG_IDLE_TIMEOUT: '15s' } });
  const session = await create(server, ['cat']);
  for (let n = 0; n < 4; n += 1) {
    await post(server, `/api/sessions/${session.id}/input`, { data: 'x' });
    await server.kill('SIGKILL');
    await server.start();
    expect(await get(server, session.id)).toMatchObject({ alive: true });
  }
  expect(await eventually(() => get(server, session.id), ended, { what: 'it is idle at last', timeoutMs: 60_000 })).toMatchObject({
    reason: 'idle',
  });
}, 150_000);

test('an ended session is removed when its time since it was first seen is up; a pinned one stays; a restarted one is no longer ended', async () => {
  await using server = await startTestServer({ env: { COTG_DEAD_GRACE: '2s', COTG_SWEEP_INTERVAL: '1s' } });
  const [gone, pinned, again] = [
    await create(server, ['true']),
    await create(server, ['true']),
    await create(server, ['bash', '-c', 'sleep 0.2']),
  ];
  await server.api(`/api/sessions/${pinned.id}`, { method: 'PATCH', body: JSON.stringify({ pinned: true }) });
  const first = await eventually(() => get(server, gone.id), ended, { what: 'the program has ended' });
  expect(Date.parse(first?.removedAt ?? '') - Date.now()).toBeLessThanOrEqual(2000);
  await eventually(() => get(server, again.id), ended, { what: 'the other has ended' });
  expect(await get(server, pinned.id)).toMatchObject({ pinned: true, removedAt: null });
  const restarted = (await (await post(server, `/api/sessions/${again.id}/restart`)).json()) as Session;
  expect(restarted).toMatchObject({ id: again.id, run: 2, alive: true, removedAt: null, endedAt: null, reason: null });
  await eventually(
    () => get(server, gone.id),
    (session) => session === null,
    { what: 'it is removed' },
  );
  expect(await get(server, pinned.id)).toMatchObject({ alive: false, pinned: true });
  expect((await server.api(`/api/sessions/${gone.id}/history`)).status).toBe(404);
});

test('a session that nobody has seen ended stays, over a restart of the server too', async () => {
  await using server = await startTestServer({ env: { COTG_DEAD_GRACE: '1s', COTG_SWEEP_INTERVAL: '1s' } });
  const session = await create(server, ['bash', '-c', 'sleep 0.5; echo done']);
  await server.kill('SIGTERM');
  await server.start();
  // Two sweeps have looked at it, and a sweep is no client.
  await eventually(
    () => server.output(),
    (output) => output.includes('serves'),
    { what: 'it serves' },
  );
  await new Promise((resolve) => setTimeout(resolve, 2500));
  const seen = await get(server, session.id);
  expect(seen).toMatchObject({ alive: false, state: 'exited', exitCode: 0 });
  await eventually(
    () => get(server, session.id),
    (found) => found === null,
    { what: 'seen, it goes' },
  );
});

test('restart runs the same program in the same folder as the next run, behind a seam that both ends show; viewers go on', async () => {
  await using server = await startTestServer();
  const session = await create(server, ['bash', '-c', 'stty -echo; printf "\\033[31mrun in $(pwd)\\n"; read x; echo "read $x"; exit 7'], {
    cwd: '/tmp',
    cols: 60,
    rows: 10,
  });
  expect((await post(server, `/api/sessions/${session.id}/restart`)).status).toBe(409);
  await using viewer = attachViewer({ url: server.url, token: server.token, sessionId: session.id });
  await viewer.attached();
  await viewer.type('one\r');
  await viewer.waitFor('read one');
  expect(await eventually(() => get(server, session.id), ended, { what: 'the first run has ended' })).toMatchObject({
    state: 'exited',
    exitCode: 7,
    reason: 'exit',
  });
  const restarted = (await (await post(server, `/api/sessions/${session.id}/restart`)).json()) as Session;
  expect(restarted).toMatchObject({ run: 2, alive: true, exitCode: null, cols: 60, rows: 10, cwd: '/tmp' });
  expect(restarted.firstOffset).toBe(0);
  await eventually(
    () => viewer.events.find((event) => event.type === 'seam'),
    (seam) => seam?.type === 'seam' && seam.run === 2 && seam.note.includes('started again'),
    { what: 'the viewer sees the seam' },
  );
  const screen = async (): Promise<string> => (await server.api(`/api/sessions/${session.id}/screen`)).text();
  const shown = await eventually(screen, (text) => text.includes('run in /tmp'), { what: 'the new run is on the screen' });
  expect(shown).toContain('started again');
  expect(shown).not.toContain('read one');
  // Numbers go on: a key sent again is still known.
  await viewer.type('two\r');
  await viewer.waitFor('read two');
  expect(viewer.breaks).toBe(0);
  await eventually(() => get(server, session.id), ended, { what: 'the second run has ended' });
  const text = await (await server.api(`/api/sessions/${session.id}/history?format=text`)).text();
  expect(text).toMatch(/run in \/tmp[\s\S]*read one[\s\S]*run in \/tmp[\s\S]*read two/);
  // A run of a host that is gone can be started again as well.
  await server.kill('SIGTERM');
  process.kill(await hostOf(server), 'SIGKILL');
  await server.start();
  const third = await runCotg(['restart', session.id, '--json'], { dataDir: server.dataDir });
  expect(third.code, third.stderr).toBe(0);
  expect(JSON.parse(third.stdout)).toMatchObject({ run: 3, alive: true });
  const nobody = await runCotg(['kill', 'nope'], { dataDir: server.dataDir });
  expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringContaining('There is no session whose id begins with “nope”.')]);
  const killed = await runCotg(['kill', session.id.slice(0, 8)], { dataDir: server.dataDir });
  expect(killed.stdout).toContain('killed (user), run 3');
  expect((await runCotg(['rm', session.id], { dataDir: server.dataDir })).code).toBe(0);
  expect(await get(server, session.id)).toBeNull();
}, 60_000);

/** The server is down: its host says who it is in its log. */
async function hostOf(server: TestServer): Promise<number> {
  const { readFileSync } = await import('node:fs');
  const lines = readFileSync(`${server.dataDir}/host.log`, 'utf8').trim().split('\n');
  return (JSON.parse(lines.findLast((line) => line.includes('host serves')) ?? '{}') as { pid: number }).pid;
}

test('programs of a lost host are left alone, or ended when that is wanted; what innocent processes do is not touched', async () => {
  for (const policy of ['leave', 'end'] as const) {
    await using server = await startTestServer({ env: { COTG_ORPHANS: policy } });
    const session = await create(server, ['bash', '-c', "trap '' HUP; echo trapped; while :; do sleep 0.2; done"]);
    await eventually(
      async () => (await server.api(`/api/sessions/${session.id}/screen`)).text(),
      (text) => text.includes('trapped'),
      { what: 'it ignores hangups' },
    );
    const { pid } = session;
    if (pid === null) throw new Error('no pid');
    process.kill(await server.hostPid(), 'SIGKILL');
    const lost = await eventually(
      () => get(server, session.id).catch(() => null),
      (found) => found?.state === 'lost',
      { what: 'it is marked lost' },
    );
    expect(lost).toMatchObject({ reason: 'host-lost', pid: null, alive: false });
    const lives = (): boolean => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    if (policy === 'leave') {
      expect(lives()).toBe(true);
      process.kill(pid, 'SIGKILL');
    }
    await eventually(lives, (alive) => !alive, { what: 'the orphan has ended' });
  }
}, 60_000);
