// Owns reading the workspace from disk: its packages with what they declare and export, and every source file, parsed.
// It must not judge. Invariant: paths are from the root with forward slashes, so that messages read alike everywhere.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isTestCode } from './rooms.mjs';
import { readSource } from './source.mjs';

/**
 * @typedef {object} Package
 * @property {string} dir                      `packages/db`
 * @property {string} name                     `@cotg/db`
 * @property {boolean} app
 * @property {Set<string>} entries             importable names: `@cotg/db/journal`
 * @property {Set<string>} shipped             dependencies and optional dependencies
 * @property {Set<string>} development         dev dependencies
 *
 * @typedef {object} SourceFile
 * @property {string} path
 * @property {Package} owner
 * @property {boolean} test
 * @property {import('./source.mjs').Import[]} imports
 * @property {import('./source.mjs').Use[]} uses
 *
 * @typedef {{ root: string, packages: Package[], files: SourceFile[], rootDevelopment: Set<string> }} Workspace
 */

/** Source folders of a package; `src` ships, the others hold tests. */
const SOURCE_FOLDERS = ['src', 'test', 'e2e'];
const SOURCE_FILE = /\.(ts|tsx|mts|mjs)$/;

/** @param {string} root @returns {Workspace} */
export function readWorkspace(root) {
  const packages = ['packages', 'apps'].flatMap((kind) => readPackages(root, kind));
  const files = packages.flatMap((owner) =>
    SOURCE_FOLDERS.flatMap((folder) => sourceFiles(join(root, owner.dir, folder))).map((absolute) => {
      const path = relative(root, absolute).replaceAll('\\', '/');
      return { path, owner, test: isTestCode(path), ...readSource(path, readFileSync(absolute, 'utf8')) };
    }),
  );
  const manifest = existsSync(join(root, 'package.json')) ? readManifest(join(root, 'package.json')) : {};
  return { root, packages, files, rootDevelopment: new Set(Object.keys(manifest.devDependencies ?? {})) };
}

/** @param {string} root @param {string} kind @returns {Package[]} */
function readPackages(root, kind) {
  if (!existsSync(join(root, kind))) return [];
  return readdirSync(join(root, kind), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(root, kind, entry.name, 'package.json')))
    .map((entry) => {
      const dir = `${kind}/${entry.name}`;
      const manifest = readManifest(join(root, dir, 'package.json'));
      return {
        dir,
        name: manifest.name,
        app: kind === 'apps',
        entries: new Set(Object.keys(manifest.exports ?? {}).map((key) => manifest.name + key.slice(1))),
        shipped: new Set(Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })),
        development: new Set(Object.keys(manifest.devDependencies ?? {})),
      };
    });
}

/** @param {string} path */
const readManifest = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** @param {string} folder @returns {string[]} */
function sourceFiles(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : sourceFiles(path);
    return SOURCE_FILE.test(entry.name) ? [path] : [];
  });
}
