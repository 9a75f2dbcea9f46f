// Owns a real server with its real host for tests: own data directory, free port, its processes ended by pid.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stopServerAndHost } from './stop-server.ts';

const SERVER_FOLDER = fileURLToPath(new URL('../apps/server', import.meta.url));
const START_TIMEOUT_MS = 30_000;
const END_TIMEOUT_MS = 20_000;

export interface StartOptions {
  /** `dist`: the build, as users run it (a host from its versioned copy). `source`: no build needed. */
  readonly from?: 'dist' | 'source';
  /** 0 = any free port, kept over restarts. */
  readonly port?: number;
  readonly dataDir?: string;
  /** The same folder as this process sees it, when the server is in a namespace of its own. */
  readonly seenDataDir?: string;
  /** What starts the server: a command that takes another as its arguments. */
  readonly prefix?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
}

export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  readonly token: string;
  readonly pid: number;
  /** Everything the server printed to stdout and stderr so far. */
  output(): string;
  /** A request as the owner. */
  api(path: string, init?: RequestInit): Promise<Response>;
  hostPid(): Promise<number>;
  /** Resolves when the process is gone. */
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null>;
  /** Starts again on the same port and data directory, from now on with these settings as well. */
  start(env?: Readonly<Record<string, string>>): Promise<void>;
  /** Ends server, host and sessions; removes the data directory unless it was given. */
  close(): Promise<void>;
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** As scripts/run.sh starts it. */
const PROGRAM_FLAGS = ['--max-semi-space-size=2'];

function commandLine(from: 'dist' | 'source'): string[] {
  const built = join(SERVER_FOLDER, 'dist', 'main.js');
  if (from === 'dist') {
    if (!existsSync(built)) throw new Error(`${built} is missing: build first`);
    return [...PROGRAM_FLAGS, built];
  }
  return [...PROGRAM_FLAGS, '--conditions=@cotg/source', join(SERVER_FOLDER, 'src', 'main.ts')];
}

/** What Node is given to run the command. */
export function cotgArguments(from: 'dist' | 'source', args: readonly string[]): string[] {
  return [...commandLine(from), ...args];
}

/** The environment of a test process: ours, without what would change the server's settings. */
function environment(dataDir: string, extra: Readonly<Record<string, string>>): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    const isOurs = name.startsWith('COTG_') && name !== 'COTG_TEST_RUN';
    if (value !== undefined && !isOurs && name !== 'MAX_SESSION_HISTORY_MB') env[name] = value;
  }
  // Programs that draw more than ASCII are tested everywhere, also where nobody has chosen a language.
  const compiled = process.env['COTG_TEST_COMPILE_CACHE'];
  const cache = compiled === undefined ? {} : { NODE_COMPILE_CACHE: compiled };
  return { LANG: 'C.UTF-8', ...env, ...cache, SHELL: '/bin/bash', COTG_DATA_DIR: dataDir, ...extra };
}

export function makeDataDir(): string {
  return mkdtempSync(join(tmpdir(), 'cotg-test-'));
}

/** Runs the `cotg` command to its end. */
export async function runCotg(
  args: readonly string[],
  options: {
    dataDir: string;
    env?: Readonly<Record<string, string>>;
    from?: 'dist' | 'source';
    cwd?: string;
    prefix?: readonly string[] | undefined;
  },
): Promise<CommandResult> {
  const [program, ...before] = [...(options.prefix ?? []), process.execPath];
  const child = spawn(program, [...before, ...commandLine(options.from ?? 'source'), ...args], {
    env: environment(options.dataDir, options.env ?? {}),
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    timeout: START_TIMEOUT_MS,
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { code, stdout, stderr };
}

/** Exit code: both had ended already. */
const NOTHING_SERVES = 4;

export async function startTestServer(options: StartOptions = {}): Promise<TestServer> {
  const from = options.from ?? 'source';
  const dataDir = options.dataDir ?? makeDataDir();
  let port = options.port ?? 0;
  let child: ChildProcess | undefined;
  let output = '';

  let settings = options.env ?? {};
  const start = async (more: Readonly<Record<string, string>> = {}): Promise<void> => {
    settings = { ...settings, ...more };
    const [program, ...before] = [...(options.prefix ?? []), process.execPath];
    const started = spawn(program, [...before, ...commandLine(from), 'serve', ...(options.args ?? [])], {
      env: environment(dataDir, { COTG_PORT: String(port), COTG_LOG_FORMAT: 'json', ...settings }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    let printed = '';
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        started.kill('SIGKILL');
        reject(new Error(`the server did not start in time:\n${printed}`));
      }, START_TIMEOUT_MS);
      const onData = (chunk: Buffer): void => {
        printed += chunk.toString();
        output += chunk.toString();
        const found = /serves https?:\/\/(?:[^\s:,[]+|\[[^\]]+\]):(\d+)/.exec(printed);
        if (!found) return;
        port = Number(found[1]);
        clearTimeout(timer);
        resolve();
      };
      started.stdout.on('data', onData);
      started.stderr.on('data', onData);
      started.once('exit', (code, signal) => {
        clearTimeout(timer);
        reject(new Error(`the server ended with ${code ?? signal}:\n${printed}`));
      });
    });
  };

  await start();
  const token = (): string => readFileSync(join(options.seenDataDir ?? dataDir, 'owner.token'), 'utf8').trim();

  const server: TestServer = {
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    get port() {
      return port;
    },
    dataDir,
    get token() {
      return token();
    },
    get pid() {
      return child?.pid ?? -1;
    },
    output: () => output,
    async api(path, init = {}) {
      const headers = new Headers(init.headers);
      headers.set('authorization', `Bearer ${token()}`);
      if (init.body !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/json');
      return fetch(`http://127.0.0.1:${port}${path}`, { ...init, headers });
    },
    async hostPid() {
      const status = (await (await server.api('/api/status')).json()) as { host: { pid: number } };
      return status.host.pid;
    },
    async kill(signal) {
      const target = child;
      if (!target || target.exitCode !== null || target.signalCode !== null) return target?.exitCode ?? null;
      const gone = new Promise<number | null>((resolve) => {
        target.once('exit', (code) => resolve(code));
      });
      target.kill(signal);
      return gone;
    },
    start,
    async close() {
      // In a namespace of its own nothing of it can be seen from here.
      const isStopped = options.prefix === undefined && (await stopServerAndHost(dataDir, child));
      const stopped = isStopped ? null : await runCotg(['stop', '--all', '--yes'], { dataDir, from, prefix: options.prefix });
      await server.kill('SIGKILL');
      // A host that stays is a fault of the command, or of the test: said here, where it is known whose it is.
      if (stopped && stopped.code !== 0 && stopped.code !== NOTHING_SERVES)
        throw new Error(`cotg stop --all answered ${stopped.code}: ${stopped.stderr}`);
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
    },
    [Symbol.asyncDispose]: () => server.close(),
  };
  return server;
}

/** Polls for a fact. Fails with the last value after the time-out. */
export async function eventually<T>(
  look: () => T | Promise<T>,
  isTrue: (value: T) => boolean,
  options: { timeoutMs?: number; what: string },
): Promise<T> {
  const deadline = performance.now() + (options.timeoutMs ?? END_TIMEOUT_MS);
  for (;;) {
    const value = await look();
    if (isTrue(value)) return value;
    if (performance.now() > deadline)
      throw new Error(`never became true: ${options.what}; last seen: ${JSON.stringify(value)?.slice(0, 2000)}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 25);
    });
  }
}
