import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync, chmodSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { eventually, makeDataDir, runCotg, startTestServer } from '../../../testing/start-server.ts';
import type { CommandResult } from '../../../testing/start-server.ts';

const folders: string[] = [];
function dataDir(): string {
  const path = makeDataDir();
  folders.push(path);
  return path;
}
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** What a failed start says: exactly one line, by name. */
function onlyLine(text: string): string {
  const lines = text.trim().split('\n');
  expect(lines).toHaveLength(1);
  return lines[0] ?? '';
}

test('a second server on one data directory says where the first is and exits with 3', async () => {
  await using server = await startTestServer();
  const second = await runCotg(['serve', '--port', '0'], { dataDir: server.dataDir });
  expect(second.code).toBe(3);
  expect(onlyLine(second.stderr)).toContain(`Already serving at ${server.url} (pid ${server.pid})`);
  expect((await server.api('/api/status')).status).toBe(200);
});

test('F18: of twenty servers started at once exactly one serves, and the others say so', async () => {
  const path = dataDir();
  const starts = Array.from({ length: 20 }, () => startTestServer({ dataDir: path, from: 'dist' }));
  const results = await Promise.allSettled(starts);
  const winners = results.filter((result) => result.status === 'fulfilled').map((result) => result.value);
  const losers = results.filter((result) => result.status === 'rejected').map((result) => String(result.reason));
  try {
    // First: where nobody serves this says why.
    expect(losers.filter((reason) => !reason.includes('ended with 3'))).toEqual([]);
    expect(winners).toHaveLength(1);
  } finally {
    for (const winner of winners) await winner.close();
  }
});

/** Tries to serve on a port that another program holds. */
async function blocked(port: number, path: string): Promise<CommandResult> {
  const blocker = createServer();
  await new Promise<void>((resolve) => {
    blocker.listen(port, '127.0.0.1', resolve);
  });
  try {
    return await runCotg(['serve', '--port', String((blocker.address() as AddressInfo).port)], { dataDir: path });
  } finally {
    await new Promise((resolve) => {
      blocker.close(resolve);
    });
  }
}

test('a busy port is one clear line, exit 1, starts no host and leaves nothing that was not there', async () => {
  const path = dataDir();
  const result = await blocked(0, path);
  expect(result.code).toBe(1);
  expect(onlyLine(result.stderr)).toMatch(/Port \d+ .* is in use/);
  for (const file of ['host.log', 'host.sock', 'server.json']) expect(existsSync(join(path, file))).toBe(false);
  const fresh = join(path, 'fresh');
  expect((await blocked(0, fresh)).code).toBe(1);
  expect(existsSync(fresh)).toBe(false);
});

test('a command never hands the owner token to whoever holds the port of a server that was killed', async () => {
  await using server = await startTestServer();
  const { port } = server;
  await server.kill('SIGKILL');
  const heard: string[] = [];
  const stranger = createServer((socket) => {
    socket.on('data', (chunk: Buffer) => {
      heard.push(chunk.toString('latin1'));
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nok\n');
    });
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => {
    stranger.listen(port, '127.0.0.1', resolve);
  });
  try {
    for (const command of [['ls'], ['status'], ['pair'], ['new', '--', 'true']]) {
      expect([command, (await runCotg(command, { dataDir: server.dataDir })).code]).toEqual([command, 4]);
    }
    expect(heard.join('')).not.toContain(server.token);
  } finally {
    await new Promise((resolve) => {
      stranger.close(resolve);
    });
  }
});

test.each([
  ['a bad port', ['serve', '--port', 'abc'], /--port/],
  ['an unknown flag', ['serve', '--prot', '1'], /--prot/],
  ['an address others can reach', ['serve', '--host', '0.0.0.0'], /loopback/],
  ['an unknown command', ['frobnicate'], /frobnicate|argument/],
])('%s is refused by name with exit 2, and nothing is made', async (_what, args, says) => {
  const path = join(dataDir(), 'inside');
  const result = await runCotg(args, { dataDir: path });
  expect(result.code).toBe(2);
  expect(result.stderr).toMatch(says);
  expect(existsSync(path)).toBe(false);
});

test('S57: a data directory that is a file, or that others can enter, is refused with how to mend it', async () => {
  const parent = dataDir();
  const file = join(parent, 'file');
  writeFileSync(file, 'mine');
  const onFile = await runCotg(['serve', '--port', '0'], { dataDir: file });
  expect([onFile.code, onlyLine(onFile.stderr)]).toEqual([5, expect.stringContaining('is not a folder')]);

  const open = join(parent, 'open');
  mkdirSync(open);
  chmodSync(open, 0o755);
  const onOpen = await runCotg(['serve', '--port', '0'], { dataDir: open });
  expect([onOpen.code, onlyLine(onOpen.stderr)]).toEqual([5, expect.stringContaining('chmod 700')]);
  expect(readdirSync(open)).toEqual([]);

  // /proc takes no folders from anybody, root included.
  const onProc = await runCotg(['serve', '--port', '0'], { dataDir: '/proc/cotg' });
  expect([onProc.code, onlyLine(onProc.stderr)]).toEqual([1, expect.stringContaining('cannot be used')]);
});

test('S2: an emptied owner token keeps everybody out instead of letting everybody in', async () => {
  const path = dataDir();
  writeFileSync(join(path, 'owner.token'), '\n', { mode: 0o600 });
  const result = await runCotg(['serve', '--port', '0'], { dataDir: path });
  expect(result.code).toBe(1);
  expect(onlyLine(result.stderr)).toContain('owner.token');
});

test('S57: everything in the data directory is the owner’s alone', async () => {
  await using server = await startTestServer();
  await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command: ['true'] }) });
  expect(statSync(server.dataDir).mode & 0o777).toBe(0o700);
  for (const entry of readdirSync(server.dataDir, { withFileTypes: true })) {
    const mode = statSync(join(server.dataDir, entry.name)).mode & 0o777;
    expect([entry.name, mode.toString(8)]).toEqual([entry.name, entry.isDirectory() ? '700' : '600']);
  }
});

test('without a terminal no way in is printed; `cotg pair` gives one that works once', async () => {
  await using server = await startTestServer();
  expect(server.output()).not.toContain('/pair#');
  const pair = await runCotg(['pair', '--json', '--approve'], { dataDir: server.dataDir });
  const { code, link } = JSON.parse(pair.stdout) as { code: string; link: string };
  expect(link.startsWith(`${server.url}/pair#`)).toBe(true);
  expect(code).toMatch(/^[0-9A-Z]{4}-[0-9A-Z]{4}$/);
  const redeem = (value: string): Promise<Response> =>
    fetch(`${server.url}/api/pair`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: server.url },
      body: JSON.stringify({ code: value, name: 'phone' }),
    });
  const first = await redeem(code);
  expect(first.status).toBe(200);
  const cookie = first.headers.get('set-cookie') ?? '';
  expect(cookie).toMatch(/^__Host-cotg-[a-z0-9]+=[A-Za-z0-9_-]{43}; /i);
  for (const flag of ['Secure', 'HttpOnly', 'SameSite=Strict', 'Path=/']) expect(cookie).toContain(flag);
  expect(cookie).not.toContain('Domain');
  const second = await redeem(code);
  expect([second.status, ((await second.json()) as { code: string }).code]).toEqual([401, 'PAIRING_CODE_USED']);
  const wrong = await redeem('x'.repeat(22));
  expect([wrong.status, ((await wrong.json()) as { code: string }).code]).toEqual([401, 'PAIRING_CODE_INVALID']);

  // The device stays in over a restart, and its cookie is good for reading.
  const [value] = cookie.split(';');
  await server.kill('SIGTERM');
  await server.start();
  expect((await fetch(`${server.url}/api/sessions`, { headers: { cookie: value ?? '' } })).status).toBe(200);
});

test('the command lists, starts and stops; stop leaves sessions running, stop --all ends them', async () => {
  await using server = await startTestServer();
  const options = { dataDir: server.dataDir };
  expect((await runCotg(['ls'], options)).stdout).toContain('No sessions');
  const created = await runCotg(['new', '--name', 'box', '--', 'sleep', '1000'], { ...options, cwd: '/tmp' });
  const id = created.stdout.trim();
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  const [session] = JSON.parse((await runCotg(['ls', '--json'], options)).stdout) as {
    id: string;
    pid: number;
    cwd: string;
    command: string[];
  }[];
  expect(session).toMatchObject({ id, cwd: '/tmp', command: ['sleep', '1000'], name: 'box' });
  expect((await runCotg(['ls'], options)).stdout).toMatch(new RegExp(`${id}  running`));
  const failed = await runCotg(['new', '--', 'no-such-program'], options);
  expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining('no-such-program')]);
  expect((await runCotg(['status'], options)).stdout).toContain(server.url);

  const hostPid = await server.hostPid();
  expect((await runCotg(['stop'], options)).code).toBe(0);
  await eventually(
    () => existsSync(`/proc/${server.pid}`),
    (isThere) => !isThere,
    { what: 'the server is gone' },
  );
  expect(existsSync(`/proc/${session?.pid}`)).toBe(true);
  expect((await runCotg(['status'], options)).code).toBe(4);
  expect((await runCotg(['stop'], options)).code).toBe(4);
  expect((await runCotg(['stop', '--all'], options)).code).toBe(2);
  expect((await runCotg(['stop', '--all', '--yes'], options)).code).toBe(0);
  await eventually(
    () => [hostPid, session?.pid].filter((pid) => existsSync(`/proc/${pid}`)),
    (left) => left.length === 0,
    { what: 'host and program are gone' },
  );
});

test.runIf(process.platform === 'linux')('the copy that a host runs from has all that it loads, koffi too', async () => {
  await using server = await startTestServer({ from: 'dist' });
  // Without it the host would do, but mark descriptors the slow way and give no memory back.
  expect(readFileSync(join(server.dataDir, 'host.log'), 'utf8')).toContain('"closeOnExec":"fcntl"');
});
