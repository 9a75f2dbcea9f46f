// Finding and starting hosts, with real processes that are killed.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { connectHost } from '../src/client/host-client.ts';
import { connectOrLaunchHost } from '../src/client/launcher.ts';
import type { LaunchOptions } from '../src/client/launcher.ts';
import { createSession, startTestHost } from '../src/testing/start-test-host.ts';
import { descriptorsOf, isRunning, until } from './support/processes.ts';
import { SessionFeed } from './support/session-feed.ts';

const HOST_PROCESS = fileURLToPath(new URL('../src/testing/host-process.ts', import.meta.url));
const LAUNCHER_PROCESS = fileURLToPath(new URL('./support/launcher-process.ts', import.meta.url));

interface Place extends AsyncDisposable {
  readonly options: LaunchOptions;
  readonly folder: string;
}

/** A data directory of its own; whatever host runs there is ended with it. */
function makePlace(change: Partial<LaunchOptions> = {}): Place {
  const folder = mkdtempSync(join(tmpdir(), 'cotg-launch-'));
  const socketPath = join(folder, 'host.sock');
  const secret = randomUUID();
  const options: LaunchOptions = {
    dataDir: folder,
    socketPath,
    secret,
    clientVersion: 'test',
    command: { execPath: process.execPath, args: ['--conditions=@cotg/source', HOST_PROCESS, socketPath, secret] },
    env: { PATH: process.env['PATH'] },
    logPath: join(folder, 'host.log'),
    timeoutMs: 20_000,
    ...change,
  };
  return {
    options,
    folder,
    async [Symbol.asyncDispose]() {
      const client = await connectHost(options).catch(() => undefined);
      if (client) {
        const { pid } = client.hello.host;
        await client.request('shutdown', {});
        await client.close();
        if (pid !== process.pid) await until(() => !isRunning(pid));
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

test('a host is started when there is none, and found when there is one', async () => {
  await using place = makePlace();
  const first = await connectOrLaunchHost(place.options);
  const { pid } = first.client.hello.host;
  expect(first.startedPid).toBe(pid);
  expect(pid).not.toBe(process.pid);
  const second = await connectOrLaunchHost(place.options);
  expect(second.startedPid).toBeNull();
  expect(second.client.hello.host.pid).toBe(pid);
  expect(statSync(place.options.logPath).mode & 0o777).toBe(0o600);
  expect(readFileSync(place.options.logPath, 'utf8')).toContain('the host listens');
  await Promise.all([first.client.close(), second.client.close()]);
});

test('F11: a host outlives the death of the process that started it, and so do its programs', async () => {
  await using place = makePlace();
  // The launcher has a descriptor that must not reach the host: the end of a pipe whose other end waits here for its closing.
  const launcher = spawn(process.execPath, ['--conditions=@cotg/source', LAUNCHER_PROCESS, JSON.stringify(place.options)], {
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
    detached: true,
  });
  const pipeClosed = new Promise((resolve) => (launcher.stdio[3] as Readable).on('close', resolve).resume());
  const stdout = new Promise<string>((resolve) => launcher.stdout?.setEncoding('utf8').on('data', resolve));
  const exited = new Promise((resolve) => launcher.once('exit', resolve));
  const { hostPid, sessionId, childPid } = JSON.parse(await stdout) as { hostPid: number; sessionId: string; childPid: number };
  // The whole group at once, as a closing terminal or a supervisor would.
  process.kill(-(launcher.pid ?? 0), 'SIGKILL');
  await exited;
  await pipeClosed;
  expect(isRunning(hostPid)).toBe(true);
  expect(isRunning(childPid)).toBe(true);
  const stat = readFileSync(`/proc/${hostPid}/stat`, 'latin1');
  const [, , group, session] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  expect([group, session], 'it leads a session of its own').toEqual([hostPid, hostPid]);
  const { 0: input, 1: output, 2: errors } = descriptorsOf(hostPid);
  expect([input, output, errors]).toEqual(['/dev/null', place.options.logPath, place.options.logPath]);

  const { client, startedPid } = await connectOrLaunchHost(place.options);
  expect(startedPid).toBeNull();
  expect(client.hello).toMatchObject({ host: { pid: hostPid }, sessions: [{ id: sessionId, state: 'running', pid: childPid }] });
  const feed = new SessionFeed(client, sessionId);
  await client.request('input', { sessionId, viewerId: 'v', n: 1 }, { body: Buffer.from('echo back-$((1))\n') });
  await feed.untilText('back-1');
  await client.close();
});

test('a host that was killed is replaced: the socket it left is no hindrance', async () => {
  await using place = makePlace();
  const first = await connectOrLaunchHost(place.options);
  const { pid } = first.client.hello.host;
  process.kill(pid, 'SIGKILL');
  expect((await first.client.closed).code).toBe('HOST_CLOSED');
  expect(existsSync(place.options.socketPath)).toBe(true);
  const second = await connectOrLaunchHost(place.options);
  expect(second.startedPid).toBe(second.client.hello.host.pid);
  expect(second.startedPid).not.toBe(pid);
  await second.client.close();
});

test('SIGTERM ends a host with its programs', async () => {
  await using place = makePlace();
  const { client } = await connectOrLaunchHost(place.options);
  const { reply } = await createSession(client);
  process.kill(client.hello.host.pid, 'SIGTERM');
  await client.closed;
  await until(() => !isRunning(client.hello.host.pid));
  expect(isRunning(reply.session.pid ?? 0)).toBe(false);
  expect(existsSync(place.options.socketPath)).toBe(false);
});

test('a host that ends at once is reported with the end of its log', async () => {
  await using place = makePlace({ timeoutMs: 10_000 });
  const command = { execPath: process.execPath, args: ['-e', 'console.error("the disk is on fire"); process.exit(9)'] };
  await expect(connectOrLaunchHost({ ...place.options, command })).rejects.toMatchObject({
    code: 'HOST_START_FAILED',
    message: expect.stringContaining('code 9'),
    hint: expect.stringContaining('the disk is on fire'),
  });
});

test('a program that cannot be executed is reported', async () => {
  await using place = makePlace({ timeoutMs: 10_000 });
  const command = { execPath: '/no/such/program', args: [] };
  await expect(connectOrLaunchHost({ ...place.options, command })).rejects.toMatchObject({
    code: 'HOST_START_FAILED',
    message: expect.stringContaining('ENOENT'),
  });
});

test('a host that never answers is given up after the time-out', async () => {
  await using place = makePlace({ timeoutMs: 300 });
  const command = { execPath: '/bin/sleep', args: ['3'] };
  await expect(connectOrLaunchHost({ ...place.options, command })).rejects.toMatchObject({ code: 'HOST_START_FAILED' });
});

test('waiting for a host ends with the signal of the caller', async () => {
  await using place = makePlace();
  const command = { execPath: '/bin/sleep', args: ['3'] };
  const signal = AbortSignal.timeout(100);
  await expect(connectOrLaunchHost({ ...place.options, command, signal })).rejects.toMatchObject({ name: 'TimeoutError' });
});

test('no second host is started beside one that refuses or does not answer', async () => {
  await using place = makePlace();
  const trace = join(place.folder, 'started');
  const command = { execPath: '/bin/sh', args: ['-c', `: >${trace}`] };
  {
    await using host = await startTestHost({ socketPath: place.options.socketPath });
    expect(host.secret).not.toBe(place.options.secret);
    await expect(connectOrLaunchHost({ ...place.options, command })).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
  }
  const silent = createServer((socket) => void socket.resume());
  await new Promise<void>((resolve) => silent.listen(place.options.socketPath, resolve));
  await expect(connectOrLaunchHost({ ...place.options, command, timeoutMs: 300 })).rejects.toMatchObject({ code: 'HOST_NOT_ANSWERING' });
  await new Promise((resolve) => silent.close(resolve));
  expect(existsSync(trace)).toBe(false);
});

test('two callers at once get the same host', async () => {
  await using place = makePlace();
  const both = await Promise.all([connectOrLaunchHost(place.options), connectOrLaunchHost(place.options)]);
  const pids = both.map(({ client }) => client.hello.host.pid);
  expect(new Set(pids).size).toBe(1);
  expect(both.filter(({ startedPid }) => startedPid !== null)).toHaveLength(1);
  await Promise.all(both.map(({ client }) => client.close()));
});

test('a path too long for the kernel and for the way around it is an error with a hint', async () => {
  const socketPath = `/tmp/${'n'.repeat(120)}`;
  await expect(connectHost({ socketPath, secret: '', clientVersion: 't' })).rejects.toMatchObject({
    code: 'SOCKET_PATH_TOO_LONG',
    hint: expect.stringContaining('shorter'),
  });
});

test('a file that is no socket is no host', async () => {
  await using place = makePlace();
  writeFileSync(place.options.socketPath, 'not a socket');
  await expect(connectHost(place.options)).rejects.toMatchObject({ code: 'HOST_NOT_RUNNING' });
});
