// `pnpm bench:link`: a slow, far link (256 kbit/s, 150 ms there and back) while a program prints 400 kB/s: how long a key's echo and the prompt
// after ^C take; and a viewer that reads nothing for 10 s while 50 MB are printed. Real server, real PTY, the page's own stream. Prints, never fails.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startBehindProxy } from '../../testing/behind-proxy.ts';
import { eventually } from '../../testing/start-server.ts';
import type { TestServer } from '../../testing/start-server.ts';
import { openScreenViewer } from '../../testing/screen-viewer.ts';
import type { ScreenViewer } from '../../testing/screen-viewer.ts';
import type { TcpProxy } from '../../testing/tcp-proxy.ts';
import { median, percentile, round } from './figures.ts';

/** 256 kbit/s and 150 ms there and back. */
const LINK = { bytesPerSecond: 32_000, delayMs: 75 };
const FLOOD_BYTES_PER_SECOND = 400_000;
const KEYS = 40;
const INTERRUPTS = 10;
/** Time for the flood to meet the link, and between two keys: no two of them wait for the same screen (ms). */
const WARM_MS = 3000;
const KEY_PAUSE_MS = 300;
const STALL_MS = 10_000;
const STALL_BYTES = 50_000_000;
const POLL_MS = 2;

const FLOOD = fileURLToPath(new URL('steady-flood.ts', import.meta.url));
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function create(server: TestServer, command: readonly string[]): Promise<string> {
  const response = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command, env: { PS1: 'prompt> ' } }) });
  if (!response.ok) throw new Error(await response.text());
  return ((await response.json()) as { id: string }).id;
}

/** Milliseconds until the screen shows it. */
async function untilShown(viewer: ScreenViewer, isShown: (screen: string) => boolean): Promise<number> {
  const since = performance.now();
  while (!isShown(viewer.lines().join('\n'))) {
    if (performance.now() - since > 60_000) return Infinity;
    await pause(POLL_MS);
  }
  return performance.now() - since;
}

const rssOf = (pid: number): number => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;

async function echoesAndInterrupts(server: TestServer, proxy: TcpProxy, url: string): Promise<void> {
  const sessionId = await create(server, ['bash', '--norc', '--noprofile', '-i']);
  await using viewer = openScreenViewer({ url, token: server.token, sessionId });
  await viewer.attached();
  const start = `stty -icanon -echo; ${process.execPath} ${FLOOD} ${FLOOD_BYTES_PER_SECOND}; stty sane\r`;
  viewer.type(start);
  await viewer.waitForScreen(/key=none/);
  await pause(WARM_MS);
  const echoes: number[] = [];
  const downBefore = { bytes: proxy.bytesDown, at: performance.now() };
  for (let key = 0; key < KEYS; key += 1) {
    const letter = String.fromCharCode('a'.charCodeAt(0) + (key % 26));
    viewer.type(letter);
    echoes.push(await untilShown(viewer, (screen) => screen.includes(`key=${letter}`)));
    await pause(KEY_PAUSE_MS * (0.5 + Math.random()));
  }
  const downRate = (proxy.bytesDown - downBefore.bytes) / (performance.now() - downBefore.at);
  const prompts: number[] = [];
  for (let interrupt = 0; interrupt < INTERRUPTS; interrupt += 1) {
    viewer.type('\u0003');
    prompts.push(await untilShown(viewer, (screen) => screen.trimEnd().endsWith('prompt>')));
    await pause(KEY_PAUSE_MS);
    viewer.type(start);
    await viewer.waitForScreen(/key=none/);
    await pause(WARM_MS * (0.5 + Math.random()));
  }
  const print = (what: string, values: readonly number[]): void =>
    void process.stdout.write(
      `${what.padEnd(15)} p50 ${round(median(values), 0)} ms  p90 ${round(percentile(values, 90), 0)} ms  worst ${round(Math.max(...values), 0)} ms  (${values.length})\n`,
    );
  print('echo of a key', echoes);
  print('^C to prompt', prompts);
  process.stdout.write(
    `the link carried ${round(downRate, 1)} kB/s of ${LINK.bytesPerSecond / 1000}; ${viewer.counts.get('snapshot behind') ?? 0} screens instead of output, ${viewer.holes} holes\n`,
  );
}

/** What the server takes more (MiB) while all is printed, with one viewer that reads and, behind the proxy, one that does not. */
async function stalled(server: TestServer, proxy: TcpProxy, urls: { readonly near: string; readonly far: string | null }): Promise<void> {
  const print = `read; yes "and so on, line by line, to the end" | head -c ${STALL_BYTES}; echo; echo the end; exec sleep 1000`;
  const sessionId = await create(server, ['bash', '-c', print]);
  const timings = { keepAliveIntervalMs: 60_000 };
  await using reader = openScreenViewer({ url: urls.near, token: server.token, sessionId, timings });
  await reader.attached();
  const viewer = urls.far === null ? null : openScreenViewer({ url: urls.far, token: server.token, sessionId, timings });
  await viewer?.attached();
  const rssBefore = rssOf(server.pid);
  if (viewer) proxy.hold();
  await server.api(`/api/sessions/${sessionId}/input`, { method: 'POST', body: JSON.stringify({ data: '\r' }) });
  const since = performance.now();
  await eventually(
    async () => ((await (await server.api(`/api/sessions/${sessionId}`)).json()) as { endOffset: number }).endOffset,
    (endOffset) => endOffset > STALL_BYTES,
    { what: 'it has printed all', timeoutMs: 120_000 },
  );
  const printedMs = performance.now() - since;
  await pause(Math.max(0, STALL_MS - printedMs));
  const grown = rssOf(server.pid) - rssBefore;
  const who = viewer ? 'one that reads and one that does not' : 'one viewer that reads';
  process.stdout.write(`${STALL_BYTES / 1e6} MB, ${who}: printed in ${round(printedMs / 1000, 1)} s, server ${round(grown, 1)} MiB more\n`);
  if (!viewer) return;
  const down = proxy.bytesDown;
  proxy.release();
  const shownMs = await untilShown(viewer, (screen) => screen.includes('the end'));
  const kib = (proxy.bytesDown - down) / 1024;
  process.stdout.write(`its current screen: ${round(shownMs, 0)} ms after it reads again, ${round(kib, 0)} KiB for it\n`);
  await viewer[Symbol.asyncDispose]();
}

const behind = await startBehindProxy({ from: 'dist' });
const { server, proxy, url } = behind;
try {
  process.stdout.write(`256 kbit/s, 150 ms there and back, a program prints ${FLOOD_BYTES_PER_SECOND / 1000} kB/s\n`);
  proxy.setConditions(LINK);
  await echoesAndInterrupts(server, proxy, url);
  proxy.setConditions({ bytesPerSecond: 0, delayMs: 0 });
  // The first flood grows what the server keeps for every flood.
  for (const far of [null, null, url]) await stalled(server, proxy, { near: server.url, far });
} finally {
  await behind[Symbol.asyncDispose]();
}
process.exit(0);
