// `pnpm bench:echo`: a key's echo while another session floods, stored in SQLite and in memory mode, turn by turn in the same run; with it the commits
// and the bytes written to disk for each byte of output. Prints, never fails.
import { readFileSync } from 'node:fs';
import { eventually, startTestServer } from '../../testing/start-server.ts';
import type { TestServer } from '../../testing/start-server.ts';
import { attachViewer } from '../../testing/viewer.ts';
import { median, percentile, round } from './figures.ts';

const ROUNDS = 3;
const KEYS = 250;
const KEY_PAUSE_MS = 20;
const WARM_MS = 2000;
const FLOOD = ['bash', '-c', 'read; exec yes "the quick brown fox jumps over the lazy dog, and over and over it again"'];
const ECHO = ['bash', '-c', 'stty raw -echo; exec cat'];

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Figures {
  readonly echoes: number[];
  readonly seconds: number;
  readonly bytes: number;
  readonly commits: number;
  readonly writtenBytes: number;
}

async function create(server: TestServer, command: readonly string[]): Promise<string> {
  const response = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command }) });
  if (!response.ok) throw new Error(await response.text());
  return ((await response.json()) as { id: string }).id;
}

async function commitsOf(server: TestServer): Promise<number> {
  const text = await (await server.api('/metrics')).text();
  return Number(/^cotg_journal_commits_total (\d+)/m.exec(text)?.[1] ?? 0);
}

const writtenBy = (pid: number): number => Number(/^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? 0);

async function measure(persistence: 'sqlite' | 'memory'): Promise<Figures> {
  await using server = await startTestServer({ from: 'dist', env: { COTG_PERSISTENCE: persistence } });
  const host = await server.hostPid();
  const [flood, echo] = [await create(server, FLOOD), await create(server, ECHO)];
  await using watcher = attachViewer({ url: server.url, token: server.token, sessionId: flood, keepText: false, skips: true });
  await using typist = attachViewer({ url: server.url, token: server.token, sessionId: echo });
  await watcher.attached();
  await typist.attached();
  await server.api(`/api/sessions/${flood}/input`, { method: 'POST', body: JSON.stringify({ data: '\r' }) });
  await eventually(
    () => watcher.offset,
    (offset) => offset > 1_000_000,
    { what: 'the flood' },
  );
  await pause(WARM_MS);
  const endOffset = async (): Promise<number> =>
    ((await (await server.api(`/api/sessions/${flood}`)).json()) as { endOffset: number }).endOffset;
  const before = { at: performance.now(), bytes: await endOffset(), commits: await commitsOf(server), written: writtenBy(host) };
  const echoes: number[] = [];
  for (let key = 0; key < KEYS; key += 1) {
    const { offset } = typist;
    const since = performance.now();
    void typist.type('k');
    while (typist.offset === offset) await new Promise((resolve) => void setImmediate(resolve));
    echoes.push(performance.now() - since);
    await pause(KEY_PAUSE_MS);
  }
  return {
    echoes,
    seconds: (performance.now() - before.at) / 1000,
    bytes: (await endOffset()) - before.bytes,
    commits: (await commitsOf(server)) - before.commits,
    writtenBytes: writtenBy(host) - before.written,
  };
}

const all: Record<'sqlite' | 'memory', Figures[]> = { sqlite: [], memory: [] };
for (let round = 0; round < ROUNDS; round += 1) {
  for (const persistence of ['memory', 'sqlite'] as const) all[persistence].push(await measure(persistence));
}
const p = (persistence: 'sqlite' | 'memory', quantile: number): number =>
  median(all[persistence].map(({ echoes }) => percentile(echoes, quantile)));
process.stdout.write(`echo of a key while another session floods, ${ROUNDS} × ${KEYS} keys each, median of the rounds\n`);
for (const persistence of ['memory', 'sqlite'] as const) {
  const rate = median(all[persistence].map(({ bytes, seconds }) => bytes / seconds / 1e6));
  process.stdout.write(
    `${persistence.padEnd(7)} p50 ${round(p(persistence, 50), 1)} ms  p99 ${round(p(persistence, 99), 1)} ms  flood ${round(rate, 1)} MB/s\n`,
  );
}
const commits = median(all.sqlite.map((figures) => figures.commits / figures.seconds));
const written = median(all.sqlite.map((figures) => figures.writtenBytes / figures.bytes));
process.stdout.write(
  `sqlite over memory: p50 ${round(p('sqlite', 50) / p('memory', 50))} ×, p99 ${round(p('sqlite', 99) / p('memory', 99))} ×; ${round(commits, 0)} commits/s, ${round(written)} bytes written per byte\n`,
);
process.exit(0);
