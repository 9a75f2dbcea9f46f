// What the source, the lock file and the build must not hold: SECURITY 31, 36, 51, 58, 63, 68, 69. Read as text, so that it
// is seen on every run.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runCotg, startTestServer } from '../../../testing/start-server.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

interface Line {
  readonly path: string;
  readonly text: string;
}

/** Every line that ships, comments left out. */
function shippedLines(folders: readonly string[]): Line[] {
  const lines: Line[] = [];
  for (const folder of folders) {
    for (const entry of readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name).slice(ROOT.length);
      if (!entry.isFile() || !/\.tsx?$/.test(entry.name) || /\.test(-d)?\.tsx?$/.test(entry.name) || path.includes('/testing/')) continue;
      for (const text of read(path).split('\n')) if (!/^\s*(\/\/|\*|\/\*)/.test(text)) lines.push({ path: path.replace(/^\//, ''), text });
    }
  }
  return lines;
}

const SERVER_SIDE = ['apps/server/src', 'packages/pty/src', 'packages/db/src', 'packages/api/src', 'packages/screen/src'];
const ALL = [...SERVER_SIDE, 'apps/web/src'];
const found = (lines: readonly Line[], pattern: RegExp): string[] =>
  lines.filter(({ text }) => pattern.test(text)).map(({ path, text }) => `${path}: ${text.trim()}`);

test('S31: nobody compares a part of an Origin, a Host or an address: no startsWith, includes or pattern on them', () => {
  const lines = shippedLines(ALL);
  expect(lines.length).toBeGreaterThan(10_000);
  const search =
    /\b(?:origins?|host|hosts|hostname|hostHeader|authority|pathRoot|allowed\w*|forwarded\w*)\)?(?:\?\.|\.)(?:startsWith|endsWith|includes|indexOf|lastIndexOf|match|matchAll|search)\(/i;
  const pattern = /\/[a-z]*\.(?:test|exec)\(\s*(?:\w+\.)*(?:origin|host|hostname|hostHeader|authority|referer|forwarded\w*)\b/i;
  // How a setting is written, and how an address is shown: nobody is let in by them.
  const SHAPES = ['apps/server/src/config.ts', 'apps/server/src/settings.ts', 'apps/server/src/compose.ts'];
  const hits = [...found(lines, search), ...found(lines, pattern)].filter((hit) => !SHAPES.some((path) => hit.startsWith(path)));
  expect(hits).toEqual([]);
  // Both patterns see what they are for.
  for (const bad of ["if (origin.startsWith('https://x'))", "host.includes('x')", 'allowedHosts.includes(x)'])
    expect(search.test(bad)).toBe(true);
  expect(pattern.test('/^https/.test(origin)')).toBe(true);
  // And the two files that decide have none at all: pnpm check:layers parses them.
  const rooms = read('scripts/layers/rooms.mjs');
  for (const path of ['apps/server/src/http/access.ts', 'apps/server/src/http/gate.ts']) expect(rooms).toContain(`'${path}'`);
});

test('S51: no shell is ever built: no shell option, no exec, no eval in anything that ships', () => {
  const lines = shippedLines(ALL);
  expect(found(lines, /\bshell\s*:\s*(?:true|process|['"`]\S+['"`],)/)).toEqual([]);
  expect(found(lines, /\b(?:exec|execSync|execFileSync)\b.*from 'node:child_process'/)).toEqual([]);
  const imports = lines
    .filter(({ text }) => text.includes("'node:child_process'"))
    .flatMap(({ text }) => /\{([^}]*)\}/.exec(text)?.[1]?.split(',') ?? []);
  expect(imports.length).toBeGreaterThan(0);
  for (const name of imports.map((text) => text.replace(/^\s*type\s/, '').trim()))
    // These take a list of arguments and no shell, unless one is asked for, which is looked for above.
    expect(['spawn', 'spawnSync', 'fork', 'ChildProcess']).toContain(name);
  expect(found(lines, /\beval\(|new Function\(|['"]-c['"]|\/bin\/sh['"]\s*,/)).toEqual([]);
});

test('S36, S37: the page takes no address of a server from its own address, and goes nowhere but to its own paths', () => {
  const lines = shippedLines(['apps/web/src', 'packages/api/src/client']);
  expect(lines.length).toBeGreaterThan(2000);
  expect(
    found(lines, /location\.(?:assign|replace)\(|location(?:\.href)?\s*=[^=]|window\.open\(|\.action\s*=/).filter(
      // A link in a terminal's output, once somebody has said yes to it.
      (hit) => !hit.includes("'_blank', 'noopener,noreferrer'"),
    ),
  ).toEqual([]);
  expect(found(lines, /createClient\(\{/)).toEqual([
    // Whatever else it is told.
    expect.stringMatching(/^apps\/web\/src\/api\/client\.ts: return createClient\(\{ url: location\.origin, /),
  ]);
  // The one socket is made by link-socket.ts, to the address that the client was given.
  expect(found(lines, /new WebSocket\(|new EventSource\(|sendBeacon\(/)).toEqual([]);
  expect(found(lines, /URLSearchParams|searchParams|location\.search/)).toEqual([]);
  const server = shippedLines(['apps/server/src']);
  expect(found(server, /\.redirect\(|['"]location['"]\s*[:,]/i)).toEqual([]);
});

test('S63: every server and socket of ours has somebody who takes its errors', () => {
  const server = read('apps/server/src/http/server.ts');
  for (const taken of ["server.on('clientError'", "server.on('error'", "socket.on('error'"]) expect(server).toContain(taken);
  expect(server).not.toContain('insecureHTTPParser: true');
  expect(read('packages/pty/src/host/peer.ts')).toContain("socket.on('error'");
  expect(read('packages/pty/src/host/listener.ts')).toContain("server.on('error'");
});

test('S68: a debugger that others can reach keeps the server from starting; one on loopback is warned about', async () => {
  const dataDir = join(ROOT, 'no-such-folder-is-made');
  const refused = await runCotg(['serve', '--port', '0'], { dataDir, env: { NODE_OPTIONS: '--inspect=0.0.0.0:0' } });
  expect([refused.code, refused.stdout]).toEqual([2, '']);
  expect(refused.stderr).toContain('--inspect');
  await using server = await startTestServer({ env: { NODE_OPTIONS: '--inspect=127.0.0.1:0' } });
  expect(server.output()).toContain('a debugger listens');
  // Neither the host nor a program gets one.
  for (const file of ['environ', 'cmdline'])
    expect(readFileSync(`/proc/${await server.hostPid()}/${file}`, 'latin1')).not.toContain('inspect');
});

test('S68: nothing that ships turns a development mode on', () => {
  const lines = shippedLines(ALL);
  expect(found(lines, /isDev: true|NODE_ENV\b.*development|inspector\.open\(|trpc-playground|swagger-ui|graphiql/)).toEqual([]);
  expect(read('packages/api/src/trpc.ts')).toContain('isDev: false');
});

/** SECURITY §5.3: what is below has a hole that matters here. */
const FLOORS: Readonly<Record<string, string>> = {
  ws: '8.21.1',
  '@trpc/server': '11.1.1',
  '@trpc/client': '11.1.1',
  'better-sqlite3': '12.11.1',
  '@simplewebauthn/server': '13.3.2',
  'express-rate-limit': '8.2.2',
  '@modelcontextprotocol/sdk': '1.24.0',
};
const KNOWN_BAD: Readonly<Record<string, readonly string[]>> = { 'node-pty': ['1.2.0-beta.1'] };

function isBelow(version: string, floor: string): boolean {
  const parts = (text: string): number[] => (text.split('-')[0] ?? '').split('.').map(Number);
  const [mine, least] = [parts(version), parts(floor)];
  for (const at of [0, 1, 2]) if (mine[at] !== least[at]) return (mine[at] ?? 0) < (least[at] ?? 0);
  return false;
}

test('S69: everything in the lock file has a SHA-512 from the registry, no version is known to be bad, and few may run a script', () => {
  const lock = read('pnpm-lock.yaml');
  const packages = lock.slice(lock.indexOf('\npackages:'), lock.indexOf('\nsnapshots:'));
  const entries = packages.split(/\n {2}(?=\S)/).slice(1);
  expect(entries.length).toBeGreaterThan(150);
  const versions = new Map<string, string[]>();
  const wrong: string[] = [];
  for (const entry of entries) {
    const key = (/^'?([^\n]+?)'?:\n/.exec(entry)?.[1] ?? '').trim();
    const at = key.lastIndexOf('@');
    const [name, version] = [key.slice(0, at), key.slice(at + 1)];
    versions.set(name, [...(versions.get(name) ?? []), version]);
    if (!/resolution: \{integrity: sha512-[A-Za-z0-9+/]{86}==\}/.test(entry)) wrong.push(`${key}: no integrity`);
    if (/tarball:|git\+|github:|https?:\/\/(?!.*deprecated)/.test(entry.replace(/\n\s+deprecated:.*/s, '')))
      wrong.push(`${key}: not from the registry`);
    if (!/^\d+\.\d+\.\d+/.test(version)) wrong.push(`${key}: no version`);
    if (FLOORS[name] !== undefined && isBelow(version, FLOORS[name])) wrong.push(`${key}: below ${FLOORS[name]}`);
    if (KNOWN_BAD[name]?.includes(version)) wrong.push(`${key}: known to be bad`);
  }
  expect(wrong).toEqual([]);
  for (const name of ['ws', '@trpc/server', 'better-sqlite3']) expect(versions.get(name)).toHaveLength(1);
  expect([isBelow('8.21.0', '8.21.1'), isBelow('8.21.1', '8.21.1'), isBelow('9.0.0', '8.21.1'), isBelow('11.1.0', '11.1.1')]).toEqual([
    true,
    false,
    false,
    true,
  ]);
  // Node's own floor, and whose install scripts run.
  const { config } = JSON.parse(read('package.json')) as { config: { node: string } };
  expect(isBelow(config.node, '24.21.0')).toBe(false);
  const builds = /^allowBuilds: \{(.*)\}$/m.exec(read('pnpm-workspace.yaml'))?.[1] ?? '';
  const allowed = builds
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part.endsWith(': true'))
    .map((part) => part.split(':')[0]);
  expect(allowed.filter((name) => !['node-pty', 'better-sqlite3'].includes(name ?? ''))).toEqual([]);
  expect(read('pnpm-workspace.yaml')).not.toMatch(/dangerouslyAllowAllBuilds|onlyBuiltDependencies: \[['"]?\*/);
});
