// Owns the places of this clone that the bootstrap reads and writes, and the versions it pins.
// Invariant: everything it writes lies in `.toolchain/` or `node_modules/`, both git-ignored; deleting them starts afresh.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const TOOLCHAIN = join(ROOT, '.toolchain');
export const LOCK_FILE = join(TOOLCHAIN, 'bootstrap.lock');
/** Inside node_modules, so that deleting that folder also forgets what was installed and built. */
export const INSTALL_STAMP = join(ROOT, 'node_modules', '.bootstrap-install');
export const BUILD_STAMP = join(ROOT, 'node_modules', '.bootstrap-build');

/** What a build must have made before anything is started. */
export const BUILT_FILES = ['apps/server/dist/main.js', 'apps/server/dist/host-main.js', 'apps/web/dist/index.html'];

/** The oldest Node the product runs on: below it the terminal library loses the end of a program's output. */
export const NODE_MAJOR = 24;

/** The versions fetched when this machine has none that fits; package.json pins them. */
export function pinnedVersions() {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  return { node: /** @type {string} */ (manifest.config.node), pnpm: /** @type {string} */ (manifest.packageManager).replace('pnpm@', '') };
}
