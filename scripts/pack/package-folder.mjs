// Owns the folder that `npm pack` makes the tarball from: our build, our workspace packages and every package of plain JavaScript that they need,
// in the versions that are installed here (pnpm's frozen lock file), so that what was tested is what runs. Packages with native parts are left to npm,
// pinned exactly: it fetches them for the machine that installs. It must not know npm's command line.
// Invariant: inside the package every file lies where it lies in a clone, so that entries, workers and the page's files are found the same way.
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';

/** These bring binaries, and may differ from machine to machine. koffi is a wish: without it the host marks descriptors the slow way. */
const NATIVE = ['better-sqlite3', 'node-pty', 'koffi'];
const OPTIONAL_NATIVE = new Set(['koffi']);
/** Maps, types, build notes, tests: nothing that is loaded. */
const OUR_LEFT_OUT = /(?:^|\/)testing(?:\.js$|\/|$)|\.(?:map|ts|tsbuildinfo)$/;
const THEIR_LEFT_OUT = /(?:^|\/)(?:node_modules|\.github|tests?)(?:\/|$)|\.(?:map|[cm]?ts|tsbuildinfo)$/;
const EXECUTABLE = 0o755;

/**
 * @typedef {{ name: string, version: string, license?: string, description?: string, engines?: Record<string, string>, exports?: Record<string, unknown>,
 *   dependencies?: Record<string, string>, optionalDependencies?: Record<string, string> }} Manifest
 * @typedef {{ name: string, version: string, source: string, target: string, manifest: Manifest }} Placed
 */

/** @param {string} folder @returns {Manifest} */
function readManifest(folder) {
  return /** @type {Manifest} */ (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')));
}

/** Folder of a dependency as Node would find it from `from`. @param {string} from @param {string} name @returns {string} */
function findPackage(from, name) {
  for (let at = from; ; at = dirname(at)) {
    const candidate = join(at, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return realpathSync(candidate);
    if (at === dirname(at)) throw new Error(`${name} is not installed, though ${from} needs it: pnpm install`);
  }
}

const isNative = (/** @type {string} */ name) => NATIVE.includes(name);

/**
 * Where each package goes: the first version of a name to the top, another one beside the package that needs it.
 * @param {string} serverFolder @returns {{ bundled: Placed[], native: Record<string, string> }}
 */
function place(serverFolder) {
  /** @type {Map<string, Placed>} */
  const placed = new Map();
  /** @type {Record<string, string>} */
  const native = {};
  /** @param {string} name @param {string} from @param {string} parent folder in the package of who needs it, '' for the package itself */
  const visit = (name, from, parent) => {
    const source = findPackage(from, name);
    const manifest = readManifest(source);
    if (isNative(name)) {
      native[name] = manifest.version;
      return;
    }
    const top = join('node_modules', name);
    const found = placed.get(top);
    const target = found && found.version !== manifest.version ? join(parent, 'node_modules', name) : top;
    if (placed.has(target)) return;
    placed.set(target, { name, version: manifest.version, source, target, manifest });
    for (const dependency of needs(manifest)) visit(dependency, source, target);
  };
  for (const name of needs(readManifest(serverFolder))) visit(name, serverFolder, '');
  return { bundled: [...placed.values()], native };
}

/** What it loads; optional packages only where we know them. @param {Manifest} manifest */
function needs(manifest) {
  return [...Object.keys(manifest.dependencies ?? {}), ...Object.keys(manifest.optionalDependencies ?? {}).filter(isNative)];
}

/** @param {string} from @param {string} to @param {RegExp} leftOut */
function copy(from, to, leftOut) {
  cpSync(from, to, {
    recursive: true,
    dereference: true,
    filter: (source) => !leftOut.test(relative(from, source).split(sep).join('/')),
  });
}

/** @param {string} path @param {unknown} content */
function writeJson(path, content) {
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`);
}

/**
 * A workspace package as npm understands it: no `workspace:` or `catalog:`, no sources, no tests.
 * @param {Placed} ours @param {string} to @param {(name: string) => string} versionOf
 */
function writeOurPackage({ source, manifest }, to, versionOf) {
  copy(join(source, 'dist'), join(to, 'dist'), OUR_LEFT_OUT);
  // Without the native ones: npm takes what a bundled package needs for bundled, too, and would not fetch it. They hang on the package itself.
  const inside = Object.keys(manifest.dependencies ?? {}).filter((name) => !isNative(name));
  const { name, version, license, exports = {} } = manifest;
  writeJson(join(to, 'package.json'), {
    name,
    version,
    license,
    type: 'module',
    exports: Object.fromEntries(
      Object.entries(exports).flatMap(([entry, value]) =>
        entry === './testing' ? [] : [[entry, /** @type {{ default: string }} */ (value).default]],
      ),
    ),
    dependencies: Object.fromEntries(inside.map((dependency) => [dependency, versionOf(dependency)])),
  });
}

/**
 * Makes the folder anew. The build must be there.
 * @param {{ root: string, folder: string }} options `root` is the clone
 * @returns {{ name: string, version: string }}
 */
export function makePackageFolder({ root, folder }) {
  const serverFolder = join(root, 'apps', 'server');
  const built = [join(serverFolder, 'dist', 'main.js'), join(root, 'apps', 'web', 'dist', 'index.html')];
  for (const file of built) if (!existsSync(file)) throw new Error(`${relative(root, file)} is missing: pnpm build`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'bin'), { recursive: true });

  const product = readManifest(root);
  const server = readManifest(serverFolder);
  const { bundled, native } = place(serverFolder);
  // Of a name with two versions the one at the top: our own packages need no other.
  const top = bundled.filter(({ name, target }) => target === join('node_modules', name));
  const versions = new Map(top.map(({ name, version }) => [name, version]));
  const versionOf = (/** @type {string} */ name) => {
    const version = native[name] ?? versions.get(name);
    if (version === undefined) throw new Error(`nothing brings ${name}`);
    return version;
  };

  cpSync(join(root, 'scripts', 'pack', 'cotg.cjs'), join(folder, 'bin', 'cotg.cjs'));
  chmodSync(join(folder, 'bin', 'cotg.cjs'), EXECUTABLE);
  for (const file of ['README.md', 'CHANGELOG.md', 'LICENSE']) cpSync(join(root, file), join(folder, file));
  copy(join(serverFolder, 'dist'), join(folder, 'apps', 'server', 'dist'), OUR_LEFT_OUT);
  writeJson(join(folder, 'apps', 'server', 'package.json'), { name: server.name, version: server.version, type: 'module' });
  copy(join(root, 'apps', 'web', 'dist'), join(folder, 'apps', 'web', 'dist'), /\.map$/);
  for (const one of bundled) {
    const to = join(folder, one.target);
    if (one.name.startsWith('@cotg/')) writeOurPackage(one, to, versionOf);
    else copy(one.source, to, THEIR_LEFT_OUT);
  }
  const inside = [...versions.keys()].toSorted();
  writeJson(join(folder, 'package.json'), {
    name: product.name,
    version: server.version,
    description: product.description,
    license: product.license,
    type: 'module',
    bin: { cotg: 'bin/cotg.cjs' },
    files: ['bin', 'apps', 'CHANGELOG.md'],
    engines: product.engines,
    dependencies: Object.fromEntries(
      [...inside, ...Object.keys(native).filter((name) => !OPTIONAL_NATIVE.has(name))].toSorted().map((name) => [name, versionOf(name)]),
    ),
    optionalDependencies: Object.fromEntries([...OPTIONAL_NATIVE].map((name) => [name, versionOf(name)])),
    bundleDependencies: inside,
  });
  return { name: product.name, version: server.version };
}
