// A data directory on a file system of its own, which is then full, or read-only.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { Session } from '@cotg/api';
import { eventually, runCotg, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';
import { attachViewer } from '../../../testing/viewer.ts';

const MIB = 1024 * 1024;
const SIZE_MIB = 96;
const SERVER_INFO = fileURLToPath(new URL('../dist/server-info.js', import.meta.url));

/** A mount in a namespace of one's own needs no root (util-linux), where the kernel allows it. */
const canMount = spawnSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs none /mnt']).status === 0;

interface Disk extends Disposable {
  readonly folder: string;
  /** To start a command on it. */
  readonly prefix: readonly string[];
  /** The same folder as seen from outside. */
  readonly seen: string;
}

/** Lives as long as a sleeping process that holds the namespace. */
async function makeDisk(): Promise<Disk> {
  const folder = mkdtempSync(join(tmpdir(), 'cotg-disk-'));
  const script = `mount -t tmpfs -o size=${SIZE_MIB}m,mode=700 none '${folder}' && mkdir -m 700 '${folder}/data' && exec sleep 1000`;
  const holder = spawn('unshare', ['-rm', 'sh', '-c', script], { stdio: 'ignore' });
  const pid = holder.pid ?? 0;
  const seen = `/proc/${pid}/root${folder}/data`;
  await eventually(
    () => existsSync(seen),
    (isThere) => isThere,
    { what: 'the disk is mounted' },
  );
  const enter = ['-t', String(pid), '-m', '-U', '--preserve-credentials'];
  return {
    folder: join(folder, 'data'),
    prefix: ['nsenter', ...enter],
    seen,
    [Symbol.dispose]: () => {
      holder.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Takes all that is left. */
function fill(disk: Disk): void {
  const piece = Buffer.alloc(64 * 1024, 1);
  for (let bytes = 64 * 1024; bytes >= 4096; bytes /= 2) {
    try {
      for (let n = 0; n < (SIZE_MIB * MIB) / bytes; n += 1)
        writeFileSync(join(disk.seen, '..', 'fill'), piece.subarray(0, bytes), { flag: 'a' });
    } catch {
      // Full for pieces of this size.
    }
  }
}

async function create(server: TestServer, script: string): Promise<Session> {
  const response = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command: ['bash', '-c', script] }) });
  if (response.status !== 201) throw new Error(await response.text());
  return (await response.json()) as Session;
}

const get = async (server: TestServer, { id }: Session): Promise<Session> =>
  (await (await server.api(`/api/sessions/${id}`)).json()) as Session;

const ended = async (server: TestServer, session: Session): Promise<Session> =>
  eventually(
    () => get(server, session),
    ({ alive }) => !alive,
    { what: 'it has ended', timeoutMs: 120_000 },
  );

const storage = async (server: TestServer): Promise<string> =>
  ((await (await server.api('/api/status')).json()) as { storage: { state: string } }).storage.state;

const rawOf = async (server: TestServer, { id }: Session): Promise<Buffer> =>
  Buffer.from(await (await server.api(`/api/sessions/${id}/history?format=raw`)).arrayBuffer());

test.runIf(canMount)(
  'F25: a program starts on a full disk, what is kept can be read, and removing sessions makes room to go on',
  async () => {
    using disk = await makeDisk();
    await using server = await startTestServer({ from: 'dist', dataDir: disk.folder, seenDataDir: disk.seen, prefix: disk.prefix });
    // What can be compressed hardly at all: deleting it gives space.
    const old = await create(server, 'head -c 9000000 /dev/urandom | base64 -w 100');
    await ended(server, old);
    const kept = await create(server, 'seq 20000');
    await ended(server, kept);
    const [oldText, keptText] = [await rawOf(server, old), await rawOf(server, kept)];
    expect(keptText.toString()).toBe(Array.from({ length: 20_000 }, (_, n) => `${n + 1}\r\n`).join(''));
    await eventually(
      () => existsSync(join(disk.seen, 'reserve')),
      (isThere) => isThere,
      { what: 'the reserve', timeoutMs: 120_000 },
    );

    const living = await create(server, 'stty raw -echo; exec cat');
    await using viewer = attachViewer({ url: server.url, token: server.token, sessionId: living.id });
    await viewer.attached();
    const flood = await create(server, 'read -r; head -c 12000000 /dev/urandom | base64 -w 100; exec sleep 1000');
    // In the middle of a flood: what cannot be stored takes no space that is needed to give space back, nor does what was not yet copied from the log.
    expect((await server.api(`/api/sessions/${flood.id}/input`, { method: 'POST', body: JSON.stringify({ data: '\r' }) })).ok).toBe(true);
    await eventually(
      async () => (await get(server, flood)).endOffset,
      (endOffset) => endOffset > 6_000_000,
      { what: 'the flood', timeoutMs: 120_000 },
    );
    fill(disk);
    await viewer.type('<still here>');
    await viewer.waitFor('<still here>');
    await eventually(
      async () => [await storage(server), (await get(server, flood)).endOffset] as const,
      ([state, endOffset]) => state === 'paused' && endOffset > 16_000_000,
      { what: 'storing pauses', timeoutMs: 120_000 },
    );

    // Both are started again on the full disk.
    const host = await server.hostPid();
    process.kill(host, 'SIGKILL');
    await server.kill('SIGKILL');
    fill(disk);
    await server.start();
    expect((await rawOf(server, kept)).equals(keptText)).toBe(true);
    expect((await rawOf(server, old)).equals(oldText)).toBe(true);
    // Whoever makes room does it with the command: it finds the server though nothing new can be written down.
    expect(await runCotg(['ls'], { dataDir: disk.folder, from: 'dist', prefix: disk.prefix })).toMatchObject({ code: 0 });

    // Removing needs some space to give more back: nothing that works in the background has taken it.
    expect((await server.api(`/api/sessions/${old.id}?purge=1`, { method: 'DELETE' })).status).toBe(204);
    const again = await eventually(
      async () => {
        const response = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command: ['seq', '100000'] }) });
        return { status: response.status, answer: await response.text(), storage: await storage(server) };
      },
      ({ status }) => status === 201,
      { what: 'there is room for another', timeoutMs: 120_000 },
    );
    // That its programs are gone could be stored at the start, or now at the latest.
    expect(await ended(server, living)).toMatchObject({ state: 'lost' });
    const fresh = JSON.parse(again.answer) as Session;
    await ended(server, fresh);
    await eventually(
      () => storage(server),
      (state) => state === 'ok',
      { what: 'storing goes on', timeoutMs: 120_000 },
    );
    expect((await rawOf(server, fresh)).toString()).toBe(Array.from({ length: 100_000 }, (_, n) => `${n + 1}\r\n`).join(''));
    expect((await rawOf(server, kept)).equals(keptText)).toBe(true);
    // With room again the reserve is made anew.
    rmSync(join(disk.seen, '..', 'fill'));
    await eventually(
      () => existsSync(join(disk.seen, 'reserve')),
      (isThere) => isThere,
      { what: 'the next reserve', timeoutMs: 120_000 },
    );
  },
  600_000,
);

test.runIf(canMount)(
  'F25: where a server is noted keeps its place on a full disk, though others have taken every byte',
  async () => {
    using disk = await makeDisk();
    const note = join(disk.folder, 'server.json');
    const run = (code: string): string => {
      const script = `import { blankServerInfo, readServerInfo, writeServerInfo } from ${JSON.stringify(SERVER_INFO)}; ${code}`;
      const [program, ...before] = [...disk.prefix, process.execPath];
      const { status, stdout, stderr } = spawnSync(program, [...before, '--input-type=module', '-e', script], { encoding: 'utf8' });
      if (status !== 0) throw new Error(stderr);
      return stdout;
    };
    const write = (url: string): string =>
      `writeServerInfo(${JSON.stringify(note)}, { pid: 1, startTime: '1', url: '${url}', certificate: null, version: '1', startedAt: '2026-01-01T00:00:00.000Z' });`;
    const read = `console.log(readServerInfo(${JSON.stringify(note)})?.url ?? 'none');`;
    run(write('http://127.0.0.1:1'));
    fill(disk);
    expect(run(`blankServerInfo(${JSON.stringify(note)}); ${read}`)).toBe('none\n');
    fill(disk);
    expect(run(`${write('http://127.0.0.1:22222')} ${read}`)).toBe('http://127.0.0.1:22222\n');
    // A shorter one leaves nothing of the longer one.
    expect(run(`${write('http://127.0.0.1:3')} ${read}`)).toBe('http://127.0.0.1:3\n');
  },
  60_000,
);

/** Starts a command that sees this folder read-only, as a disk that has failed; others see it as before. */
const readOnly = (folder: string): string[] => [
  ...['unshare', '-rm', 'sh', '-c'],
  `mount --bind '${folder}' '${folder}' && mount -o remount,ro,bind '${folder}' && exec "$@"`,
  'sh',
];

test.runIf(canMount)(
  'F29: where nothing can be written a server starts all the same: terminals run on, what is kept can be read, nobody new comes in, and it says so',
  async () => {
    await using before = await startTestServer({ from: 'dist' });
    const kept = await create(before, 'seq 20000');
    await ended(before, kept);
    const living = await create(before, 'stty raw -echo; exec cat');
    const host = await before.hostPid();
    const { dataDir } = before;
    await before.kill('SIGKILL');
    const files = (): string[] => readdirSync(dataDir).toSorted();
    const filesBefore = files();
    const prefix = readOnly(dataDir);
    const server = await startTestServer({ from: 'dist', dataDir, prefix });
    try {
      expect(server.output()).toContain('cannot be written');
      expect(await server.hostPid()).toBe(host);
      expect((await rawOf(server, kept)).toString()).toBe(Array.from({ length: 20_000 }, (_, n) => `${n + 1}\r\n`).join(''));
      await using viewer = attachViewer({ url: server.url, token: server.token, sessionId: living.id });
      await viewer.attached();
      await viewer.type('<still here>');
      await viewer.waitFor('<still here>');
      // A device that is let in now would be a stranger after the next start.
      await expect(viewer.client.api.pairing.start.mutate()).rejects.toThrow('cannot be written');
      // A second server is kept out here too.
      await expect(startTestServer({ from: 'dist', dataDir, prefix })).rejects.toThrow('Already serving');
      expect(files()).toEqual(filesBefore);
    } finally {
      await server.kill('SIGTERM');
    }
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('cotg-read-only-'))).toEqual([]);
    await before.start();
    expect(await before.hostPid()).toBe(host);
    expect((await rawOf(before, living)).toString()).toContain('<still here>');
  },
  120_000,
);

test.each(['json', 'pretty'])('F29: a log that cannot be written to ends nobody (%s)', async (format) => {
  await using server = await startTestServer({
    prefix: ['sh', '-c', 'exec "$@" 2>/dev/full', 'sh'],
    env: { COTG_LOG_LEVEL: 'debug', COTG_LOG_FORMAT: format },
  });
  const { status } = await server.api('/api/status');
  expect(status).toBe(200);
  // Every refusal is a line of the log.
  expect((await fetch(`${server.url}/api/status`)).status).toBe(401);
  const body = JSON.stringify({ command: ['cat'] });
  expect((await server.api('/api/sessions', { method: 'POST', body })).status).toBe(201);
});
