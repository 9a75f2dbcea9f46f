// Moments at which two things happen at once, and things that fail again and again.
import { mkdirSync, readFileSync, renameSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Session } from '@cotg/api';
import { eventually, runCotg, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';
import { attachViewer } from '../../../testing/viewer.ts';
import type { TestViewer } from '../../../testing/viewer.ts';

const FULL_SET = process.env['COTG_FAULTS'] === 'full';
/** Sessions that die at the edge of each grace. */
const AT_THE_EDGE = FULL_SET ? 100 : 12;

async function create(server: TestServer, script: string, more: object = {}): Promise<Session> {
  const body = JSON.stringify({ command: ['bash', '-c', script], ...more });
  const response = await server.api('/api/sessions', { method: 'POST', body });
  if (response.status !== 201) throw new Error(await response.text());
  return (await response.json()) as Session;
}

/** Starts of a host that its log tells, those that came to nothing included. */
function hostStarts(server: TestServer): number {
  return server
    .output()
    .split('\n')
    .filter((line) => line.includes('"no host"')).length;
}

test('F16: wrong settings again and again: each start is refused with its reason, the host and its sessions do not notice', async () => {
  await using server = await startTestServer({ from: 'dist' });
  const session = await create(server, 'echo here; sleep 1000');
  const host = await server.hostPid();
  await server.kill('SIGKILL');
  for (let start = 0; start < 5; start += 1) {
    const { code, stderr } = await runCotg(['serve'], { dataDir: server.dataDir, env: { COTG_PORT: 'eighty' }, from: 'dist' });
    expect(code).toBe(2);
    expect(stderr).toContain('COTG_PORT');
  }
  expect(process.kill(host, 0)).toBe(true);
  await server.start();
  expect(await server.hostPid()).toBe(host);
  expect((await (await server.api(`/api/sessions/${session.id}`)).json()) as Session).toMatchObject({ alive: true, pid: session.pid });
}, 60_000);

test('F16: a host that cannot start is tried with growing pauses, at last once in 5 s; the server answers meanwhile, and goes on when it can', async () => {
  await using server = await startTestServer({ from: 'dist' });
  const session = await create(server, 'echo here; exit');
  await eventually(
    async () => (await (await server.api(`/api/sessions/${session.id}`)).json()) as Session,
    ({ alive }) => !alive,
    { what: 'it has ended' },
  );
  // What a host cannot get past: its database is a directory.
  const journal = join(server.dataDir, 'journal.db');
  const host = await server.hostPid();
  process.kill(host, 'SIGTERM');
  await eventually(
    () => readFileSync(join(server.dataDir, 'host.log'), 'utf8'),
    (log) => log.includes('"host ended"'),
    { what: 'the host is gone' },
  );
  renameSync(journal, `${journal}.away`);
  mkdirSync(journal);
  await eventually(
    () => hostStarts(server),
    (count) => count >= 4,
    { what: 'some attempts have failed', timeoutMs: 60_000 },
  );
  const before = hostStarts(server);
  const since = performance.now();
  await eventually(
    () => hostStarts(server),
    (count) => count >= before + 2,
    { what: 'two more', timeoutMs: 120_000 },
  );
  // 1 and 2 s; an attempt itself takes its time too.
  expect(performance.now() - since).toBeGreaterThan(2500);
  expect((await server.api('/healthz')).status).toBe(200);
  const refused = await server.api('/api/status');
  expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([503, 'HOST_UNREACHABLE']);
  rmdirSync(journal);
  renameSync(`${journal}.away`, journal);
  const back = await eventually(
    async () => await server.api(`/api/sessions/${session.id}`),
    (response) => response.ok,
    { what: 'a host serves again', timeoutMs: 60_000 },
  );
  expect((await back.json()) as Session).toMatchObject({ id: session.id, alive: false });
}, 180_000);

test('F15: an export that breaks off on its way is a download that fails, not a short one, and costs nobody else anything', async () => {
  await using server = await startTestServer({ from: 'dist' });
  const { id } = await create(server, 'yes "a line of a long history" | head -c 30000000; exec sleep 1000');
  await eventually(
    async () => (await (await server.api(`/api/sessions/${id}`)).json()) as Session,
    ({ endOffset }) => endOffset > 30_000_000,
    { what: 'it has printed', timeoutMs: 60_000 },
  );
  const { pid } = server;
  for (const format of ['raw', 'cast', 'text']) {
    const response = await server.api(`/api/sessions/${id}/history?format=${format}`);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    // Far more is to come than sockets hold; and then nobody is there who could give it.
    const host = await server.hostPid();
    process.kill(host, 'SIGKILL');
    const rest = async (): Promise<void> => {
      for (;;) if ((await reader.read()).done) return;
    };
    await expect(rest(), format).rejects.toThrow();
    await eventually(
      () => server.hostPid().catch(() => host),
      (now) => now !== host,
      { what: 'the next host', timeoutMs: 60_000 },
    );
  }
  expect(server.pid).toBe(pid);
  expect((await server.api('/healthz')).status).toBe(200);
}, 180_000);

const PRINTED = 'line of a session that dies\r\n';

/** Attaches and says what came of it: everything, or that there is no such session. */
async function outcomeOf(viewer: TestViewer): Promise<'there' | 'gone'> {
  const [hellos, errors] = await eventually(
    () => [viewer.offset >= 0 ? viewer.hellos : 0, viewer.errors.length] as const,
    ([there, failed]) => there > 0 || failed > 0,
    { what: 'an answer to attach' },
  );
  return errors > 0 && hellos === 0 ? 'gone' : 'there';
}

test(`F56: ${AT_THE_EDGE} dead sessions are removed while clients attach: each client gets all of it or a clear no, never half`, async () => {
  await using server = await startTestServer({ from: 'dist', env: { COTG_DEAD_GRACE: '2s', COTG_SWEEP_INTERVAL: '1s' } });
  const counts = { there: 0, gone: 0 };
  const attachUntilGone = async (): Promise<void> => {
    const { id } = await create(server, `printf '${PRINTED.replace('\r\n', '\\n')}'`);
    // The grace begins when somebody sees it dead.
    await eventually(
      async () => (await (await server.api(`/api/sessions/${id}`)).json()) as Session,
      ({ alive }) => !alive,
      { what: 'it is seen dead' },
    );
    for (let gone = false; !gone;) {
      await using viewer = attachViewer({ url: server.url, token: server.token, sessionId: id });
      const [outcome, history] = await Promise.all([outcomeOf(viewer), server.api(`/api/sessions/${id}/history?format=raw`)]);
      counts[outcome] += 1;
      if (outcome === 'there') {
        const hello = viewer.events[0];
        expect(hello).toMatchObject({ type: 'hello', session: { id, state: 'exited', exitCode: 0, endOffset: PRINTED.length } });
        expect(viewer.events[1]).toMatchObject({ type: 'snapshot', offset: PRINTED.length });
      } else {
        expect(String(viewer.errors[0])).toMatch(/no (such )?session/);
        gone = true;
      }
      if (history.ok) expect(await history.text()).toBe(PRINTED);
      else expect(await history.json()).toMatchObject({ status: 404, code: 'UNKNOWN_SESSION' });
      await delay(Math.random() * 60);
    }
    expect((await server.api(`/api/sessions/${id}`)).status).toBe(404);
  };
  await Promise.all(Array.from({ length: AT_THE_EDGE }, attachUntilGone));
  expect(counts.there).toBeGreaterThan(AT_THE_EDGE);
  expect(counts.gone).toBe(AT_THE_EDGE);
}, 600_000);

test(`F56: ${AT_THE_EDGE} clients attach at the moment at which an idle session ends: it lives on with them, or they see how it ended`, async () => {
  await using server = await startTestServer({ from: 'dist', env: { COTG_IDLE_TIMEOUT: '1s', COTG_SWEEP_INTERVAL: '1s' } });
  const counts = { alive: 0, ended: 0 };
  await Promise.all(
    Array.from({ length: AT_THE_EDGE }, async (_, n) => {
      const { id } = await create(server, 'echo here; exec sleep 1000', { idleTimeout: '1s' });
      await delay(900 + (n * 1400) / AT_THE_EDGE);
      await using viewer = attachViewer({ url: server.url, token: server.token, sessionId: id });
      expect(await outcomeOf(viewer)).toBe('there');
      // Time enough for the end of one that was being ended.
      await delay(2500);
      const session = (await (await server.api(`/api/sessions/${id}`)).json()) as Session;
      if (session.alive) {
        counts.alive += 1;
        expect(viewer.events.some(({ type }) => type === 'exit')).toBe(false);
      } else {
        counts.ended += 1;
        expect(session).toMatchObject({ state: 'killed', reason: 'idle' });
        const told = viewer.events.some((event) => event.type === 'exit' || (event.type === 'hello' && !event.session.alive));
        expect(told).toBe(true);
      }
    }),
  );
  expect(counts.alive + counts.ended).toBe(AT_THE_EDGE);
  console.log(`${AT_THE_EDGE} clients at the edge of idleness: ${counts.alive} kept their session, ${counts.ended} saw it end`);
}, 120_000);
