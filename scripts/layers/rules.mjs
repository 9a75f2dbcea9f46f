// Owns the rules: judges a workspace that was read against the table of rooms and names every breach.
// It must not touch the disk. Invariant: a breach names the rule, the file, the line and what to do instead.
import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import { findCycles } from './cycles.mjs';
import {
  ANY_DECLARED,
  ENVIRONMENT_READERS,
  EXACT_COMPARISON_FILES,
  FORBIDDEN_BUILTINS,
  OWNED_MODULES,
  ROOMS,
  roomOf,
  SHARED_TEST_FOLDER,
  TEST_MODULES,
} from './rooms.mjs';

/**
 * @typedef {import('./workspace.mjs').Workspace} Workspace
 * @typedef {import('./workspace.mjs').SourceFile} SourceFile
 * @typedef {import('./workspace.mjs').Package} Package
 * @typedef {import('./source.mjs').Import} Import
 * @typedef {{ rule: string, file: string, line: number, message: string }} Breach
 * @typedef {{ rule: string, message: string } | null} Verdict
 */

const BUILTINS = new Set(builtinModules);

/** @param {Workspace} workspace @returns {Breach[]} */
export function judge(workspace) {
  /** @type {Breach[]} */
  const breaches = [];
  const files = new Map(workspace.files.map((file) => [file.path, file]));
  /** @type {Map<string, Set<string>>} */
  const fileEdges = new Map();
  for (const file of workspace.files) {
    const room = roomOf(file.path);
    if (room === undefined && !file.test)
      breaches.push({ rule: 'unknown-room', file: file.path, line: 1, message: 'is in no room of scripts/layers/rooms.mjs' });
    for (const found of file.imports) {
      const target = found.specifier?.startsWith('.') ? resolve(file.path, found.specifier, files) : undefined;
      if (target !== undefined && !found.asset) fileEdges.set(file.path, (fileEdges.get(file.path) ?? new Set()).add(target.path));
      const verdict = judgeImport(file, found, target, workspace);
      if (verdict !== null) breaches.push({ ...verdict, file: file.path, line: found.line });
    }
    breaches.push(...judgeUses(file));
  }
  for (const circle of findCycles(fileEdges))
    breaches.push({ rule: 'file-cycle', file: String(circle[0]), line: 1, message: circle.join(' → ') });
  breaches.push(...judgePackages(workspace), ...judgeTable(workspace));
  return breaches.sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line);
}

/** @param {SourceFile} file @param {Import} found @param {SourceFile | undefined} target @param {Workspace} workspace @returns {Verdict} */
function judgeImport(file, found, target, workspace) {
  const { specifier } = found;
  if (specifier === null) return { rule: 'computed-import', message: 'names its module at run time; name it with a literal' };
  if (found.asset && target === undefined) return null;
  if (specifier.startsWith('.')) return judgeRelative(file, specifier, target, workspace);
  const builtin = specifier.replace(/^node:/, '');
  if (specifier.startsWith('node:') || BUILTINS.has(builtin)) return judgeBuiltin(file, specifier, builtin.split('/')[0] ?? '');
  if (specifier.startsWith('@cotg/')) return judgeWorkspace(file, found, specifier, workspace);
  return judgeThirdParty(file, found, specifier, workspace);
}

/** @param {SourceFile} file @param {string} specifier @param {SourceFile | undefined} target @param {Workspace} workspace @returns {Verdict} */
function judgeRelative(file, specifier, target, workspace) {
  const path = posix.normalize(posix.join(posix.dirname(file.path), specifier));
  const owner = workspace.packages.find(({ dir }) => path.startsWith(`${dir}/`));
  if (owner !== file.owner) {
    // The tests of both apps drive the real server; what they share lies in testing/ at the root.
    if (file.test && file.owner.app && path.startsWith(SHARED_TEST_FOLDER)) return null;
    return { rule: 'leaves-package', message: `reaches out of its package by path: ${specifier}` };
  }
  if (target === undefined) {
    // Style sheets and pictures are the bundler's; only modules have rooms.
    return /\.[cm]?[jt]sx?$/.test(specifier) ? { rule: 'unresolved', message: `imports ${specifier}, which does not exist` } : null;
  }
  if (file.test) return null;
  if (target.test) return { rule: 'test-code', message: `ships, but imports test code: ${target.path}` };
  const from = roomOf(file.path);
  const to = roomOf(target.path);
  if (from === undefined || to === undefined || from === to || from.rooms.includes(to.name)) return null;
  return { rule: 'room', message: `${from.name} may not import ${to.name} (${specifier})` };
}

/** @param {SourceFile} file @param {string} specifier @param {string} builtin @returns {Verdict} */
function judgeBuiltin(file, specifier, builtin) {
  if (FORBIDDEN_BUILTINS.includes(builtin)) return { rule: 'node-builtin', message: `${specifier} is forbidden everywhere` };
  if (!specifier.startsWith('node:')) return { rule: 'node-builtin', message: `write node:${specifier}` };
  const room = roomOf(file.path);
  if (file.test || room === undefined || room.node === 'all' || room.node.includes(builtin)) return null;
  return { rule: 'node-builtin', message: `${room.name} may not import ${specifier}` };
}

/** @param {SourceFile} file @param {Import} found @param {string} specifier @param {Workspace} workspace @returns {Verdict} */
function judgeWorkspace(file, found, specifier, workspace) {
  const name = topLevel(specifier);
  const target = workspace.packages.find((candidate) => candidate.name === name);
  if (target === undefined) return { rule: 'unresolved', message: `imports ${specifier}, which is no package of this workspace` };
  if (target.app)
    return { rule: 'app-import', message: `imports the app ${specifier}; apps depend on packages, never the other way round` };
  if (!target.entries.has(specifier)) return { rule: 'entry', message: `${specifier} is not among the exports of ${target.name}` };
  if (target === file.owner) return file.test ? null : { rule: 'workspace', message: `imports its own package by name: ${specifier}` };
  const room = roomOf(file.path) ?? ROOMS.find((candidate) => candidate.name.startsWith(`${file.owner.dir}/`));
  const testing = specifier === `${name}/testing`;
  if (testing && !file.test) return { rule: 'test-code', message: `ships, but imports test code: ${specifier}` };
  const open =
    room?.workspace.some((entry) => entry === specifier || entry === `${name}/*` || (testing && topLevel(entry) === name)) ?? false;
  const openToTypes = room?.workspaceTypes.includes(specifier) ?? false;
  if (!open && !openToTypes) return { rule: 'workspace', message: `${room?.name ?? file.owner.dir} may not import ${specifier}` };
  if (!open && !found.typeOnly) return { rule: 'types-only', message: `may import only types from ${specifier} (import type …)` };
  return file.owner.shipped.has(name) ? null : { rule: 'undeclared', message: `${file.owner.dir}/package.json does not list ${name}` };
}

/** @param {SourceFile} file @param {Import} found @param {string} specifier @param {Workspace} workspace @returns {Verdict} */
function judgeThirdParty(file, found, specifier, workspace) {
  const name = topLevel(specifier);
  const home = OWNED_MODULES[name];
  if (home !== undefined && home !== file.owner.dir) return { rule: 'owned-module', message: `${name} may be imported only in ${home}` };
  const { shipped, development } = file.owner;
  const typed = development.has(`@types/${name.replace(/^@/, '').replace('/', '__')}`);
  if (file.test) {
    const declared =
      shipped.has(name) || development.has(name) || typed || (TEST_MODULES.includes(name) && workspace.rootDevelopment.has(name));
    return declared ? null : { rule: 'undeclared', message: `no package.json lists ${name} for this test` };
  }
  const room = roomOf(file.path);
  if (room === undefined) return null;
  const open = room.modules.includes(name) || room.modules.includes(ANY_DECLARED);
  if (!open && !room.typeModules.includes(name)) return { rule: 'third-party', message: `${room.name} may not import ${name}` };
  if (!open && !found.typeOnly) return { rule: 'types-only', message: `may import only types from ${name} (import type …)` };
  const declared = shipped.has(name) || (found.typeOnly && (development.has(name) || typed));
  return declared ? null : { rule: 'undeclared', message: `${file.owner.dir}/package.json does not list ${name} among its dependencies` };
}

/** @param {SourceFile} file @returns {Breach[]} */
function judgeUses(file) {
  return file.uses.flatMap(({ kind, what, line }) => {
    const verdict = judgeUse(file, kind, what);
    return verdict === null ? [] : [{ ...verdict, file: file.path, line }];
  });
}

/** @param {SourceFile} file @param {import('./source.mjs').Use['kind']} kind @param {string} what @returns {Verdict} */
function judgeUse(file, kind, what) {
  switch (kind) {
    case 'process-env':
      if (file.test || ENVIRONMENT_READERS.some((reader) => file.path === reader || file.path.endsWith(`/${reader}`))) return null;
      return { rule: 'process-env', message: `reads ${what}; settings are parsed once, in config.ts` };
    case 'sql':
      return file.owner.dir === 'packages/db' ? null : { rule: 'sql', message: `holds SQL (${what}…); SQL lives only in packages/db` };
    case 'html-sink':
      return file.path.startsWith('apps/web/') && !file.test ? { rule: 'html-sink', message: `uses ${what}; text is shown as text` } : null;
    case 'text-search':
      return EXACT_COMPARISON_FILES.includes(file.path)
        ? { rule: 'exact-comparison', message: `uses ${what}; who is let in is decided by equality of parsed values (===, Set.has)` }
        : null;
    default:
      throw new Error(`no rule judges a use of kind ${/** @type {string} */ (kind)}`);
  }
}

/** What manifests may list, and that nothing goes round. @param {Workspace} workspace @returns {Breach[]} */
function judgePackages(workspace) {
  /** @type {Breach[]} */
  const breaches = [];
  /** @type {Map<string, Set<string>>} */
  const edges = new Map();
  for (const { dir, name, shipped, development } of workspace.packages) {
    const file = `${dir}/package.json`;
    const rooms = ROOMS.filter((room) => room.name.startsWith(`${dir}/`));
    for (const dependency of [...shipped, ...development]) {
      if (dependency.startsWith('@cotg/')) edges.set(name, (edges.get(name) ?? new Set()).add(dependency));
    }
    for (const dependency of shipped) {
      const home = OWNED_MODULES[dependency];
      const open = rooms.some(
        (room) =>
          room.modules.includes(dependency) ||
          (room.modules.includes(ANY_DECLARED) && !dependency.startsWith('@cotg/')) ||
          [...room.workspace, ...room.workspaceTypes].some((entry) => topLevel(entry) === dependency),
      );
      if (!open || (home !== undefined && home !== dir))
        breaches.push({ rule: 'manifest', file, line: 1, message: `lists ${dependency}, which no room of this package may import` });
    }
  }
  for (const file of workspace.files) {
    for (const { specifier } of file.imports) {
      if (specifier?.startsWith('@cotg/') && topLevel(specifier) !== file.owner.name)
        edges.set(file.owner.name, (edges.get(file.owner.name) ?? new Set()).add(topLevel(specifier)));
    }
  }
  for (const circle of findCycles(edges)) breaches.push({ rule: 'package-cycle', file: 'packages', line: 1, message: circle.join(' → ') });
  return breaches;
}

/** A table that has lost touch with the tree guards nothing. @param {Workspace} workspace @returns {Breach[]} */
function judgeTable(workspace) {
  /** @type {Breach[]} */
  const breaches = [];
  for (const room of ROOMS) {
    if (!workspace.files.some((file) => !file.test && roomOf(file.path) === room))
      breaches.push({ rule: 'empty-room', file: room.name, line: 1, message: 'holds no source file' });
  }
  for (const path of EXACT_COMPARISON_FILES) {
    if (!workspace.files.some((file) => file.path === path))
      breaches.push({ rule: 'guarded-file', file: path, line: 1, message: 'does not exist, so nothing guards it' });
  }
  return breaches;
}

/** @param {string} from @param {string} specifier @param {ReadonlyMap<string, SourceFile>} files */
function resolve(from, specifier, files) {
  const path = posix.normalize(posix.join(posix.dirname(from), specifier.replace(/[?#].*$/, '')));
  // A worker or entry is named as it will lie in dist; the bundler also takes a name without its ending.
  const candidates = [path, path.replace(/\.js$/, '.ts'), path.replace(/\.mjs$/, '.mts'), `${path}.ts`, `${path}.tsx`, `${path}/index.ts`];
  return candidates.map((candidate) => files.get(candidate)).find((file) => file !== undefined);
}

/** `@cotg/db/journal` → `@cotg/db`. @param {string} specifier */
function topLevel(specifier) {
  const [scope = '', name = ''] = specifier.split('/');
  return scope.startsWith('@') ? `${scope}/${name}` : scope;
}
