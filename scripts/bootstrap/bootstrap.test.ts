// The bootstrap as a person meets it: run.sh and ./cotg in a clone whose package manager, builder and program are small stand-ins that write down
// what they were asked; everything else (shell, lock, stamps, signals, processes) is real.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** Two starts of Node and a few hundred small files: far below this on any machine. */
const RUN_TIMEOUT_MS = 20_000;

/** Says who and where it is, then does as its first argument says. */
const PROGRAM = `
process.on('SIGTERM', () => process.exit(7));
console.log(JSON.stringify({ pid: process.pid, cwd: process.cwd(), args: process.argv.slice(2), path: process.env.PATH, prefix: process.env.npm_config_prefix ?? null }));
const [what, value] = process.argv.slice(2);
if (what === 'exit') process.exit(Number(value));
if (what === 'serve') setInterval(() => {}, 1000);
`;

/** Answers \`--version\`, and installs a builder that makes what a build has to make. SLOW lets it hang until it is told to stop. */
const PNPM = `#!/bin/sh
if [ "$1" = --version ]; then echo 12.21.0; exit; fi
echo "$$ $*" >> "$LOG"
if [ -n "\${SLOW:-}" ]; then exec sleep 600; fi
mkdir -p node_modules/turbo/bin
cat > node_modules/turbo/bin/turbo <<'END'
const fs = require('node:fs');
fs.appendFileSync(process.env.LOG, process.pid + ' build\\n');
for (const file of ['apps/server/dist/main.js', 'apps/server/dist/host-main.js', 'apps/web/dist/index.html']) {
  fs.mkdirSync(require('node:path').dirname(file), { recursive: true });
  fs.copyFileSync('program.mjs', file);
}
END
`;

let folder: string;
let clone: string;
let log: string;
let env: Record<string, string>;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'boot-')));
  clone = join(folder, "it's a clone");
  log = join(folder, 'log');
  writeFileSync(log, '');
  for (const path of ['scripts/bootstrap', 'scripts/bootstrap.mjs', 'scripts/run.sh', 'cotg'])
    cpSync(join(repository, path), join(clone, path), { recursive: true });
  put('package.json', JSON.stringify({ type: 'module', packageManager: 'pnpm@12.21.0', config: { node: '24.21.0' } }));
  put('apps/server/package.json', '{ "type": "module" }');
  put('apps/server/src/main.ts', 'export {};');
  put('program.mjs', PROGRAM);
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin/pnpm'), PNPM);
  chmodSync(join(folder, 'bin/pnpm'), 0o755);
  symlinkSync(process.execPath, join(folder, 'bin/node'));
  env = { PATH: `${folder}/bin:/usr/bin:/bin`, LOG: log };
});
afterEach(() => rmSync(folder, { recursive: true }));

function put(path: string, text: string) {
  mkdirSync(dirname(join(clone, path)), { recursive: true });
  writeFileSync(join(clone, path), text);
}

/** What the stand-ins did, in order. */
const done = () =>
  readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' ')[1]);

function cotg(
  args: string[],
  { command = join(clone, 'cotg'), cwd = folder, more = {} }: { command?: string; cwd?: string; more?: Record<string, string> } = {},
) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env: { ...env, ...more }, encoding: 'utf8', timeout: RUN_TIMEOUT_MS });
  return { status, stdout, stderr };
}

test('the first run installs and builds, the second does neither and says nothing of its own', () => {
  const first = cotg(['ls', '--json']);
  expect(first.stderr).toContain('building');
  expect(done()).toEqual(['install', 'build']);
  const second = cotg(['ls', '--json']);
  expect(second.stderr).toBe('');
  expect(JSON.parse(second.stdout)).toMatchObject({ args: ['ls', '--json'] });
  expect(done()).toEqual(['install', 'build']);
});

test('standard output is the program’s alone, even while the bootstrap works', () => {
  const { stdout } = cotg(['ls', '--json']);
  expect(JSON.parse(stdout)).toMatchObject({ args: ['ls', '--json'] });
});

test('a changed source builds again, a changed manifest installs and builds again', () => {
  cotg([]);
  put('apps/server/src/main.ts', 'export const changed = true;');
  cotg([]);
  expect(done()).toEqual(['install', 'build', 'build']);
  put('apps/server/package.json', '{ "type": "module", "dependencies": {} }');
  cotg([]);
  expect(done()).toEqual(['install', 'build', 'build', 'install', 'build']);
});

test('a deleted result is built again, a deleted node_modules is installed again', () => {
  cotg([]);
  unlinkSync(join(clone, 'apps/web/dist/index.html'));
  cotg([]);
  expect(done()).toEqual(['install', 'build', 'build']);
  rmSync(join(clone, 'node_modules'), { recursive: true });
  cotg([]);
  expect(done().slice(3)).toEqual(['install', 'build']);
});

test('the command works through links, keeps the caller’s folder and hands the exit code on', () => {
  mkdirSync(join(folder, 'elsewhere'));
  symlinkSync("../it's a clone/cotg", join(folder, 'elsewhere/first'));
  symlinkSync(join(folder, 'elsewhere/first'), join(folder, 'bin/linked'));
  const { status, stdout } = cotg(['exit', '124', "a 'quoted' $word"], {
    command: join(folder, 'bin/linked'),
    cwd: join(folder, 'elsewhere'),
  });
  expect(status).toBe(124);
  expect(JSON.parse(stdout)).toMatchObject({ cwd: join(folder, 'elsewhere'), args: ['exit', '124', "a 'quoted' $word"] });
});

test('the program sees the person’s PATH and none of npm’s additions', () => {
  const added = { npm_lifecycle_event: 'start', npm_config_prefix: '/usr', PATH: `${clone}/node_modules/.bin:${env['PATH']}` };
  const { stdout } = cotg([], { more: added });
  expect(JSON.parse(stdout)).toMatchObject({ path: env['PATH'], prefix: null });
});

test('nothing stays between the caller and the program: same process, its own answer to a signal', async () => {
  cotg([]);
  const child = spawn('/bin/sh', [join(clone, 'scripts/run.sh'), 'program', 'apps/server/dist/main.js', 'serve'], {
    cwd: clone,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  expect(JSON.parse(String(line))).toMatchObject({ pid: child.pid });
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([7, null]);
});

test('of two runs at once one installs and the other waits for it', async () => {
  const runs = [1, 2].map(() => spawn(join(clone, 'cotg'), [], { cwd: folder, env, stdio: 'ignore' }));
  const codes = await Promise.all(runs.map(async (run) => (await once(run, 'exit'))[0] as number));
  expect(codes).toEqual([0, 0]);
  expect(done()).toEqual(['install', 'build']);
});

test('an install that is stopped ends, leaves no lock and counts for nothing', async () => {
  const child = spawn(process.execPath, [join(clone, 'scripts/bootstrap.mjs'), 'program'], {
    cwd: clone,
    env: { ...env, SLOW: '1' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await expect.poll(done, { timeout: RUN_TIMEOUT_MS }).toEqual(['install']);
  const installer = Number.parseInt(readFileSync(log, 'utf8'), 10);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([143, null]);
  expect(() => process.kill(installer, 0)).toThrow('ESRCH');
  expect(existsSync(join(clone, '.toolchain/bootstrap.lock'))).toBe(false);
  expect(cotg([]).status).toBe(0);
  expect(done()).toEqual(['install', 'install', 'build']);
});

test('an install that nobody waits for any more ends by itself', async () => {
  const child = spawn(join(clone, 'cotg'), [], { cwd: clone, env: { ...env, SLOW: '1' }, stdio: 'ignore' });
  await expect.poll(done, { timeout: RUN_TIMEOUT_MS }).toEqual(['install']);
  const installer = Number.parseInt(readFileSync(log, 'utf8'), 10);
  child.kill('SIGKILL');
  await expect.poll(() => existsSync(join(clone, '.toolchain/bootstrap.lock')), { timeout: RUN_TIMEOUT_MS }).toBe(false);
  expect(() => process.kill(installer, 0)).toThrow('ESRCH');
});

test('a build that fails is one clear line and exit code 1', () => {
  cotg([]);
  put('node_modules/turbo/bin/turbo', 'process.exit(9);');
  put('apps/server/src/main.ts', 'export const broken = true;');
  const { status, stdout, stderr } = cotg([]);
  expect(status).toBe(1);
  expect(stdout).toBe('');
  expect(stderr.trim().split('\n').at(-1)).toBe('claude-on-the-go: cannot build: see the lines above (node ended with 9)');
});

test('without any Node one line says what to install', () => {
  const minimal = join(folder, 'minimal');
  mkdirSync(minimal);
  for (const tool of ['sh', 'dirname', 'readlink'])
    symlinkSync(spawnSync('/bin/sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).stdout.trim(), join(minimal, tool));
  const { status, stderr } = cotg([], { more: { PATH: minimal } });
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('install Node 24 or newer') as string });
});
