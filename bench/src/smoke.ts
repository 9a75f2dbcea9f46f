// `pnpm bench:smoke`: the figures a person feels, each beside a bare node-pty + ws pipe in the same run. Prints, never fails.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import headless from '@xterm/headless';
import { WebSocket } from 'ws';
import { eventually, startTestServer } from '../../testing/start-server.ts';
import type { TestServer } from '../../testing/start-server.ts';
import { attachViewer } from '../../testing/viewer.ts';
import { attach } from './attach.ts';
import { median, percentile, round } from './figures.ts';
import { rssMiB } from './processes.ts';

const RUNS = 3;
const ECHO_KEYS = 200;
const CAT_BYTES = 50 * 1024 * 1024;
const REPLAY_BYTES = 10 * 1024 * 1024;
const IDLE_SESSIONS = 20;
const ECHO = ['bash', '-c', 'stty raw -echo; echo ready; exec cat'];

const big = join(tmpdir(), `cotg-bench-${process.pid}.txt`);
const line = `${'the quick brown fox jumps over the lazy dog '.repeat(2).slice(0, 78)}\n`;
writeFileSync(big, line.repeat(Math.ceil(CAT_BYTES / line.length)).slice(0, CAT_BYTES));

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function create(server: TestServer, command: readonly string[]): Promise<string> {
  const response = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command }) });
  if (!response.ok) throw new Error(await response.text());
  return ((await response.json()) as { id: string }).id;
}

// ------------------------------------------------------------------ the bare pipe

interface Bare {
  readonly child: ChildProcess;
  readonly port: number;
}

async function startBare(): Promise<Bare> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./bare-pipe.ts', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = await new Promise<number>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => resolve(Number(/port (\d+)/.exec(chunk.toString())?.[1])));
  });
  return { child, port };
}

function bareSocket(bare: Bare, command: readonly string[]): WebSocket {
  return new WebSocket(`ws://127.0.0.1:${bare.port}/${encodeURIComponent(JSON.stringify(command))}`);
}

async function bareEcho(bare: Bare): Promise<number[]> {
  const socket = bareSocket(bare, ECHO);
  let arrived: (() => void) | undefined;
  const next = (): Promise<void> =>
    new Promise((resolve) => {
      arrived = resolve;
    });
  socket.on('message', () => arrived?.());
  await next();
  const times: number[] = [];
  for (let key = 0; key < ECHO_KEYS; key += 1) {
    const since = performance.now();
    const echo = next();
    socket.send('k');
    await echo;
    times.push(performance.now() - since);
    await pause(5);
  }
  socket.close();
  return times;
}

async function bareCat(bare: Bare): Promise<number> {
  const since = performance.now();
  const socket = bareSocket(bare, ['cat', big]);
  await new Promise((resolve) => {
    socket.on('close', resolve);
  });
  return CAT_BYTES / 1e6 / ((performance.now() - since) / 1000);
}

// ------------------------------------------------------------------ ours

async function ourEcho(server: TestServer): Promise<number[]> {
  const id = await create(server, ECHO);
  await using viewer = attachViewer({ url: server.url, token: server.token, sessionId: id });
  await viewer.attached();
  // Behind this the terminal is raw and cat reads.
  await eventually(
    async () => (await server.api(`/api/sessions/${id}/screen`)).text(),
    (text) => text.includes('ready'),
    { what: 'the program is ready' },
  );
  const times: number[] = [];
  for (let key = 0; key < ECHO_KEYS; key += 1) {
    const target = viewer.offset + 1;
    const since = performance.now();
    void viewer.type('k');
    while (viewer.offset < target) await new Promise((resolve) => setImmediate(resolve));
    times.push(performance.now() - since);
    await pause(5);
  }
  return times;
}

async function ourCat(server: TestServer): Promise<number> {
  const id = await create(server, ['bash', '-c', `stty -echo; read go; exec cat ${big}`]);
  await using viewer = attachViewer({ url: server.url, token: server.token, sessionId: id });
  await viewer.attached();
  const since = performance.now();
  void viewer.type('\r');
  while (!viewer.events.some((event) => event.type === 'exit')) await pause(2);
  const seconds = (performance.now() - since) / 1000;
  await server.api(`/api/sessions/${id}`, { method: 'DELETE' });
  return CAT_BYTES / 1e6 / seconds;
}

/** The same bytes from a pipe that has no history: the program must print them again. */
async function bareConnect(bare: Bare): Promise<number> {
  const since = performance.now();
  const socket = bareSocket(bare, ['head', '-c', String(REPLAY_BYTES), big]);
  const terminal = new headless.Terminal({ cols: 80, rows: 24, scrollback: 1000, allowProposedApi: true });
  socket.on('message', (data) => terminal.write(data as Buffer));
  await new Promise((resolve) => {
    socket.on('close', resolve);
  });
  await new Promise<void>((resolve) => {
    terminal.write('', resolve);
  });
  return performance.now() - since;
}

function print(name: string, unit: string, ours: number, bare: number): void {
  process.stdout.write(
    `${name.padEnd(44)} ours ${round(ours).padStart(9)} ${unit.padEnd(5)} bare ${round(bare).padStart(9)} ${unit.padEnd(5)} ratio ${round(ours / bare)}\n`,
  );
}

const bare = await startBare();
const server = await startTestServer({ from: 'dist' });
try {
  const hostPid = await server.hostPid();
  const [hostEmpty, serverEmpty, bareEmpty] = [rssMiB(hostPid), rssMiB(server.pid), rssMiB(bare.child.pid ?? 0)];
  for (let n = 0; n < IDLE_SESSIONS; n += 1) await create(server, ['sleep', '1000']);
  const idle = bareSocket(bare, ['idle', String(IDLE_SESSIONS)]);
  await new Promise((resolve) => {
    idle.on('message', resolve);
  });
  print('RSS host, no session', 'MiB', hostEmpty, bareEmpty);
  print('RSS server, no session', 'MiB', serverEmpty, bareEmpty);
  print(`RSS host, ${IDLE_SESSIONS} idle sessions`, 'MiB', rssMiB(hostPid), rssMiB(bare.child.pid ?? 0));
  print(`RSS server, ${IDLE_SESSIONS} idle sessions`, 'MiB', rssMiB(server.pid), rssMiB(bare.child.pid ?? 0));

  const echo: { ours: number[]; bare: number[] } = { ours: [], bare: [] };
  const cat: { ours: number[]; bare: number[] } = { ours: [], bare: [] };
  const connect: { ours: number[]; bare: number[] } = { ours: [], bare: [] };
  const replay = await create(server, ['bash', '-c', `head -c ${REPLAY_BYTES} ${big}; exec sleep 1000`]);
  await eventually(
    async () => Number((await server.api(`/api/sessions/${replay}/screen`)).headers.get('x-offset')),
    (offset) => offset >= REPLAY_BYTES,
    { what: '10 MB are printed', timeoutMs: 120_000 },
  );
  for (let run = 0; run < RUNS; run += 1) {
    echo.bare.push(...(await bareEcho(bare)));
    echo.ours.push(...(await ourEcho(server)));
    cat.bare.push(await bareCat(bare));
    cat.ours.push(await ourCat(server));
    connect.bare.push(await bareConnect(bare));
    connect.ours.push((await attach(server, replay, 1000)).ms);
  }
  print('echo of a key, p50', 'ms', percentile(echo.ours, 50), percentile(echo.bare, 50));
  print('echo of a key, p99', 'ms', percentile(echo.ours, 99), percentile(echo.bare, 99));
  print('cat of 50 MB to a client, median', 'MB/s', median(cat.ours), median(cat.bare));
  print('connect to live screen after 10 MB, median', 'ms', median(connect.ours), median(connect.bare));
} finally {
  bare.child.kill('SIGTERM');
  await server.close();
  rmSync(big);
}
process.exit(0);
