// What whoever runs it meets: a stop while much goes on, an upgrade beside a host that stays, and log files of each process.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { Session } from '@cotg/api';
import { eventually, makeDataDir, runCotg, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';
import { attachViewer } from '../../../testing/viewer.ts';

const SESSIONS = 20;
/** Promised of a stop with so many busy sessions, all of them looked at (ms). */
const STOP_MS = 2000;
/** A test fails at five times what is promised: machines are noisy. */
const SLACK = 5;

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

async function create(server: TestServer, command: readonly string[]): Promise<Session> {
  const response = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command }) });
  if (response.status !== 201) throw new Error(await response.text());
  return (await response.json()) as Session;
}

test('a stop with twenty busy sessions and their viewers takes no longer than promised, and they run on', async () => {
  await using server = await startTestServer({ from: 'dist' });
  const sessions: Session[] = [];
  for (let n = 0; n < SESSIONS; n += 1) sessions.push(await create(server, ['sh', '-c', 'while :; do seq 500; sleep 0.2; done']));
  await using viewers = new AsyncDisposableStack();
  for (const { id } of sessions) {
    const viewer = viewers.use(attachViewer({ url: server.url, token: server.token, sessionId: id, keepText: false, skips: true }));
    await viewer.attached();
    const from = viewer.offset;
    await eventually(
      () => viewer.offset,
      (offset) => offset > from,
      { what: 'output flows' },
    );
  }
  const since = performance.now();
  const code = await server.kill('SIGTERM');
  const tookMs = performance.now() - since;
  console.log(`stop with ${SESSIONS} busy sessions: ${Math.round(tookMs)} ms`);
  expect(code).toBe(0);
  expect(tookMs).toBeLessThan(STOP_MS * SLACK);
  expect(sessions.filter(({ pid }) => !existsSync(`/proc/${pid}`))).toEqual([]);
});

test('each process has a log file of its own, and stderr says the same as the server’s', async () => {
  await using server = await startTestServer({ from: 'dist', env: { COTG_LOG_LEVEL: 'debug' } });
  const { id } = await create(server, ['sh', '-c', 'echo shown; exec cat']);
  await eventually(
    async () => (await server.api(`/api/sessions/${id}/screen`)).text(),
    (screen) => screen.includes('shown'),
    { what: 'the screens process shows it' },
  );
  const pid = server.pid;
  await server.kill('SIGTERM');
  const linesOf = (name: string): { name: string; pid: number; msg: string }[] =>
    readFileSync(join(server.dataDir, name), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string; pid: number; msg: string });
  const ofServer = linesOf('server.log');
  expect(new Set(ofServer.map((line) => `${line.name} ${line.pid}`))).toEqual(new Set([`server ${pid}`]));
  expect(ofServer.map(({ msg }) => msg)).toContain('stopping; sessions run on');
  for (const { msg } of ofServer) expect(server.output()).toContain(msg);
  expect(linesOf('host.log').map(({ msg }) => msg)).toContain('host serves');
  expect(linesOf('screens.log').map(({ msg }) => msg)).toContain('screens process serves');
});

/** A host process of the build, changed in its own copy by `change`: an older one, or one of another generation. */
async function startOtherHost(server: TestServer, change: (folder: string) => void): Promise<ChildProcess> {
  const { dataDir } = server;
  expect((await runCotg(['stop', '--all', '--yes'], { dataDir, from: 'dist' })).code).toBe(0);
  const [copy] = readdirSync(join(dataDir, 'host-runtime'));
  const folder = join(dataDir, 'host-runtime', String(copy));
  change(folder);
  const log = openSync(join(dataDir, 'host.log'), 'a');
  const args = [join(folder, 'app', 'dist', 'host-main.js'), dataDir, 'normal', 'leave', 'sqlite', ''];
  const host = spawn(process.execPath, args, { cwd: dataDir, stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  await eventually(
    () => existsSync(join(dataDir, 'host.sock')),
    (isThere) => isThere,
    { what: 'the other host listens' },
  );
  return host;
}

test('a new server goes on with an older host of the same protocol generation', async () => {
  const dataDir = makeDataDir();
  folders.push(dataDir);
  await using server = await startTestServer({ from: 'dist', dataDir });
  const host = await startOtherHost(server, (folder) => {
    writeFileSync(join(folder, 'app', 'package.json'), JSON.stringify({ name: '@cotg/server', version: '0.0.1', type: 'module' }));
  });
  await server.start();
  const status = (await (await server.api('/api/status')).json()) as {
    server: { version: string };
    host: { pid: number; version: string };
  };
  expect(status.host).toMatchObject({ pid: host.pid, version: '0.0.1' });
  expect(status.server.version).not.toBe('0.0.1');
  const { id } = await create(server, ['cat']);
  await using viewer = attachViewer({ url: server.url, token: server.token, sessionId: id });
  await viewer.attached();
  await viewer.type('<typed>');
  await viewer.waitFor('<typed>');
});

test('beside a host of another protocol generation a server says what to do, and ends nothing', async () => {
  const dataDir = makeDataDir();
  folders.push(dataDir);
  await using server = await startTestServer({ from: 'dist', dataDir });
  const host = await startOtherHost(server, (folder) => {
    const file = join(folder, 'node_modules', '@cotg', 'pty', 'dist', 'protocol', 'messages.js');
    const text = readFileSync(file, 'utf8');
    const older = text.replace(/(PROTOCOL_VERSION = )\d+/, '$11');
    expect(older).not.toBe(text);
    writeFileSync(file, older);
  });
  try {
    for (const args of [
      ['serve', '--port', '0'],
      ['stop', '--all', '--yes'],
    ]) {
      const { code, stderr } = await runCotg(args, { dataDir, from: 'dist' });
      expect(code).toBe(1);
      expect(stderr.trim().split('\n')).toEqual([expect.stringMatching(/another generation.*with the version that started it/)]);
    }
    expect(host.exitCode).toBe(null);
  } finally {
    const gone = once(host, 'exit');
    host.kill('SIGTERM');
    await gone;
  }
});
