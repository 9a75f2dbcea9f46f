// Owns the fuzz: hostile frames, requests, host messages, output and stored bytes against a real server, one case after the other, while a good
// client is served. `pnpm fuzz --seed S --minutes N` runs it alone; `--target T --case N` repeats one case.
//
// What must hold: no process dies, none grows without bound, the good client is answered in time, no log line says that something of ours
// failed, no answer holds a secret or a stack, and what each target adds to it.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { randomOf } from './fuzz/case.ts';
import type { FuzzStage, FuzzTarget } from './fuzz/case.ts';
import { fuzzDecoders } from './fuzz/decoders.ts';
import { fuzzFrames } from './fuzz/frames.ts';
import { fuzzHostSocket } from './fuzz/host-socket.ts';
import { fuzzHttp } from './fuzz/http.ts';
import { fuzzOutput } from './fuzz/output.ts';
import { eventually, makeDataDir, startTestServer } from './start-server.ts';
import type { TestServer } from './start-server.ts';

/** A good client is answered within a second; a machine at full load has five times that (ms). */
const GOOD_ANSWER_MS = 5000;
const GOOD_EVERY_MS = 250;
const SAMPLE_EVERY_MS = 500;
const TIDY_EVERY_MS = 1000;
/** Above what a process had after its first fifth (MiB): caches fill, the runtime settles. */
const GROWTH_MIB = 200;
const MAX_SESSIONS = 60;
const VICTIMS = 3;
/** More of them say nothing new, and the run may end. */
const MAX_FINDINGS = 50;
/** Parts of the time. */
const SHARES: Readonly<Record<string, number>> = { decoders: 1, http: 1.5, frames: 2, 'host socket': 1.5, output: 2 };
/** pino's number of "error". */
const ERROR_LEVEL = 50;

export interface FuzzFinding {
  readonly target: string;
  /** Of the target; -1: of no single one. */
  readonly index: number;
  readonly what: string;
}

export interface FuzzResult {
  readonly seed: number;
  readonly seconds: number;
  readonly cases: Readonly<Record<string, { readonly cases: number; readonly seconds: number }>>;
  readonly findings: readonly FuzzFinding[];
  readonly good: { readonly answers: number; readonly slowestMs: number };
  /** Of each process, after the first fifth and the most since (MiB). */
  readonly memory: Readonly<Record<string, { readonly before: number; readonly most: number }>>;
}

export interface FuzzOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly from?: 'dist' | 'source';
  /** One target only; with `index` one case of it. */
  readonly target?: string;
  readonly index?: number;
  readonly log?: (line: string) => void;
}

interface Pids {
  readonly server: number;
  readonly host: number;
  readonly screens: number | null;
}

function rssMiB(pid: number): number | undefined {
  try {
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1024;
  } catch {
    return undefined; // It has ended: whether it may is asked elsewhere.
  }
}

async function makeSession(server: TestServer, name: string): Promise<string> {
  const response = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command: ['cat'], name }) });
  if (response.status !== 201) throw new Error(await response.text());
  return ((await response.json()) as { id: string }).id;
}

/** Lines of the logs that say that something of ours failed. */
function errorLines(text: string): string[] {
  return text.split('\n').filter((line) => {
    try {
      return ((JSON.parse(line) as { level?: number }).level ?? 0) >= ERROR_LEVEL;
    } catch {
      return false; // No line of a log: what is printed for people at the start.
    }
  });
}

function logsOf(server: TestServer): string {
  const files = readdirSync(server.dataDir, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.log'));
  return [server.output(), ...files.map((name) => readFileSync(join(server.dataDir, name), 'utf8'))].join('\n');
}

export async function runFuzz(options: FuzzOptions): Promise<FuzzResult> {
  const { seed, seconds } = options;
  const log = options.log ?? (() => undefined);
  const dataDir = makeDataDir();
  const work = join(dataDir, 'fuzz');
  await using server = await startTestServer({
    dataDir,
    from: options.from ?? 'source',
    // A hostile request that starts "the default program" starts this one.
    env: { COTG_COMMAND: 'cat', COTG_MAX_SESSIONS: String(MAX_SESSIONS), MAX_SESSION_HISTORY_MB: '4' },
  });
  mkdirSync(work);
  const hostSecret = readFileSync(join(dataDir, 'host.secret'), 'utf8').trim();
  const good = await makeSession(server, 'good');
  const victims: string[] = [];
  for (let n = 0; n < VICTIMS; n += 1) victims.push(await makeSession(server, `victim ${n}`));
  const stage: FuzzStage = { server, hostSecret, victims, work };
  const findings: FuzzFinding[] = [];
  let current = 'start';
  const note = (target: string, index: number, what: string): void => {
    findings.push({ target, index, what });
    const repeat = index === -1 ? `around ${current}` : `repeat: pnpm fuzz --seed ${seed} --target '${target}' --case ${index}`;
    log(`FOUND ${target}: ${what}\n  ${repeat}`);
  };
  // An emulator of ours that throws does so between two turns of this process.
  const threw = (error: unknown): void => note('uncaught', -1, error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.on('uncaughtException', threw);

  const get = async <T>(path: string): Promise<T> => (await (await server.api(path)).json()) as T;
  const pidsNow = async (): Promise<Pids> => {
    const { host, screens } = await get<{ host: { pid: number }; screens: { pid: number } | null }>('/api/status');
    return { server: server.pid, host: host.pid, screens: screens?.pid ?? null };
  };
  const atStart = await pidsNow();
  const stopped = new AbortController();
  const every = async (ms: number, action: () => Promise<void>): Promise<void> => {
    while (!stopped.signal.aborted) {
      await action().catch((error: unknown) => note('good client', -1, error instanceof Error ? error.message : String(error)));
      await sleep(ms, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  };

  let [answers, slowestMs] = [0, 0];
  const askGood = async (): Promise<void> => {
    // What runs in this process keeps its loop for itself: then nothing here can be measured.
    if (current.startsWith('decoders')) return;
    const since = performance.now();
    const text = `good ${answers}`;
    const typed = await server.api(`/api/sessions/${good}/input`, {
      method: 'POST',
      body: JSON.stringify({ data: `${text}\n` }),
      signal: AbortSignal.timeout(4 * GOOD_ANSWER_MS),
    });
    if (typed.status !== 200) throw new Error(`its key was answered ${typed.status}: ${await typed.text()}`);
    const { endOffset } = (await typed.json()) as { endOffset: number };
    const screen = await server.api(`/api/sessions/${good}/screen?format=text&minOffset=${endOffset}`);
    if (screen.status !== 200) throw new Error(`its screen was answered ${screen.status}: ${await screen.text()}`);
    const ms = performance.now() - since;
    answers += 1;
    slowestMs = Math.max(slowestMs, ms);
    if (ms > GOOD_ANSWER_MS) note('good client', -1, `waited ${ms.toFixed(0)} ms`);
  };

  const samples: Record<string, number[]> = {};
  const sample = async (): Promise<void> => {
    const pids = await pidsNow();
    if (pids.host !== atStart.host) throw new Error(`the host is another one: ${pids.host} instead of ${atStart.host}`);
    for (const [name, pid] of Object.entries(pids) as [string, number | null][]) {
      const mib = pid === null ? undefined : rssMiB(pid);
      if (mib !== undefined && !Number.isNaN(mib)) (samples[name] ??= []).push(mib);
    }
  };

  /** What hostile requests have made goes; what they have ended begins again. */
  const tidy = async (): Promise<void> => {
    const sessions = await get<readonly { id: string; alive: boolean; command: readonly string[] }[]>('/api/sessions');
    const known = new Set([good, ...victims]);
    for (const [at, id] of victims.entries()) {
      const session = sessions.find((each) => each.id === id);
      if (!session) victims[at] = await makeSession(server, `victim ${at}`).catch(() => id);
      else if (!session.alive) await server.api(`/api/sessions/${id}/restart`, { method: 'POST' });
    }
    // What the target of output has made it removes itself.
    const others = sessions.filter(({ id, command }) => !known.has(id) && !command.join(' ').includes('printer.ts'));
    for (const { id } of others) await server.api(`/api/sessions/${id}?purge=1`, { method: 'DELETE' });
  };

  const makeTargets: Readonly<Record<string, () => FuzzTarget>> = {
    decoders: fuzzDecoders,
    http: () => fuzzHttp(stage),
    frames: () => fuzzFrames(stage),
    'host socket': () => fuzzHostSocket(stage),
    output: () => fuzzOutput(stage),
  };
  // Decoders first: the good client is measured from the next target on.
  const names = options.target === undefined ? Object.keys(makeTargets) : [options.target];
  const shares = names.reduce((sum, name) => sum + (SHARES[name] ?? 1), 0);
  const cases: Record<string, { cases: number; seconds: number }> = {};

  const runTarget = async (name: string): Promise<void> => {
    const make = makeTargets[name];
    if (!make) throw new Error(`no target is called ${name}: there are ${Object.keys(makeTargets).join(', ')}`);
    // What the target before it has made may be hundreds of sessions: there is room again before this one's time begins.
    await tidy();
    await using target = make();
    const since = performance.now();
    const until = since + (seconds * 1000 * (SHARES[name] ?? 1)) / shares;
    let next = options.index ?? 0;
    const worker = async (): Promise<void> => {
      do {
        const index = next;
        next += 1;
        current = `${name} ${index}`;
        try {
          for (const what of await target.run(randomOf(seed, name, index))) note(name, index, what);
        } catch (error) {
          note(name, index, error instanceof Error ? (error.stack ?? error.message) : String(error));
        }
      } while (options.index === undefined && performance.now() < until && findings.length < MAX_FINDINGS);
    };
    await Promise.all(Array.from({ length: options.index === undefined ? target.parallel : 1 }, worker));
    const took = (performance.now() - since) / 1000;
    cases[name] = { cases: next - (options.index ?? 0), seconds: took };
    log(`${name}: ${cases[name].cases} cases in ${took.toFixed(0)} s`);
  };

  const background = [every(GOOD_EVERY_MS, askGood), every(SAMPLE_EVERY_MS, sample), every(TIDY_EVERY_MS, tidy)];
  try {
    for (const name of names) await runTarget(name);
    current = 'end';
  } finally {
    stopped.abort();
    await Promise.all(background);
    process.off('uncaughtException', threw);
  }
  // Served to the end, by the processes of the start.
  await eventually(askGood, () => true, { what: 'the good client is served' }).catch((error: unknown) =>
    note('good client', -1, error instanceof Error ? error.message : String(error)),
  );
  const logs = logsOf(server);
  for (const line of errorLines(logs).slice(0, 10)) note('log', -1, line.slice(0, 1000));
  if (logs.includes(server.token) || logs.includes(hostSecret)) note('log', -1, 'a log holds a secret');
  const memory = Object.fromEntries(
    Object.entries(samples).map(([name, values]) => {
      const settled = Math.floor(values.length / 5);
      return [name, { before: values[settled] ?? Number.NaN, most: Math.max(...values.slice(settled)) }];
    }),
  );
  for (const [name, { before, most }] of Object.entries(memory))
    if (most - before > GROWTH_MIB) note(name, -1, `grew from ${before.toFixed(0)} to ${most.toFixed(0)} MiB`);
  await server.close();
  rmSync(dataDir, { recursive: true, force: true });
  return { seed, seconds, cases, findings, good: { answers, slowestMs }, memory };
}

/** As it stands in docs/security.md. */
export function fuzzSummary(result: FuzzResult, commit: string): string {
  const { seed, cases, findings, good, memory } = result;
  const total = Object.values(cases).reduce((sum, each) => sum + each.cases, 0);
  const time = Object.values(cases).reduce((sum, each) => sum + each.seconds, 0);
  return [
    `Seed ${seed}, commit ${commit}, ${(time / 60).toFixed(1)} min, ${total} cases, ${findings.length} findings.`,
    '',
    '| target | cases | seconds | findings |',
    '| --- | --- | --- | --- |',
    ...Object.entries(cases).map(
      ([name, each]) =>
        `| ${name} | ${each.cases} | ${each.seconds.toFixed(0)} | ${findings.filter(({ target }) => target === name).length} |`,
    ),
    '',
    `Meanwhile a good client typed and read ${good.answers} times; the slowest took ${good.slowestMs.toFixed(0)} ms. Memory after the first fifth, and the most since: ${Object.entries(
      memory,
    )
      .map(([name, { before, most }]) => `${name} ${before.toFixed(0)}, ${most.toFixed(0)} MiB`)
      .join('; ')}.`,
    ...findings.map(({ target, index, what }) => `- ${target}${index === -1 ? '' : ` ${index}`}: ${what.split('\n')[0] ?? ''}`),
    '',
  ].join('\n');
}

function commitNow(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      cwd: fileURLToPath(new URL('..', import.meta.url)),
    }).trim();
  } catch {
    return 'unknown';
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '3' },
      seed: { type: 'string' },
      target: { type: 'string' },
      case: { type: 'string' },
    },
  });
  const [minutes, seed] = [Number(values.minutes), Number(values.seed ?? Date.now() % 1_000_000_000)];
  const index = values.case === undefined ? undefined : Number(values.case);
  if (!(minutes > 0) || !Number.isInteger(seed) || (index !== undefined && (!Number.isInteger(index) || values.target === undefined))) {
    process.stderr.write('usage: pnpm fuzz [--seed S] [--minutes 3] [--target T [--case N]]\n');
    process.exit(2);
  }
  process.stdout.write(`${minutes} min, seed ${seed}\n`);
  const result = await runFuzz({
    seconds: minutes * 60,
    seed,
    from: 'dist',
    ...(values.target === undefined ? {} : { target: values.target }),
    ...(index === undefined ? {} : { index }),
    log: (line) => void process.stdout.write(`${line}\n`),
  });
  process.stdout.write(`\n${fuzzSummary(result, commitNow())}`);
  process.exit(result.findings.length === 0 ? 0 : 1);
}
