// Owns the environment: what `npm start` adds for itself and nobody after it should see, and what the tools need.
// Invariant: a program started by the product sees the person's own environment, not npm's and not our toolchain's:
// a shell on the phone must find the same node, and the same nvm must work, as in any other terminal.
import { delimiter, dirname, join } from 'node:path';

/** What npm sets for the scripts it runs (a look at `npm start` with `env` as the script shows them all). */
const NPM_PREFIXES = ['npm_lifecycle_', 'npm_package_'];
const NPM_NAMES = new Set(['npm_command', 'npm_execpath', 'npm_node_execpath', 'INIT_CWD', 'NODE', 'COLOR']);
/** After `npm_config_`; any other of these names is the person's own setting. With `prefix` left in, nvm refuses to work in a session. */
const NPM_SETTINGS = new Set(
  'allow_scripts cache global_prefix globalconfig init_module local_prefix node_gyp noproxy npm_version prefix user_agent userconfig'.split(
    ' ',
  ),
);

/** The names that npm added; none when npm did not start us. @param {NodeJS.ProcessEnv} env @returns {string[]} */
export function namesFromNpm(env) {
  if (env['npm_lifecycle_event'] === undefined) return [];
  return Object.keys(env).filter(
    (name) =>
      NPM_NAMES.has(name) ||
      NPM_PREFIXES.some((prefix) => name.startsWith(prefix)) ||
      // npm sets it for its scripts when the person has none; `vi` is what programs fall back to anyway.
      (name === 'EDITOR' && env[name] === 'vi') ||
      (name.startsWith('npm_config_') && NPM_SETTINGS.has(name.slice('npm_config_'.length))),
  );
}

/** PATH without the folders that npm puts in front for a script: `node_modules/.bin` here and in every folder above, and its node-gyp. @param {NodeJS.ProcessEnv} env @param {string} root */
export function pathWithoutNpm(env, root) {
  const parts = (env['PATH'] ?? '').split(delimiter);
  if (env['npm_lifecycle_event'] === undefined) return parts.join(delimiter);
  const added = new Set();
  for (let folder = root; ; folder = dirname(folder)) {
    added.add(join(folder, 'node_modules', '.bin'));
    if (folder === dirname(folder)) break;
  }
  const own = parts.findIndex((part) => !added.has(part) && !part.endsWith('/node-gyp-bin'));
  return parts.slice(Math.max(own, 0)).join(delimiter);
}

/** Lines for a POSIX shell that make these changes. @param {{ unset: string[], set: Record<string, string> }} changes */
export function shellLines({ unset, set }) {
  const names = unset.filter((name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  const lines = names.length > 0 ? [`unset ${names.join(' ')}`] : [];
  for (const [name, value] of Object.entries(set)) lines.push(`${name}=${quoted(value)}`);
  return `${lines.join('\n')}\n`;
}

/** @param {string} value */
const quoted = (value) => `'${value.replaceAll("'", `'\\''`)}'`;
