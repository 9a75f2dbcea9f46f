// Owns the soak: real programs, three viewers each (one on a slow link, one that is cut at random, one that changes its size), and kill -9 of the
// server and of the screens process at random, in the first half: in the second the processes live on and are measured. In the end every viewer shows what the server's emulator shows, which is what a fresh emulator makes
// of the journal; the journal holds what was printed; and no process has grown. `pnpm test:soak --minutes N --seed S` runs it alone.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import headless from '@xterm/headless';
import unicode11 from '@xterm/addon-unicode11';
import { makeRandom } from '@cotg/pty/testing';
import type { Random } from '@cotg/pty/testing';
import { hashScreen, makeLiveScreen, swallowQueries } from '@cotg/screen';
import { openScreenViewer } from './screen-viewer.ts';
import type { ScreenViewer } from './screen-viewer.ts';
import { eventually, makeDataDir, startTestServer } from './start-server.ts';
import type { TestServer } from './start-server.ts';
import { startTcpProxy } from './tcp-proxy.ts';
import type { TcpProxy } from './tcp-proxy.ts';

const SLOW_LINK = { bytesPerSecond: 64_000, delayMs: 40 };
/** Between two of each, at random up to twice as much (ms). */
const CUT_EVERY_MS = 4000;
const RESIZE_EVERY_MS = 2500;
const KILL_EVERY_MS = 15_000;
const INPUT_EVERY_MS = 700;
const SAMPLE_EVERY_MS = 1000;
const SETTLE_MS = 90_000;
const RECORDINGS = fileURLToPath(new URL('../fixtures/recordings', import.meta.url));
const PLAYER = fileURLToPath(new URL('player.ts', import.meta.url));

/** What somebody types into a shell. */
const SHELL_LINES = [
  'ls --color=always -la /usr/bin | tail -40',
  'seq 1 300',
  'printf "\\033[1;31mred \\033[44mon blue\\033[0m \\033[3;4mslanted\\033[0m\\n"',
  'printf "宽字 wide 🙂 👩‍👩‍👧 e\\xcc\\x81 \\xff\\xfe broken\\n"',
  'clear',
  'for i in $(seq 1 20); do printf "\\r%3d%%" $((i*5)); sleep 0.02; done; echo',
  'printf "\\033[5;10r\\033[10;1Hscroll\\nscroll\\nscroll\\033[r\\033[20;1H"',
  'tput smcup; echo alternate; sleep 0.2; tput rmcup',
  'head -c 60000 /dev/urandom | base64 -w 90',
  'printf "\\033]0;title $RANDOM\\007\\a"',
  'stty size',
];
const VIM_KEYS = [
  'ihello from the soak\u001b',
  'o宽 and é and 🙂\u001b',
  'dd',
  'u',
  'G',
  'gg',
  '\u0006',
  '\u0002',
  ':set number\r',
  ':set nonumber\r',
  '/the\r',
  'yyp',
  'vj~',
  ':vsplit\r',
  ':only\r',
];
const HTOP_KEYS = ['t', 'P', 'M', 'H', '\u001b[B', '\u001b[A', 'F', 'I'];

export interface SoakResult {
  readonly seconds: number;
  readonly kills: { readonly server: number; readonly screens: number };
  readonly cuts: number;
  readonly resizes: number;
  readonly viewers: number;
  /** Viewers whose screen is another one than the emulator's in the end, and sessions whose journal makes another screen. */
  readonly differences: readonly string[];
  readonly comparisons: number;
  readonly mismatches: number;
  readonly printedBytes: number;
  readonly skipped: number;
  readonly holes: number;
  /** Of each process, which lives through the second half: the median over that half's first and last quarter (MiB). */
  readonly memory: Readonly<Record<string, { readonly before: number; readonly after: number }>>;
}

interface Program {
  readonly name: string;
  readonly id: string;
  readonly viewers: { readonly slow: ScreenViewer; readonly cut: ScreenViewer; readonly resizing: ScreenViewer };
  /** Types something. */
  readonly act: (random: Random) => void;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const hasCommand = (name: string): boolean => spawnSync('which', [name]).status === 0;

function rssMiB(pid: number): number | undefined {
  try {
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1024;
  } catch {
    return undefined; // It was killed a moment ago.
  }
}

const get = async <T>(server: TestServer, path: string): Promise<T> => (await (await server.api(path)).json()) as T;

async function counter(server: TestServer, name: string): Promise<number> {
  const text = await (await server.api('/metrics')).text();
  const found = new RegExp(`^${name} (\\d+)`, 'm').exec(text);
  if (!found) throw new Error(`/metrics has no ${name}`);
  return Number(found[1]);
}

/** What a fresh emulator makes of the journal. */
export async function hashOfJournal(server: TestServer, id: string): Promise<string> {
  const text = await (await server.api(`/api/sessions/${id}/history?format=entries`)).text();
  const xterm = new headless.Terminal({ cols: 80, rows: 24, scrollback: 1000, allowProposedApi: true, logLevel: 'off' });
  xterm.loadAddon(new unicode11.Unicode11Addon());
  xterm.unicode.activeVersion = '11';
  const swallowed = swallowQueries(xterm);
  const screen = makeLiveScreen(xterm);
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const entry = JSON.parse(line) as { kind: string; data?: string; base64?: string; cols: number; rows: number };
    if (entry.kind === 'output') {
      await new Promise<void>((resolve) => {
        screen.write(entry.base64 === undefined ? Buffer.from(entry.data ?? '', 'utf8') : Buffer.from(entry.base64, 'base64'), resolve);
      });
    } else if (entry.kind === 'resize') {
      await new Promise<void>((resolve) => {
        screen.resize(entry.cols, entry.rows, resolve);
      });
    }
  }
  const hash = hashScreen(xterm);
  screen.dispose();
  swallowed.dispose();
  xterm.dispose();
  return hash;
}

export async function runSoak(options: {
  readonly seconds: number;
  readonly seed: number;
  readonly from?: 'dist' | 'source';
  readonly log?: (line: string) => void;
}): Promise<SoakResult> {
  const random = makeRandom(options.seed);
  const around = (ms: number): number => random.below(2 * ms);
  const log = options.log ?? (() => undefined);
  const dataDir = makeDataDir();
  const [slowProxy, cutProxy] = [await startTcpProxy(0), await startTcpProxy(0)];
  await using server = await startTestServer({
    dataDir,
    from: options.from ?? 'source',
    env: { COTG_ALLOWED_HOSTS: [slowProxy, cutProxy].map(({ port }) => `127.0.0.1:${port}`).join(',') },
  });
  for (const proxy of [slowProxy, cutProxy]) proxy.setTarget(server.port);
  slowProxy.setConditions(SLOW_LINK);
  const urlOf = ({ port }: TcpProxy | TestServer): string => `http://127.0.0.1:${port}`;
  const work = join(dataDir, 'soak');
  mkdirSync(work);
  writeFileSync(join(work, 'text'), Array.from({ length: 500 }, (_, n) => `line ${n} of the text that vim shows`).join('\n'));
  const printed = join(work, 'printed');

  const start = async (name: string, command: readonly string[], act: (viewer: ScreenViewer, random: Random) => void): Promise<Program> => {
    const response = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command, cwd: work }) });
    if (response.status !== 201) throw new Error(await response.text());
    const { id } = (await response.json()) as { id: string };
    const open = (url: string): ScreenViewer => openScreenViewer({ url, token: server.token, sessionId: id });
    // The first one sets the size.
    const resizing = open(urlOf(server));
    await resizing.attached();
    const [slow, cut] = [open(urlOf(slowProxy)), open(urlOf(cutProxy))];
    await slow.attached();
    await cut.attached();
    return { name, id, viewers: { slow, cut, resizing }, act: (numbers) => act(resizing, numbers) };
  };
  const pick = <T>(list: readonly T[], numbers: Random): T => list[numbers.below(list.length)] as T;
  const node = `'${process.execPath}' --conditions=@cotg/source`;
  const programs: Program[] = [
    await start(
      'recordings',
      ['bash', '-c', `stty raw -echo; exec ${node} '${PLAYER}' '${RECORDINGS}' '${printed}' ${options.seed}`],
      () => undefined,
    ),
    await start('shell', ['bash', '--norc', '--noprofile', '-i'], (viewer, numbers) => viewer.type(`${pick(SHELL_LINES, numbers)}\r`)),
  ];
  if (hasCommand('vim')) {
    const vim = ['vim', '-u', 'NONE', '-N', '-n', 'text'];
    programs.push(await start('vim', vim, (viewer, numbers) => viewer.type(pick(VIM_KEYS, numbers))));
  }
  if (hasCommand('htop')) {
    programs.push(await start('htop', ['htop', '-d', '5'], (viewer, numbers) => viewer.type(pick(HTOP_KEYS, numbers))));
  }
  const viewers = programs.flatMap(({ viewers: { slow, cut, resizing } }) => [slow, cut, resizing]);
  log(`${programs.map(({ name }) => name).join(', ')}; three viewers each`);

  const kills = { server: 0, screens: 0 };
  let [cuts, resizes, comparisons, mismatches] = [0, 0, 0, 0];
  const samples: Record<string, number[]> = { server: [], host: [], screens: [] };
  const pids = { server: server.pid, host: await server.hostPid(), screens: null as number | null };
  const beforeKill = async (): Promise<void> => {
    comparisons += await counter(server, 'cotg_screen_comparisons_total');
    mismatches += await counter(server, 'cotg_screen_mismatches_total');
  };
  const half = performance.now() + options.seconds * 500;
  const end = half + options.seconds * 500;
  const every = async (ms: number, action: () => Promise<void> | void, until = end): Promise<void> => {
    for (;;) {
      const next = performance.now() + around(ms);
      if (next >= until) return;
      await sleep(Math.max(1, next - performance.now()));
      await action();
    }
  };
  const kill = async (): Promise<void> => {
    const { screens } = await get<{ screens: { pid: number } | null }>(server, '/api/status');
    if (screens && random.below(2) === 0) {
      kills.screens += 1;
      process.kill(screens.pid, 'SIGKILL');
      return;
    }
    kills.server += 1;
    await beforeKill();
    await server.kill('SIGKILL');
    await server.start();
    pids.server = server.pid;
  };
  const sample = async (): Promise<void> => {
    if (performance.now() < half) return;
    const status = await get<{ screens: { pid: number } | null }>(server, '/api/status').catch(() => null); // Just being killed.
    pids.screens = status?.screens?.pid ?? null;
    for (const [name, pid] of Object.entries(pids)) {
      const mib = pid === null ? undefined : rssMiB(pid);
      if (mib !== undefined && !Number.isNaN(mib)) samples[name]?.push(mib);
    }
  };
  await Promise.all([
    every(CUT_EVERY_MS, () => {
      cuts += 1;
      cutProxy.cut();
    }),
    every(RESIZE_EVERY_MS, async () => {
      resizes += 1;
      const { slow, cut, resizing } = pick(programs, random).viewers;
      const [cols, rows] = [40 + random.below(120), 10 + random.below(50)];
      // After a restart of the server whoever came back first sets the size; the others are refused.
      await Promise.all([resizing, cut, slow].map((viewer) => viewer.want(cols, rows)));
    }),
    every(KILL_EVERY_MS, kill, half),
    ...programs.map((program) => every(INPUT_EVERY_MS, () => program.act(random))),
    every(SAMPLE_EVERY_MS / 2, sample),
  ]);

  // Everything comes to rest: the player ends by itself, htop is left, the others wait for keys.
  const differences: string[] = [];
  for (const { name, id, viewers: three } of programs) {
    if (name === 'recordings') three.resizing.type('stop\r');
    if (name === 'htop') await server.api(`/api/sessions/${id}`, { method: 'DELETE' });
    const isAtRest = name === 'recordings' || name === 'htop';
    const session = await eventually(
      () => get<{ alive: boolean; endOffset: number }>(server, `/api/sessions/${id}`),
      ({ alive, endOffset }) =>
        (!isAtRest || !alive) && Object.values(three).every((viewer) => viewer.parsedOffset === endOffset && viewer.pendingInputs === 0),
      { what: `${name} is at rest and all viewers are at its end`, timeoutMs: SETTLE_MS },
    );
    const screen = await get<{ hash: string; offset: number }>(
      server,
      `/api/sessions/${id}/screen?format=json&minOffset=${session.endOffset}`,
    );
    for (const [which, viewer] of Object.entries(three)) {
      if (viewer.hash() !== screen.hash) differences.push(`${name}: the viewer "${which}" at ${viewer.parsedOffset}`);
    }
    if ((await hashOfJournal(server, id)) !== screen.hash) differences.push(`${name}: the journal`);
  }
  const player = programs[0]?.id ?? '';
  const raw = Buffer.from(await (await server.api(`/api/sessions/${player}/history?format=raw`)).arrayBuffer());
  if (!raw.equals(readFileSync(printed).subarray(-raw.length))) differences.push('recordings: the history is not what was printed');
  await beforeKill();
  const skipped = viewers.reduce((sum, { counts }) => sum + (counts.get('snapshot behind') ?? 0), 0);
  const holes = viewers.reduce((sum, viewer) => sum + viewer.holes, 0);
  for (const viewer of viewers) await viewer[Symbol.asyncDispose]();
  await server.close();
  for (const proxy of [slowProxy, cutProxy]) await proxy.close();
  rmSync(dataDir, { recursive: true, force: true });
  const quarter = (values: readonly number[], n: number): number =>
    median(values.slice((values.length * n) / 4, (values.length * (n + 1)) / 4));
  return {
    seconds: options.seconds,
    kills,
    cuts,
    resizes,
    viewers: viewers.length,
    differences,
    comparisons,
    mismatches,
    printedBytes: raw.length,
    skipped,
    holes,
    memory: Object.fromEntries(
      Object.entries(samples).map(([name, values]) => [name, { before: quarter(values, 0), after: quarter(values, 3) }]),
    ),
  };
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { minutes: { type: 'string', default: '3' }, seed: { type: 'string' } } });
  const [minutes, seed] = [Number(values.minutes), Number(values.seed ?? Date.now() % 1_000_000_000)];
  if (!(minutes > 0) || !Number.isInteger(seed)) {
    process.stderr.write('usage: pnpm test:soak [--minutes 3] [--seed S]\n');
    process.exit(2);
  }
  process.stdout.write(`${minutes} min, seed ${seed}\n`);
  const result = await runSoak({ seconds: minutes * 60, seed, from: 'dist', log: (line) => void process.stdout.write(`${line}\n`) });
  process.stdout.write(
    `${result.viewers} viewers, ${result.kills.server} kill -9 of the server, ${result.kills.screens} of the screens process, ${result.cuts} cuts, ${result.resizes} sizes; ` +
      `${(result.printedBytes / 1e6).toFixed(1)} MB of recordings; ${result.skipped} screens instead of output\n` +
      `${result.comparisons} comparisons at quiet moments, ${result.mismatches} mismatches, ${result.holes} holes; differences in the end: ${result.differences.length}\n` +
      `${Object.entries(result.memory)
        .map(([name, { before, after }]) => `${name} ${before.toFixed(0)} → ${after.toFixed(0)} MiB`)
        .join(', ')} (medians of the first and the last quarter of the second half, without a kill)\n`,
  );
  for (const difference of result.differences) process.stdout.write(`DIFFERS ${difference}\n`);
  process.exit(result.differences.length + result.mismatches + result.holes === 0 && result.comparisons > 0 ? 0 : 1);
}
