// The packed file as a user has it: installed with npm into a folder of its own, with an empty home and no clone beside it.
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../testing/start-server.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
/** npm fetches three packages with native parts from the registry; packing and that took 50 s beside other work on two cores. */
const INSTALL_TIMEOUT_MS = 240_000;
const COMMAND_TIMEOUT_MS = 60_000;

const folder = mkdtempSync(join(tmpdir(), 'cotg-pack-'));
const home = join(folder, 'home');
const prefix = join(folder, 'prefix');
const cotg = join(prefix, 'bin', 'cotg');
const installed = join(prefix, 'lib', 'node_modules', 'claude-on-the-go');
/** How this machine reaches the registry: proxies, their certificates, npm's own settings. */
const NETWORK = /^(npm_config_.*|https?_proxy|no_proxy|node_extra_ca_certs|ssl_cert_file)$/i;
/** Nothing of ours but that and the mark of the run; and the Node that runs this is the one on the PATH. */
const env = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => NETWORK.test(name))),
  HOME: home,
  PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
  TMPDIR: folder,
  SHELL: '/bin/sh',
  ...(process.env['COTG_TEST_RUN'] === undefined ? {} : { COTG_TEST_RUN: process.env['COTG_TEST_RUN'] }),
};

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(program: string, args: readonly string[], options: { cwd?: string; timeout?: number } = {}): Ran {
  return spawnSync(program, args, { env, cwd: '/', encoding: 'utf8', timeout: COMMAND_TIMEOUT_MS, ...options });
}

function ok({ status, stdout, stderr }: Ran): string {
  if (status !== 0) throw new Error(`ended with ${status}:\n${stdout}\n${stderr}`);
  return stdout;
}

beforeAll(() => {
  mkdirSync(home);
  const packed = ok(run(process.execPath, [join(ROOT, 'scripts', 'pack.mjs'), folder], { timeout: INSTALL_TIMEOUT_MS })).trim();
  // What is installed has to be the file's, not the folder's that it was made from.
  rmSync(join(folder, 'package'), { recursive: true });
  ok(run('npm', ['i', '-g', '--prefix', prefix, '--no-audit', '--no-fund', packed], { timeout: INSTALL_TIMEOUT_MS }));
}, 2 * INSTALL_TIMEOUT_MS);

afterAll(() => {
  run(cotg, ['stop', '--all', '--yes']);
  rmSync(folder, { recursive: true, force: true });
});

/** Resolves with the address it serves. */
async function served(child: ChildProcess): Promise<string> {
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  await eventually(
    () => printed,
    (text) => text.includes(' serves http://') || child.exitCode !== null,
    { what: 'it serves', timeoutMs: COMMAND_TIMEOUT_MS },
  );
  const url = / serves (http:\/\/\S+)/.exec(printed)?.[1];
  if (url === undefined) throw new Error(`it ended with ${child.exitCode}:\n${printed}`);
  return url;
}

test('the packed file, installed by npm, serves page and sessions from any folder, and stops', async () => {
  const child = spawn(cotg, ['serve', '--port', '0'], { env, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] });
  await using _ended = {
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    },
  };
  const url = await served(child);
  const page = await (await fetch(url)).text();
  const script = /src="(\/assets\/[^"]+\.js)"/.exec(page)?.[1];
  expect(script).toBeDefined();
  expect((await fetch(`${url}${script}`)).headers.get('content-type')).toContain('javascript');

  const program = ['sh', '-c', 'echo "hello from $((6 * 7))"; exec sleep 1000'];
  const session = JSON.parse(ok(run(cotg, ['new', '--json', '--', ...program]))) as { id: string };
  // Host, its readers and the screens process: all entries that are started by the path of a file.
  const status = () => JSON.parse(ok(run(cotg, ['status', '--json']))) as { host: { pid: number; version: string }; dataDir: string };
  const { dataDir, host } = status();
  expect(dataDir).toBe(join(home, '.local', 'share', 'claude-on-the-go'));
  const headers = { authorization: `Bearer ${readFileSync(join(dataDir, 'owner.token'), 'utf8').trim()}` };
  await eventually(
    async () => (await fetch(`${url}/api/sessions/${session.id}/screen?format=text`, { headers })).text(),
    (screen) => screen.includes('hello from 42'),
    { what: 'the screens process shows what was printed' },
  );
  expect(ok(run(cotg, ['export', session.id]))).toContain('hello from 42');
  expect(ok(run(cotg, ['doctor']))).toContain('Nothing wrong');
  // The host runs from its own copy, with all that it loads: koffi too.
  expect(readFileSync(`/proc/${host.pid}/cmdline`, 'utf8')).toContain(join(dataDir, 'host-runtime'));
  if (process.platform === 'linux') expect(readFileSync(join(dataDir, 'host.log'), 'utf8')).toContain('"closeOnExec":"fcntl"');

  const gone = new Promise<number | null>((resolve) => {
    child.once('exit', resolve);
  });
  ok(run(cotg, ['stop', '--all', '--yes']));
  expect(await gone).toBe(0);
});

test('what it installs are the versions that were tested: exact ones, of our lock file', () => {
  const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
    optionalDependencies: Record<string, string>;
    bundleDependencies: string[];
  };
  const wanted = { ...manifest.dependencies, ...manifest.optionalDependencies };
  const found = Object.keys(wanted).map((name) => [
    name,
    (JSON.parse(readFileSync(join(installed, 'node_modules', name, 'package.json'), 'utf8')) as { version: string }).version,
  ]);
  expect(Object.fromEntries(found)).toEqual(wanted);
  const lock = readFileSync(join(ROOT, 'pnpm-lock.yaml'), 'utf8');
  const theirs = Object.entries(wanted).filter(([name]) => !name.startsWith('@cotg/'));
  expect(theirs.filter(([name, version]) => !lock.includes(`${name}@${version}`))).toEqual([]);
  // Only what has native parts is left to npm.
  expect(Object.keys(wanted).filter((name) => !manifest.bundleDependencies.includes(name))).toEqual([
    'better-sqlite3',
    'node-pty',
    'koffi',
  ]);
});

test('a Node below 24 is refused with one clear line', () => {
  const older = join(folder, 'older.cjs');
  writeFileSync(older, "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '22.1.0' } });");
  const { status, stdout, stderr } = run(process.execPath, ['--require', older, join(installed, 'bin', 'cotg.cjs'), 'serve']);
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr.trim().split('\n')).toEqual([expect.stringMatching(/^cotg: Node 24 or newer is needed/)]);
});
