// That the linter's two add-ons really run: a plug-in that fails to load would make the check pass for ever.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const repository = dirname(dirname(fileURLToPath(import.meta.url)));
/** One file is linted in some 0.3 s. */
const LINT_TIMEOUT_MS = 20_000;
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lint-'));
  cpSync(join(repository, '.oxlintrc.json'), join(root, '.oxlintrc.json'));
  writeFileSync(
    join(root, 'tsconfig.json'),
    JSON.stringify({ extends: join(repository, 'tsconfig.base.json'), include: ['apps', 'packages'] }),
  );
  symlinkSync(join(repository, 'node_modules'), join(root, 'node_modules'));
});
afterEach(() => rmSync(root, { recursive: true }));

function lint(path: string, text: string) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  // Named paths: without them the linter would also follow the link to node_modules.
  const args = [join(root, 'node_modules/oxlint/bin/oxlint'), '--type-aware', '--deny-warnings', '--format=unix', path];
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', timeout: LINT_TIMEOUT_MS });
  return { status, stdout };
}

test('a destructured prop in the web app is an error', () => {
  const { status, stdout } = lint('apps/web/src/Title.tsx', 'export const Title = ({ text }: { text: string }) => <p>{text}</p>;\n');
  expect(stdout).toContain('no-destructure');
  expect(status).toBe(1);
});

test('a promise that nobody waits for is an error', () => {
  const { status, stdout } = lint('packages/db/src/a.ts', 'const later = async () => 1;\nexport const run = () => {\n  later();\n};\n');
  expect(stdout).toContain('no-floating-promises');
  expect(status).toBe(1);
});

test('clean code passes', () => {
  const { status, stdout } = lint('packages/db/src/a.ts', 'export const one = 1;\n');
  expect({ status, stdout }).toMatchObject({ status: 0 });
});
