// The layer check itself: a fence nobody tests is a fence that may have fallen over.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';

const here = dirname(fileURLToPath(import.meta.url));
const good = join(here, 'fixtures/layers-good');
const bad = join(here, 'fixtures/layers-bad');

/** Every breach in fixtures/layers-bad, as `file [rule]`: no more and no less may be reported. */
const EXPECTED = [
  'apps/server/src/fixture.ts [test-code]',
  'apps/server/src/http/access.ts [exact-comparison]',
  'apps/server/src/http/gate.ts [exact-comparison]',
  'apps/server/src/main.ts [entry]',
  'apps/server/src/store.ts [owned-module]',
  'apps/server/src/store.ts [sql]',
  'apps/web/src/host.ts [workspace]',
  'apps/web/src/index.tsx [html-sink]',
  'apps/web/src/index.tsx [types-only]',
  'apps/web/src/node.ts [node-builtin]',
  'packages [package-cycle]',
  'packages/api/src/environment-import.ts [node-builtin]',
  'packages/api/src/environment-import.ts [process-env]',
  'packages/api/src/environment.ts [process-env]',
  'packages/api/src/index.test.ts [entry]',
  'packages/api/src/index.test.ts [undeclared]',
  'packages/api/src/index.ts [third-party]',
  'packages/api/src/undeclared.ts [undeclared]',
  'packages/db/package.json [manifest]',
  'packages/db/src/a.ts [file-cycle]',
  'packages/db/src/app.ts [app-import]',
  'packages/db/src/by-path.ts [leaves-package]',
  'packages/db/src/journal.ts [node-builtin]',
  'packages/db/src/own-sqlite.ts [node-builtin]',
  'packages/mail/src/index.ts [unknown-room]',
  'packages/pty/package.json [manifest]',
  'packages/pty/src/client/bare-builtin.ts [node-builtin]',
  'packages/pty/src/client/client.ts [third-party]',
  'packages/pty/src/client/computed.ts [computed-import]',
  'packages/pty/src/client/reaches-host.ts [room]',
  'packages/pty/src/client/tests-shipped.ts [test-code]',
  'packages/pty/src/errors.ts [unresolved]',
  'packages/pty/src/host/host.ts [room]',
  'packages/pty/src/protocol/host.ts [room]',
  'packages/pty/src/protocol/node.ts [node-builtin]',
  'packages/screen/src/index.ts [types-only]',
];

/** Rules about the table itself, which need a tree that lacks something: tested below. */
const TABLE_RULES = ['empty-room', 'guarded-file'];

const folders: string[] = [];
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'layers-'));
  folders.push(folder);
  return folder;
}

function checkLayers(root: string) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(here, 'check-layers.mjs'), root], { encoding: 'utf8' });
  const breaches = stderr.split('\n').flatMap((line) => {
    const [, file, rule] = /^(\S+):\d+ {2}\[([a-z-]+)\] {2}\S/.exec(line) ?? [];
    return file === undefined ? [] : [`${file} [${rule}]`];
  });
  return { status, stdout, stderr, breaches: [...new Set(breaches)].sort() };
}

test('a tree that keeps to the table passes and says how much was read', () => {
  const { status, stderr, stdout } = checkLayers(good);
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^layers: \d{2,} imports in 19 modules of 6 packages, 0 forbidden/);
  expect(status).toBe(0);
});

test('every forbidden import and use is reported by file and rule', () => {
  const { status, breaches } = checkLayers(bad);
  expect(breaches).toEqual([...EXPECTED].sort());
  expect(status).toBe(1);
});

test('every rule that exists is broken once in the fixture', () => {
  const rules = [...readFileSync(join(here, 'layers/rules.mjs'), 'utf8').matchAll(/rule: '([a-z-]+)'/g)].map((match) => match[1] ?? '');
  const broken = new Set(EXPECTED.map((line) => line.slice(line.indexOf('[') + 1, -1)));
  expect(rules.filter((rule) => !broken.has(rule) && !TABLE_RULES.includes(rule))).toEqual([]);
});

test('a folder without modules fails: nothing was proved', () => {
  const { status, stderr } = checkLayers(temporaryFolder());
  expect(stderr).toContain('no modules found');
  expect(status).toBe(1);
});

test('a room without files and a guarded file that is gone fail: the table has lost touch with the tree', () => {
  const root = temporaryFolder();
  cpSync(good, root, { recursive: true });
  rmSync(join(root, 'packages/screen/src'), { recursive: true });
  rmSync(join(root, 'apps/server/src/http/access.ts'));
  const { status, breaches } = checkLayers(root);
  expect(breaches).toEqual(expect.arrayContaining(['apps/server/src/http/access.ts [guarded-file]', 'packages/screen/src [empty-room]']));
  expect(status).toBe(1);
});

test('a file that cannot be parsed fails instead of counting as free of imports', () => {
  const root = temporaryFolder();
  cpSync(good, root, { recursive: true });
  writeFileSync(join(root, 'packages/api/src/broken.ts'), 'export const = ;\n');
  const { status, stderr } = checkLayers(root);
  expect(stderr).toContain('packages/api/src/broken.ts');
  expect(status).not.toBe(0);
});
