// Owns finding a Node and a pnpm that fit, and fetching from npm what is missing, into `.toolchain/`.
// It must not change anything outside that folder. Invariant: a tool that fits is used as it is; nothing is fetched when nothing is missing.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { NODE_MAJOR, pinnedVersions, TOOLCHAIN } from './clone.mjs';
import { runCommand } from './command.mjs';
import { BootstrapError } from './errors.mjs';

/** Node and pnpm are about 90 MB compressed: at 1 Mbit/s that is 12 minutes. */
const FETCH_TIMEOUT_MS = 15 * 60_000;
/** A version is printed in some 10 ms; a shim that asks the network first is not one to wait for. */
const VERSION_TIMEOUT_MS = 10_000;
/** npm's own pauses between tries (10 and 60 s) are long for someone who waits at a prompt and only has no network. */
const RETRY_PAUSES = ['--fetch-retry-mintimeout=2000', '--fetch-retry-maxtimeout=10000'];
/** Platforms for which the npm registry has Node as a package. */
const NODE_PACKAGES = ['linux-x64', 'linux-arm64'];

const nodePackage = `node-${process.platform}-${process.arch}`;
const fetchedNode = join(TOOLCHAIN, 'node_modules', nodePackage, 'bin', 'node');
const fetchedBin = join(TOOLCHAIN, 'node_modules', '.bin');

/** The Node to run everything with: this one when it is new enough, else the fetched one; null when that is not there (yet). */
export function findNode() {
  if (majorOf(process.versions.node) >= NODE_MAJOR) return process.execPath;
  return existsSync(fetchedNode) ? fetchedNode : null;
}

/** PATH with the tools first: for what we run ourselves, not for what people run. @param {string} node @param {string} path */
export function toolPath(node, path) {
  return [dirname(node), fetchedBin, path].filter((part) => part !== '').join(delimiter);
}

/** Whether some pnpm is there; which one was settled when the tools were provided. @param {string} path */
export const hasPnpm = (path) => path.split(delimiter).some((folder) => existsSync(join(folder, 'pnpm')));

/**
 * Fetches what is missing and checks that it runs. Throws BootstrapError when that cannot be done here.
 * @param {{ env: NodeJS.ProcessEnv, signal: AbortSignal, say: (line: string) => void }} options
 * @returns {Promise<string>} the Node to use
 */
export async function provideTools({ env, signal, say }) {
  const versions = pinnedVersions();
  const needsNode = majorOf(process.versions.node) < NODE_MAJOR;
  if (needsNode) assertNodePackage();
  const pnpmMajor = majorOf(versions.pnpm);
  const needsPnpm = majorOf(versionOf('pnpm', env)) !== pnpmMajor;
  const missing =
    (needsNode && versionOf(fetchedNode, env) !== versions.node) ||
    (needsPnpm && majorOf(versionOf(join(fetchedBin, 'pnpm'), env)) !== pnpmMajor);
  if (missing) {
    const wanted = [...(needsNode ? [`${nodePackage}@${versions.node}`] : []), ...(needsPnpm ? [`pnpm@${versions.pnpm}`] : [])];
    say(`fetching ${wanted.join(' and ')} from npm`);
    mkdirSync(TOOLCHAIN, { recursive: true });
    // A manifest of its own keeps npm from taking the repository above for the project to install into.
    writeFileSync(join(TOOLCHAIN, 'package.json'), '{ "private": true }\n');
    await runCommand(
      'npm',
      [
        'install',
        '--prefix',
        TOOLCHAIN,
        '--no-save',
        '--no-package-lock',
        '--no-audit',
        '--no-fund',
        '--no-update-notifier',
        '--loglevel=error',
        ...RETRY_PAUSES,
        ...wanted,
      ],
      {
        cwd: TOOLCHAIN,
        env,
        signal,
        timeoutMs: FETCH_TIMEOUT_MS,
        failure: `cannot fetch ${wanted.join(' and ')} from npm: ${needsNode ? `install Node ${NODE_MAJOR} or newer` : `install pnpm ${pnpmMajor}`}, or try again with a network`,
      },
    );
  }
  const node = findNode();
  if (node === null || majorOf(versionOf(node, env)) < NODE_MAJOR)
    throw new BootstrapError(`the Node that npm has for this machine does not run here: install Node ${NODE_MAJOR} or newer`);
  return node;
}

/** The registry has no Node for a Mac, and only one for glibc. */
function assertNodePackage() {
  const platform = `${process.platform}-${process.arch}`;
  /** @type {{ header?: { glibcVersionRuntime?: string } }} */
  const report = process.platform === 'linux' ? process.report.getReport() : {};
  const musl = process.platform === 'linux' && report.header?.glibcVersionRuntime === undefined;
  if (NODE_PACKAGES.includes(platform) && !musl) return;
  throw new BootstrapError(
    `Node ${process.versions.node} is too old, and npm has no Node for ${platform}${musl ? ' with musl' : ''}: install Node ${NODE_MAJOR} or newer, then run this again`,
  );
}

/** What `program --version` says, without a leading v; empty when it is missing or does not run. @param {string} program @param {NodeJS.ProcessEnv} env */
function versionOf(program, env) {
  const { status, stdout } = spawnSync(program, ['--version'], {
    env,
    cwd: dirname(TOOLCHAIN),
    encoding: 'utf8',
    timeout: VERSION_TIMEOUT_MS,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return status === 0 ? stdout.trim().replace(/^v/, '') : '';
}

/** @param {string} version @returns {number} NaN for an empty one */
const majorOf = (version) => Number.parseInt(version, 10);
