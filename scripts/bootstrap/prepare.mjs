// Owns the order of the steps that make a clone ready, and what is skipped because it is already so.
// It must not start the product. Invariant: a stamp is written only after its step succeeded and removed before the step begins again,
// so that an interrupted install or build is never taken for a finished one.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BUILD_STAMP, BUILT_FILES, INSTALL_STAMP, LOCK_FILE, pinnedVersions, ROOT } from './clone.mjs';
import { runCommand } from './command.mjs';
import { namesFromNpm, pathWithoutNpm, shellLines } from './environment.mjs';
import { BootstrapError } from './errors.mjs';
import { buildFingerprint, installFingerprint } from './fingerprint.mjs';
import { takeLock } from './lock.mjs';
import { findNode, hasPnpm, provideTools, toolPath } from './toolchain.mjs';

/** An install of everything took 11 to 23 s; a slow line gets many times that. */
const INSTALL_TIMEOUT_MS = 20 * 60_000;
/** A build of everything takes some 10 s on two cores. */
const BUILD_TIMEOUT_MS = 10 * 60_000;
/** Longer than a holder's own time-outs together, so that a waiter never gives up on one that is still at work. */
const LOCK_TIMEOUT_MS = 50 * 60_000;
/** How soon a bootstrap that nobody waits for any more notices. */
const PARENT_CHECK_MS = 500;

const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/**
 * Makes the clone ready and says how to go on, as lines for a shell: `unset …`, `PATH=…`, `node_path=…`.
 * @param {'program' | 'tools'} purpose `program`: built, and with the person's own environment; `tools`: installed, with our Node and pnpm on PATH
 */
export async function prepare(purpose) {
  const started = Date.now();
  const unset = namesFromNpm(process.env);
  const ownPath = pathWithoutNpm(process.env, ROOT);
  let node = findNode();
  if (node === null || !isReady(purpose, node, ownPath)) {
    node = await underSignals((signal) => makeReady(purpose, { signal, ownPath, unset }));
    say(`ready after ${((Date.now() - started) / 1000).toFixed(1)} s`);
  }
  return shellLines({ unset, set: { PATH: purpose === 'tools' ? toolPath(node, ownPath) : ownPath, node_path: node } });
}

/** @param {'program' | 'tools'} purpose @param {string} node @param {string} ownPath */
function isReady(purpose, node, ownPath) {
  const installed = installFingerprint(ROOT, majorOf(node));
  if (readStamp(INSTALL_STAMP) !== installed) return false;
  if (purpose === 'tools') return hasPnpm(toolPath(node, ownPath));
  return BUILT_FILES.every((file) => existsSync(join(ROOT, file))) && readStamp(BUILD_STAMP) === buildFingerprint(ROOT, installed);
}

/** @param {'program' | 'tools'} purpose @param {{ signal: AbortSignal, ownPath: string, unset: string[] }} options */
async function makeReady(purpose, { signal, ownPath, unset }) {
  const onWait = (/** @type {number} */ pid) => say(`waiting for process ${pid}, which is preparing this folder`);
  const unlock = await takeLock(LOCK_FILE, { timeoutMs: LOCK_TIMEOUT_MS, signal, onWait });
  try {
    // npm's own settings stay in place for npm; what it says about the script it runs would only mislead the tools.
    /** @type {NodeJS.ProcessEnv} */
    const env = { ...process.env, PATH: ownPath };
    for (const name of unset) if (!name.startsWith('npm_config_')) delete env[name];
    const node = await provideTools({ env, signal, say });
    const tools = {
      ...env,
      PATH: toolPath(node, ownPath),
      TURBO_TELEMETRY_DISABLED: '1',
      TURBO_NO_UPDATE_NOTIFIER: '1',
      DO_NOT_TRACK: '1',
    };
    const installed = await install(node, tools, signal);
    if (purpose === 'program') await build(node, installed, tools, signal);
    return node;
  } finally {
    unlock();
  }
}

/** @param {string} node @param {NodeJS.ProcessEnv} env @param {AbortSignal} signal */
async function install(node, env, signal) {
  const installed = installFingerprint(ROOT, majorOf(node));
  if (readStamp(INSTALL_STAMP) === installed) return installed;
  say('installing dependencies');
  rmSync(INSTALL_STAMP, { force: true });
  await runCommand('pnpm', ['install', '--frozen-lockfile', '--reporter=append-only', '--loglevel=error'], {
    cwd: ROOT,
    // CI keeps pnpm from asking questions that nobody could answer here.
    env: { ...env, CI: 'true' },
    signal,
    timeoutMs: INSTALL_TIMEOUT_MS,
    failure: 'cannot install the dependencies: see the lines above',
  });
  writeStamp(INSTALL_STAMP, installed);
  return installed;
}

/** @param {string} node @param {string} installed @param {NodeJS.ProcessEnv} env @param {AbortSignal} signal */
async function build(node, installed, env, signal) {
  const wanted = buildFingerprint(ROOT, installed);
  if (readStamp(BUILD_STAMP) !== wanted || !BUILT_FILES.every((file) => existsSync(join(ROOT, file)))) {
    say('building');
    rmSync(BUILD_STAMP, { force: true });
    await runCommand(node, ['node_modules/turbo/bin/turbo', 'run', 'build', '--output-logs=errors-only'], {
      cwd: ROOT,
      env,
      signal,
      timeoutMs: BUILD_TIMEOUT_MS,
      failure: 'cannot build: see the lines above',
    });
    const lacking = BUILT_FILES.filter((file) => !existsSync(join(ROOT, file)));
    if (lacking.length > 0) throw new BootstrapError(`the build did not make ${lacking.join(', ')}`);
    writeStamp(BUILD_STAMP, wanted);
  }
}

/**
 * Runs a step that ends early, with everything it started, when we are told to stop or when the one who asked is gone.
 * @template T @param {(signal: AbortSignal) => Promise<T>} step @returns {Promise<T>}
 */
async function underSignals(step) {
  const stop = new AbortController();
  const listeners = Object.entries(EXIT_CODES).map(([name, exitCode]) => {
    const listener = () => stop.abort(new BootstrapError(`stopped by ${name}`, { exitCode }));
    process.on(name, listener);
    return /** @type {const} */ ([name, listener]);
  });
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid !== parent) stop.abort(new BootstrapError('stopped: whoever asked for this is gone', { exitCode: EXIT_CODES.SIGHUP }));
  }, PARENT_CHECK_MS);
  try {
    return await step(stop.signal);
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    clearInterval(watch);
    for (const [name, listener] of listeners) process.off(name, listener);
  }
}

/** Without starting it: it is the Node that runs this, or the fetched one, which is pinned. @param {string} node */
const majorOf = (node) => String((node === process.execPath ? process.versions.node : pinnedVersions().node).split('.')[0]);

/** @param {string} path */
const readStamp = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : null);

/** @param {string} path @param {string} content */
function writeStamp(path, content) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

/** @param {string} line */
function say(line) {
  process.stderr.write(`claude-on-the-go: ${line}\n`);
}
