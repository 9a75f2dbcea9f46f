// Owns the programs that tests need from the system: a Chromium, what the browser tests run in a terminal, and what stands between page and server.
// It must not know the suites. Invariant: nothing is installed that is already there, and nothing at all unless we are root on a Debian.
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runCommand } from './command.mjs';

/** Chromium and its libraries are some 100 MB. */
const INSTALL_TIMEOUT_MS = 15 * 60_000;

/** What each tool may be called, the best first, and the Debian package that brings it. */
export const TOOLS = {
  chromium: { names: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'], debian: 'chromium' },
  vim: { names: ['vim'], debian: 'vim' },
  htop: { names: ['htop'], debian: 'htop' },
  tmux: { names: ['tmux'], debian: 'tmux' },
  certutil: { names: ['certutil'], debian: 'libnss3-tools' },
  nginx: { names: ['nginx'], debian: 'nginx-light' },
};

/**
 * @typedef {keyof typeof TOOLS} Tool
 * @typedef {{ chromium: string | null, missing: Tool[] }} Found `chromium` is its path; `missing` names what is not there
 */

/** Where servers lie, which is not on everybody's PATH. */
const SYSTEM_PATHS = ['/usr/sbin'];
/** @type {readonly Tool[]} */
const TERMINAL_AND_NETWORK = ['vim', 'htop', 'tmux', 'certutil', 'nginx'];

/** @param {NodeJS.ProcessEnv} env @param {(path: string) => boolean} [canRun] @returns {Found} */
export function findTools(env, canRun = isExecutable) {
  const paths = [...(env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== ''), ...SYSTEM_PATHS];
  const find = (/** @type {Tool} */ tool) =>
    TOOLS[tool].names.flatMap((name) => paths.map((folder) => join(folder, name))).find((path) => canRun(path)) ?? null;
  const named = env['CHROMIUM'];
  const chromium = named !== undefined && named !== '' ? (canRun(named) ? named : null) : find('chromium');
  /** @type {Tool[]} */
  const missing = [];
  if (chromium === null) missing.push('chromium');
  for (const tool of TERMINAL_AND_NETWORK) if (find(tool) === null) missing.push(tool);
  return { chromium, missing };
}

/**
 * Finds the tools and installs what is missing where that is allowed. What is still missing afterwards is in the answer.
 * @param {{ env: NodeJS.ProcessEnv, signal: AbortSignal, cwd: string }} options
 */
export async function provideTools({ env, signal, cwd }) {
  const found = findTools(env);
  if (found.missing.length === 0 || !mayInstall()) return found;
  const packages = found.missing.map((tool) => TOOLS[tool].debian);
  console.log(`installing Debian's ${packages.join(', ')} for the browser tests`);
  const options = { cwd, signal, timeoutMs: INSTALL_TIMEOUT_MS, env: { ...env, DEBIAN_FRONTEND: 'noninteractive' } };
  await runCommand('apt-get', ['update', '-q'], options);
  await runCommand('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...packages], options);
  return findTools(env);
}

/** What to do about a missing tool, in one line. @param {Tool[]} missing */
export function adviceFor(missing) {
  const packages = missing.map((tool) => TOOLS[tool].debian).join(' ');
  const named = missing.includes('chromium') ? ', or name a Chromium with CHROMIUM=/path/to/chromium' : '';
  return `not found: ${missing.join(', ')}. Install it (Debian: sudo apt-get install ${packages})${named}`;
}

const mayInstall = () => process.getuid?.() === 0 && existsSync('/etc/debian_version') && existsSync('/usr/bin/apt-get');

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch (error) {
    // Not there, or not ours to run: either way it is no tool for us.
    if (error instanceof Error && 'code' in error) return false;
    throw error;
  }
}
