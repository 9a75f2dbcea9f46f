import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildFingerprint, installFingerprint } from './fingerprint.mjs';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'fingerprint-'));
  put('pnpm-lock.yaml', 'lock');
  put('packages/db/package.json', '{}');
  put('packages/db/src/journal.ts', 'export const a = 1;');
  put('tsconfig.base.json', '{}');
});
afterEach(() => rmSync(root, { recursive: true }));

function put(path: string, text: string) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

test('an install is due again when the lock file, a manifest or the major version of Node changes', () => {
  const before = installFingerprint(root, '24');
  expect(installFingerprint(root, '24')).toBe(before);
  expect(installFingerprint(root, '26')).not.toBe(before);
  put('packages/db/package.json', '{ "name": "db" }');
  const afterManifest = installFingerprint(root, '24');
  expect(afterManifest).not.toBe(before);
  put('pnpm-lock.yaml', 'other');
  expect(installFingerprint(root, '24')).not.toBe(afterManifest);
});

test('a build is due again when a source, a shared setting or the install changes', () => {
  const fingerprints = [buildFingerprint(root, 'install')];
  put('packages/db/src/journal.ts', 'export const a = 2;');
  fingerprints.push(buildFingerprint(root, 'install'));
  put('packages/db/src/deep/new.ts', '');
  fingerprints.push(buildFingerprint(root, 'install'));
  put('tsconfig.base.json', '{ }');
  fingerprints.push(buildFingerprint(root, 'install'), buildFingerprint(root, 'other install'));
  expect(new Set(fingerprints).size).toBe(5);
});

test('results of a build, tests and times of files make no build due', () => {
  const before = buildFingerprint(root, 'install');
  put('packages/db/dist/journal.js', '');
  put('packages/db/node_modules/kysely/index.js', '');
  put('packages/db/tsconfig.build.tsbuildinfo', '');
  put('packages/db/src/journal.test.ts', '');
  put('packages/db/test/crash.fault.test.ts', '');
  utimesSync(join(root, 'packages/db/src/journal.ts'), 0, 0);
  expect(buildFingerprint(root, 'install')).toBe(before);
});
