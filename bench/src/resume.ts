// `pnpm bench:resume`: how long a new client waits for the complete screen, whatever the history's size. Prints, never fails.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, startTestServer } from '../../testing/start-server.ts';
import type { TestServer } from '../../testing/start-server.ts';
import { attach } from './attach.ts';
import type { Attach } from './attach.ts';
import { percentile, round } from './figures.ts';

const SIZES_MB = (process.env['BENCH_SIZES_MB'] ?? '10,50,500').split(',').map(Number);
const ATTACHES = 40;
const WAKES = 9;
/** More than an emulator waits before it sleeps, less than its process waits before it ends. */
const SLEPT_MS = 6500;
const GENERATE_TIMEOUT_MS = 20 * 60_000;

interface Session {
  readonly id: string;
  readonly endOffset: number;
}

const folder = mkdtempSync(join(tmpdir(), 'cotg-bench-'));
const printer = join(folder, 'print.mjs');
writeFileSync(
  printer,
  `const total = Number(process.argv[2]) * 1e6; let n = 0, at = 0;
const more = () => { while (at < total) { let block = ''; while (block.length < 65536) { n += 1; block += '\\x1b[3' + (n % 8) + 'mline ' + n + '\\x1b[0m of a build that prints a lot, ' + (n * 7919) % 100003 + '\\n'; } at += block.length; if (!process.stdout.write(block)) { process.stdout.once('drain', more); return; } } process.stdout.write('ALL PRINTED\\n'); setInterval(() => {}, 1e6); };
more();`,
);

async function create(server: TestServer, command: readonly string[], more: object = {}): Promise<string> {
  const response = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command, cols: 80, rows: 24, ...more }) });
  if (!response.ok) throw new Error(await response.text());
  return ((await response.json()) as Session).id;
}

async function measure(server: TestServer, id: string, label: string): Promise<void> {
  await attach(server, id, 1000);
  for (const scrollback of [0, 1000]) {
    const runs: Attach[] = [];
    for (let n = 0; n < ATTACHES; n += 1) runs.push(await attach(server, id, scrollback));
    const times = runs.map(({ ms }) => ms);
    process.stdout.write(
      `${label.padEnd(34)} scrollback ${String(scrollback).padStart(4)}  p50 ${round(percentile(times, 50)).padStart(7)} ms  p99 ${round(percentile(times, 99)).padStart(7)} ms  ${round((runs[0]?.bytes ?? 0) / 1024, 1).padStart(6)} KB\n`,
    );
  }
}

const server = await startTestServer({ from: 'dist' });
try {
  for (const megabytes of SIZES_MB) {
    const id = await create(server, [process.execPath, printer, String(megabytes)], { maxHistoryBytes: 1024 * 1024 * 1024 });
    const since = performance.now();
    await eventually(
      async () => (await (await server.api(`/api/sessions/${id}/screen`)).text()).includes('ALL PRINTED'),
      (isThere) => isThere,
      { what: 'everything is printed', timeoutMs: GENERATE_TIMEOUT_MS },
    );
    process.stdout.write(`${megabytes} MB printed and on the screen after ${round((performance.now() - since) / 1000, 1)} s\n`);
    await measure(server, id, `after ${megabytes} MB, emulator live`);
  }
  // Asleep: what is stored serves an attach; a key that is echoed wakes the emulator.
  const id = await create(server, ['bash', '-c', `${process.execPath} ${printer} 1 & cat`]);
  const asleep = (): Promise<unknown> =>
    eventually(
      async () => ((await (await server.api('/api/status')).json()) as { screens: unknown }).screens,
      (screens) => screens === null,
      { what: 'all emulators sleep', timeoutMs: 120_000 },
    );
  await asleep();
  await measure(server, id, 'asleep, stored screen');
  // The process that holds the emulators stays for 15 s; one emulator sleeps after 5 s.
  const wakes: number[] = [];
  for (let n = 0; n < WAKES; n += 1) {
    if (n > 0) await new Promise((resolve) => setTimeout(resolve, SLEPT_MS));
    const typed = await server.api(`/api/sessions/${id}/input`, { method: 'POST', body: JSON.stringify({ data: '.' }) });
    const { endOffset } = (await typed.json()) as { endOffset: number };
    const since = performance.now();
    const screen = await server.api(`/api/sessions/${id}/screen?minOffset=${endOffset + 1}`);
    if (!screen.ok) throw new Error(await screen.text());
    await screen.text();
    wakes.push(performance.now() - since);
  }
  process.stdout.write(`waking a sleeping emulator by a key    first ${round(wakes.shift() ?? 0)} ms (starts the process)\n`);
  process.stdout.write(
    `                                       p50 ${round(percentile(wakes, 50))} ms  max ${round(Math.max(...wakes))} ms (${wakes.length} times)\n`,
  );
} finally {
  await server.close();
  rmSync(folder, { recursive: true });
}
process.exit(0);
