// Owns the table of rooms: which file belongs to which room, and what that room may import.
// It must not know how imports are read or judged. Invariant: every source file of a package is in exactly one room (the first that owns it).
// ARCHITECTURE.md shows the same table for people; change both together.

/**
 * @typedef {object} Room
 * @property {string} name                a path stem from the repository's root: `a/b` owns a/b.ts, a/b.tsx and everything under a/b/
 * @property {string[]} rooms             other rooms of the same package it may import
 * @property {string[]} modules           third-party modules, their subpaths included
 * @property {string[]} typeModules       third-party modules of which only types may be imported
 * @property {string[] | 'all'} node      Node builtins without `node:`; `fs` includes `fs/promises`
 * @property {string[]} workspace         entries of workspace packages; `@cotg/db/*` is every entry of it that ships
 * @property {string[]} workspaceTypes    entries of which only types may be imported
 */

/** @type {Omit<Room, 'name'>} */
const NOTHING = { rooms: [], modules: [], typeModules: [], node: [], workspace: [], workspaceTypes: [] };

/** Marks a room whose third-party modules are whatever its package.json lists, but for those that another package owns. */
export const ANY_DECLARED = '*';

/** @type {readonly Room[]} */
export const ROOMS = [
  { ...NOTHING, name: 'packages/pty/src/protocol' },
  {
    ...NOTHING,
    name: 'packages/pty/src/host',
    rooms: ['packages/pty/src/protocol', 'packages/pty/src'],
    modules: ['node-pty', 'koffi'],
    node: 'all',
  },
  {
    ...NOTHING,
    name: 'packages/pty/src/client',
    rooms: ['packages/pty/src/protocol', 'packages/pty/src'],
    node: ['net', 'child_process', 'fs', 'timers', 'events', 'path', 'crypto'],
  },
  // What is left of that package: the settings and coded errors that host and client share.
  { ...NOTHING, name: 'packages/pty/src', rooms: ['packages/pty/src/protocol'] },
  {
    ...NOTHING,
    name: 'packages/db/src',
    modules: ['kysely', 'better-sqlite3'],
    node: ['zlib', 'fs', 'path', 'os', 'worker_threads', 'crypto', 'events', 'timers'],
  },
  { ...NOTHING, name: 'packages/screen/src', typeModules: ['@xterm/headless', '@xterm/xterm'] },
  { ...NOTHING, name: 'packages/api/src', modules: ['zod', '@trpc/server', '@trpc/client'] },
  {
    ...NOTHING,
    name: 'apps/server/src',
    modules: [ANY_DECLARED],
    node: 'all',
    workspace: ['@cotg/api/*', '@cotg/db/*', '@cotg/pty/*', '@cotg/screen/*'],
  },
  {
    ...NOTHING,
    name: 'apps/web/src',
    modules: ['solid-js', '@xterm/xterm', '@xterm/addon-unicode11', 'qrcode'],
    workspace: ['@cotg/api/client', '@cotg/screen'],
    workspaceTypes: ['@cotg/api'],
  },
];

/** Modules that one package owns alone: SQL and terminals have one home each, and so has the wire's client. */
/** @type {Readonly<Record<string, string>>} */
export const OWNED_MODULES = {
  'better-sqlite3': 'packages/db',
  kysely: 'packages/db',
  'node-pty': 'packages/pty',
  koffi: 'packages/pty',
  '@trpc/client': 'packages/api',
};

/** What a test may import besides what its room may: the runners, a stand-in for the browser, and the bundler that serves a page. */
export const TEST_MODULES = ['vitest', '@playwright/test', 'jsdom', 'vite', '@solidjs/testing-library'];

/** What the tests of both apps share: starting a real server, a proxy in front of it, a viewer without a terminal. */
export const SHARED_TEST_FOLDER = 'testing/';

/** Node's own SQLite would be a second way into a database. */
export const FORBIDDEN_BUILTINS = ['sqlite'];

/** Besides files named config.ts: where the environment may be read. */
export const ENVIRONMENT_READERS = ['config.ts'];

/** Files that decide who is let in: every allow-list there is equality of parsed values, never a search in a text. */
export const EXACT_COMPARISON_FILES = ['apps/server/src/http/access.ts', 'apps/server/src/http/gate.ts'];

/** @param {string} path from the root */
export function roomOf(path) {
  return ROOMS.find(
    ({ name }) => path.startsWith(`${name}/`) || (path.startsWith(`${name}.`) && /^\.[cm]?[jt]sx?$/.test(path.slice(name.length))),
  );
}

/** Test code may import more, and nothing that ships may import it. @param {string} path from the root */
export function isTestCode(path) {
  return (
    /\.(test|test-d|e2e|browser)\.[cm]?tsx?$/.test(path) ||
    /^(packages|apps)\/[^/]+\/(test|e2e)\//.test(path) ||
    /^(packages|apps)\/[^/]+\/src\/testing(\/|\.ts$)/.test(path)
  );
}
