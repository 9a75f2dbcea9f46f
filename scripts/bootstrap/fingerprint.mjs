// Owns the two fingerprints that tell whether there is anything to do: of what an install depends on, and of what a build depends on.
// It must not touch anything. Invariant: contents decide, never times of files; a fresh checkout of the same commit has the same fingerprint.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const WORKSPACE_FOLDERS = ['packages', 'apps'];
/** Parts of the workspace that nothing shipped is built from. */
const TOOL_FOLDERS = ['bench', 'examples', 'testing'];
/** What the package manager reads besides the manifests of the workspace. */
const INSTALL_FILES = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', '.npmrc'];
/** What every build reads besides its own package. */
const BUILD_FILES = ['turbo.json', 'tsconfig.base.json'];
/** Results of a build, and what only tests read. */
const NOT_BUILT_FROM = new Set(['node_modules', 'dist', 'dist-types', '.turbo', 'test', 'e2e']);
const NOT_BUILT_FROM_FILE = /\.tsbuildinfo$|\.test\.|\.test-d\./;

/** @param {string} root @param {string} nodeMajor @returns {string} hex */
export function installFingerprint(root, nodeMajor) {
  const files = [...INSTALL_FILES, ...[...TOOL_FOLDERS, ...workspaceDirs(root)].map((dir) => `${dir}/package.json`)];
  return fingerprint(root, files, [process.platform, process.arch, nodeMajor]);
}

/** @param {string} root @param {string} installed the install's fingerprint @returns {string} hex */
export function buildFingerprint(root, installed) {
  return fingerprint(root, [...BUILD_FILES, ...workspaceDirs(root).flatMap((dir) => builtFrom(root, dir))], [installed]);
}

/** @param {string} root @param {string[]} files @param {string[]} facts */
function fingerprint(root, files, facts) {
  const hash = createHash('sha256').update(facts.join('\0'));
  for (const file of files) {
    const path = join(root, file);
    if (!existsSync(path)) continue;
    const content = readFileSync(path);
    hash.update(`\0${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/** @param {string} root @returns {string[]} */
function workspaceDirs(root) {
  return WORKSPACE_FOLDERS.flatMap((kind) =>
    entriesOf(join(root, kind))
      .filter((entry) => entry.isDirectory() && existsSync(join(root, kind, entry.name, 'package.json')))
      .map((entry) => `${kind}/${entry.name}`),
  );
}

/** @param {string} root @param {string} dir @returns {string[]} */
function builtFrom(root, dir) {
  return entriesOf(join(root, dir)).flatMap((entry) => {
    if (NOT_BUILT_FROM.has(entry.name) || NOT_BUILT_FROM_FILE.test(entry.name)) return [];
    const path = `${dir}/${entry.name}`;
    if (entry.isDirectory()) return builtFrom(root, path);
    return entry.isFile() ? [path] : [];
  });
}

/** @param {string} path sorted, because the order of a directory is the file system's whim */
function entriesOf(path) {
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
}
