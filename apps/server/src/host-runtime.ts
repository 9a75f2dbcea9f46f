// Owns the copy of the program that a host runs from. A host outlives rebuilds and upgrades of the checkout, and starts
// workers late in its life: what it loads must not change under it. The copy lies in the data directory, named by its
// content, and is removed when a newer host has taken over.
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Young objects of the host are small and few; V8's own limit lets them take 48 MB in a flood and keeps it (MiB). */
const HOST_FLAGS = ['--max-semi-space-size=1'];

export interface HostProgram {
  readonly execPath: string;
  readonly args: readonly string[];
  /** Call once a host started from this program answers: older copies go. */
  removeOthers(): void;
}

const HERE = dirname(fileURLToPath(import.meta.url));
/** Sources, other platforms' binaries and documents: nothing that is loaded. */
const LEFT_OUT =
  /(?:^|\/)(?:deps|test|tests|third_party|scripts|docs?|typings|\.git|node_modules)(?:\/|$)|\.(?:map|md|ts|mts|cts|tsbuildinfo|c|cc|cpp|h|hpp|gyp|gypi|pdb)$/;

/** What brings binaries of its own. */
const NATIVE = ['better-sqlite3', 'node-pty', 'koffi'];

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

/** Folder of a dependency as Node would find it from `folder`; undefined when it is not installed (optional ones may not be). */
function findPackage(folder: string, name: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const candidate = join(at, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return realpathSync(candidate);
    if (at === dirname(at)) return undefined;
  }
}

/** What the host needs, with everything that needs, by name. */
function closure(serverFolder: string): Map<string, string> {
  const found = new Map<string, string>();
  const visit = (from: string, name: string): void => {
    if (found.has(name)) return;
    const folder = findPackage(from, name);
    if (folder === undefined) return;
    found.set(name, folder);
    const manifest = readManifest(folder);
    for (const dependency of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) visit(folder, dependency);
  };
  visit(serverFolder, '@cotg/db');
  visit(serverFolder, '@cotg/pty');
  // What those two name in a clone; in the package that npm installs it hangs on the package itself (scripts/pack/package-folder.mjs).
  for (const name of NATIVE) visit(serverFolder, name);
  return found;
}

function isOtherPlatform(path: string): boolean {
  const prebuild = /(?:^|\/)prebuilds\/([^/]+)/.exec(path)?.[1];
  return prebuild !== undefined && !prebuild.includes(process.platform);
}

function copyPackage(from: string, to: string): void {
  cpSync(from, to, {
    recursive: true,
    dereference: true,
    filter: (source) => {
      const path = source
        .slice(from.length + 1)
        .split(sep)
        .join('/');
      return !LEFT_OUT.test(path) && !isOtherPlatform(path);
    },
  });
}

/** Content of our own files, names and versions of the others. */
function identity(packages: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256').update(process.version);
  const addFolder = (folder: string): void => {
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.js'));
    for (const file of files.toSorted()) hash.update(file).update(readFileSync(join(folder, file)));
  };
  addFolder(HERE);
  for (const [name, folder] of packages) {
    hash.update(`${name}@${readManifest(folder).version}`);
    if (name.startsWith('@cotg/')) addFolder(join(folder, 'dist'));
  }
  return hash.digest('hex').slice(0, 16);
}

const IS_SOURCE = fileURLToPath(import.meta.url).endsWith('.ts');

/** Where no copy can be made. */
export function hostProgramInPlace(): HostProgram {
  const file = IS_SOURCE ? ['--conditions=@cotg/source', join(HERE, 'host-main.ts')] : [join(HERE, 'host-main.js')];
  return { execPath: process.execPath, args: [...HOST_FLAGS, ...file], removeOthers: () => undefined };
}

/** Makes the copy when it is not there yet. From sources (development, tests) the host runs in place. */
export function prepareHostProgram(runtimesFolder: string): HostProgram {
  if (IS_SOURCE) return hostProgramInPlace();
  const serverFolder = dirname(HERE);
  const packages = closure(serverFolder);
  const name = identity(packages);
  const target = join(runtimesFolder, name);
  const entry = join('app', 'dist', 'host-main.js');
  if (!existsSync(join(target, entry))) {
    mkdirSync(runtimesFolder, { recursive: true, mode: 0o700 });
    const temporary = join(runtimesFolder, `.${name}.${process.pid}`);
    rmSync(temporary, { recursive: true, force: true });
    cpSync(HERE, join(temporary, 'app', 'dist'), { recursive: true, filter: (source) => !/\.(?:map|ts|tsbuildinfo)$/.test(source) });
    cpSync(join(serverFolder, 'package.json'), join(temporary, 'app', 'package.json'));
    for (const [packageName, folder] of packages) copyPackage(folder, join(temporary, 'node_modules', packageName));
    // Whole or not at all: a copy torn by a crash never has its final name.
    rmSync(target, { recursive: true, force: true });
    renameSync(temporary, target);
  }
  return {
    execPath: process.execPath,
    args: [...HOST_FLAGS, join(target, entry)],
    removeOthers: () => {
      for (const other of readdirSync(runtimesFolder)) {
        if (other !== basename(target)) rmSync(join(runtimesFolder, other), { recursive: true, force: true });
      }
    },
  };
}
