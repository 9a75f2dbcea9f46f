// `cotg service install|remove`: the server as a systemd service of this user, started with the computer and again after a failure.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { givenSettings, loadConfig } from '../config.ts';
import type { Config, Flags } from '../config.ts';
import { findDataDir } from '../data-dir.ts';
import { EXIT, StartError, errnoOf } from '../errors.ts';
import { ownCommand } from '../installation.ts';
import { serviceUnitText, UNIT_NAME } from '../service-unit.ts';
import type { CliIo } from './io.ts';
import { leaseIsFree } from './lease-is-free.ts';

/** systemd answers in milliseconds; a stop waits for the server, 10 s at most. */
const SYSTEMCTL_TIMEOUT_MS = 30_000;

interface InstallOptions {
  readonly print?: boolean;
}

/** Idempotent: the same settings change nothing, others rewrite the unit and restart the server; sessions run on. */
export async function serviceInstall(flags: Flags, options: InstallOptions, io: CliIo): Promise<number> {
  const config = loadConfig({ flags });
  const text = serviceUnitText({
    command: [...ownCommand(), 'serve'],
    // The user's own PATH, or programs would not be found in sessions; the data directory, wherever it was looked for now.
    environment: { PATH: config.childEnv['PATH'] ?? '', ...givenSettings(flags), COTG_DATA_DIR: config.dataDir },
  });
  if (options.print) {
    io.out(text.trimEnd());
    return EXIT.done;
  }
  const systemctl = openSystemctl(config);
  const path = unitPath(config);
  const isChanged = readIfThere(path) !== text;
  if (isChanged) writeUnit(path, text);
  systemctl.must('daemon-reload');
  systemctl.must('enable', UNIT_NAME);
  const isActive = systemctl.try('is-active', '--quiet', UNIT_NAME).status === 0;
  io.out(`${path} ${isChanged ? 'is written' : 'is as it should be'}.`);
  if (isActive) {
    if (isChanged) systemctl.must('restart', UNIT_NAME);
    io.out(isChanged ? 'The server is started again; sessions run on.' : 'The server runs.');
  } else if (isServed(config)) {
    io.out(`Another server serves this data directory: \`cotg stop\`, then \`systemctl --user start ${UNIT_NAME}\`. Sessions run on.`);
  } else {
    systemctl.must('start', UNIT_NAME);
    io.out('The server is started.');
  }
  io.out(`Its log: journalctl --user -u ${UNIT_NAME}, and server.log in ${config.dataDir}.`);
  io.out(`systemd ends a user's programs, sessions too, at the last logout, and starts none before a login. To change that, once:`);
  io.out(`  loginctl enable-linger ${userInfo().username}`);
  return EXIT.done;
}

/** Idempotent. Host and sessions run on. */
export async function serviceRemove(flags: Flags, io: CliIo): Promise<number> {
  const config = loadConfig({ flags });
  const systemctl = openSystemctl(config);
  const path = unitPath(config);
  if (readIfThere(path) === undefined) {
    io.out('There is no service.');
    return EXIT.done;
  }
  systemctl.must('disable', '--now', UNIT_NAME);
  rmSync(path, { force: true });
  systemctl.must('daemon-reload');
  io.out('The service is removed and its server stopped; sessions run on: `cotg stop --all` ends them.');
  return EXIT.done;
}

function unitPath({ childEnv }: Config): string {
  const base = childEnv['XDG_CONFIG_HOME'];
  return join(base !== undefined && isAbsolute(base) ? base : join(homedir(), '.config'), 'systemd', 'user', UNIT_NAME);
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whole or not at all: systemd may read it at any moment. */
function writeUnit(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}

function isServed(config: Config): boolean {
  const dataDir = findDataDir(config.dataDir);
  return dataDir !== undefined && !leaseIsFree(dataDir.serverLock);
}

interface Systemctl {
  try(...args: string[]): { readonly status: number | null; readonly said: string };
  /** Throws with what systemd said. */
  must(...args: string[]): void;
}

/** Throws NO_SYSTEMD where this user has none that answers. */
function openSystemctl({ childEnv }: Config): Systemctl {
  const run: Systemctl['try'] = (...args) => {
    const { status, stdout, stderr, error } = spawnSync('systemctl', ['--user', ...args], {
      env: { ...childEnv },
      encoding: 'utf8',
      timeout: SYSTEMCTL_TIMEOUT_MS,
    });
    return { status, said: error ? error.message : `${stderr}${stdout}`.trim() };
  };
  const asked = run('show', '--property=Version');
  if (asked.status !== 0) {
    throw new StartError('NO_SYSTEMD', `systemd does not answer for this user (${asked.said}).`, {
      hint: 'Start `cotg serve` with what this computer has instead, so that stopping it ends that process alone; `cotg service install --print` shows the unit.',
    });
  }
  return {
    try: run,
    must: (...args) => {
      const { status, said } = run(...args);
      if (status !== 0) throw new StartError('REQUEST_FAILED', `systemctl --user ${args.join(' ')} failed: ${said}.`);
    },
  };
}
