// Owns the settings: one schema with defaults, units and texts. Flag, then environment, then config.json, then default.
// The only place that reads process.env; `cotg serve --help` and the README's table come from SETTINGS.
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { EXIT, StartError, errnoOf, messageOf } from './errors.ts';
import { parseNetwork } from './http/client-address.ts';
import type { Network } from './http/client-address.ts';
import type { TlsFiles } from './http/tls.ts';
import { CLAUDE, ProfilesError, SHELL, parseProfiles } from './profiles.ts';
import type { Profile } from './profiles.ts';
import { MIB, isLoopback, parseCommand, parseDuration } from './settings.ts';

const integer = (min: number, max: number) =>
  z.string().transform((text, ctx) => {
    const value = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) ctx.addIssue(`takes a whole number from ${min} to ${max}`);
    return value;
  });

const oneOf = <T extends string>(...values: readonly [T, ...T[]]) =>
  z.string().transform((text, ctx) => {
    const value = values.find((candidate) => candidate === text);
    if (value === undefined) ctx.addIssue(`takes ${values.join(' or ')}`);
    return value ?? z.NEVER;
  });

const bindAddress = z.string().transform((text, ctx) => {
  if (!/^[A-Za-z0-9.:\-[\]]{1,253}$/.test(text)) ctx.addIssue('takes an address such as 127.0.0.1');
  return text.replace(/^\[|\]$/g, '');
});

const folder = z.string().transform((text, ctx) => {
  if (text.trim() === '' || text.includes('\0')) ctx.addIssue('takes a folder');
  return resolve(text);
});

const command = z.string().transform((text, ctx) => {
  const argv = parseCommand(text);
  if (!argv) ctx.addIssue('takes a program and its arguments, or a JSON array of strings');
  return argv ?? z.NEVER;
});

const publicUrl = z.string().transform((text, ctx) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const ok =
    url && (url.protocol === 'https:' || url.protocol === 'http:') && url.pathname === '/' && !url.search && !url.hash && !url.username;
  if (!ok) ctx.addIssue('takes an address such as https://terminals.example.org, without a path');
  return url?.origin ?? z.NEVER;
});

const file = z.string().transform((text, ctx) => {
  if (text.trim() === '' || text.includes('\0')) ctx.addIssue('takes a file');
  return resolve(text);
});

const networkList = z.string().transform((text, ctx) => {
  const networks: Network[] = [];
  for (const part of text.split(',')) {
    const network = parseNetwork(part.trim());
    if (network) networks.push(network);
    else ctx.addIssue('takes addresses or networks such as 127.0.0.1 or 10.0.0.0/24, separated by commas');
  }
  return networks;
});

const yes = z.string().transform((text, ctx) => {
  if (text !== '1') ctx.addIssue('takes 1, or is left out');
  return true;
});

const MAX_PAIRING_LIFE_MS = 5 * 60_000;
const pairingLife = z.string().transform((text, ctx) => {
  const ms = parseDuration(text);
  if (ms === undefined || ms === 0 || ms > MAX_PAIRING_LIFE_MS) ctx.addIssue('takes a duration from 1s to 5m');
  return ms ?? z.NEVER;
});

const duration = z.string().transform((text, ctx) => {
  const ms = parseDuration(text);
  if (ms === undefined) ctx.addIssue('takes a duration of at least 1s such as 90s, 5m or 24h, or 0 for never');
  return ms ?? z.NEVER;
});

const sweepInterval = z.string().transform((text, ctx) => {
  const ms = parseDuration(text);
  if (ms === undefined || ms === 0) ctx.addIssue('takes a duration of at least 1s such as 90s or 5m');
  return ms ?? z.NEVER;
});

const hostList = z.string().transform((text, ctx) => {
  const hosts = text.split(',').map((host) => host.trim().toLowerCase());
  if (!hosts.every((host) => /^(\[[0-9a-f:]+\]|[a-z0-9.-]+)(:\d{1,5})?$/.test(host)))
    ctx.addIssue('takes host names with an optional port, separated by commas');
  return hosts;
});

interface Setting {
  readonly flag: string;
  readonly schema: z.ZodType<unknown, string>;
  /** Text, or undefined for "none". */
  readonly fallback: string | undefined;
  readonly text: string;
}

/** In the order of the documentation. Settings that nothing reads yet are not here: an accepted switch must do something. */
export const SETTINGS = {
  COTG_HOST: {
    flag: 'host',
    schema: bindAddress,
    fallback: '127.0.0.1',
    text: 'address to listen on; beyond loopback only with TLS files, a trusted proxy, or COTG_INSECURE',
  },
  COTG_PORT: { flag: 'port', schema: integer(0, 65_535), fallback: '7433', text: 'port to listen on; 0 = any free one' },
  COTG_DATA_DIR: {
    flag: 'data-dir',
    schema: folder,
    fallback: undefined,
    text: 'folder of everything that is kept; default: $XDG_DATA_HOME/claude-on-the-go',
  },
  COTG_COMMAND: {
    flag: 'command',
    schema: command,
    fallback: undefined,
    text: 'what a new session runs; default: claude when it is on the PATH, else $SHELL',
  },
  COTG_PERSISTENCE: {
    flag: 'persistence',
    schema: oneOf('sqlite', 'memory'),
    fallback: 'sqlite',
    text: 'memory: no output of terminals is kept on disk, the newest 2 MiB of each session in memory; read when the host starts',
  },
  COTG_SYNC: {
    flag: 'sync',
    schema: oneOf('normal', 'full'),
    fallback: 'normal',
    text: 'normal: a power cut costs about the last 200 ms; full: every commit is synced; read when the host starts',
  },
  MAX_SESSION_HISTORY_MB: {
    flag: 'max-session-history',
    schema: integer(1, 1_048_576),
    fallback: '50',
    text: 'history kept per session, MiB uncompressed',
  },
  COTG_IDLE_TIMEOUT: {
    flag: 'idle-timeout',
    schema: duration,
    fallback: '24h',
    text: 'a session without viewer, input and output for so long is ended; 0 = never; for sessions made from now on',
  },
  COTG_DEAD_GRACE: {
    flag: 'dead-grace',
    schema: duration,
    fallback: '1h',
    text: 'how long an ended session stays once somebody has seen it ended (7 days unseen, pinned ones for ever); 0 = for ever',
  },
  COTG_SWEEP_INTERVAL: { flag: 'sweep-interval', schema: sweepInterval, fallback: '5m', text: 'how often ended sessions are looked at' },
  COTG_ORPHANS: {
    flag: 'orphans',
    schema: oneOf('leave', 'end'),
    fallback: 'leave',
    text: 'programs that a lost host left behind: leave them, or end them after proof that they are the same; read when the host starts',
  },
  COTG_MAX_SESSIONS: { flag: 'max-sessions', schema: integer(1, 10_000), fallback: '200', text: 'living sessions at most' },
  COTG_PAIRING_LIFE: {
    flag: 'pairing-life',
    schema: pairingLife,
    fallback: '5m',
    text: 'how long a one-time link lets a device in; at most 5m',
  },
  COTG_DEVICE_IDLE: {
    flag: 'device-idle',
    schema: duration,
    fallback: '30d',
    text: 'a device that asked for nothing for so long must be let in anew; 0 = never',
  },
  COTG_DEVICE_LIFETIME: {
    flag: 'device-lifetime',
    schema: duration,
    fallback: '365d',
    text: 'a device must be let in anew after so long, however much it is used; 0 = never',
  },
  COTG_PUBLIC_URL: {
    flag: 'public-url',
    schema: publicUrl,
    fallback: undefined,
    text: 'address under which your phone reaches this server, such as https://box.tailnet.ts.net',
  },
  COTG_ALLOWED_HOSTS: {
    flag: 'allowed-hosts',
    schema: hostList,
    fallback: undefined,
    text: 'further Host names to answer to, with the port where it is not the usual one, separated by commas',
  },
  COTG_TLS_CERT: {
    flag: 'tls-cert',
    schema: file,
    fallback: undefined,
    text: 'certificate in PEM, with its intermediate ones: the server speaks https; read again when it changes',
  },
  COTG_TLS_KEY: { flag: 'tls-key', schema: file, fallback: undefined, text: 'its private key in PEM, without a passphrase' },
  COTG_TRUSTED_PROXIES: {
    flag: 'trusted-proxies',
    schema: networkList,
    fallback: undefined,
    text: 'addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed, separated by commas',
  },
  COTG_INSECURE: {
    flag: 'insecure',
    schema: yes,
    fallback: undefined,
    text: '1: plain http beyond this computer; anyone on the network can read and type, and every page says so',
  },
  COTG_LOG_LEVEL: {
    flag: 'log-level',
    schema: oneOf('trace', 'debug', 'info', 'warn', 'error', 'silent'),
    fallback: 'info',
    text: 'how much to log',
  },
  COTG_LOG_FORMAT: {
    flag: 'log-format',
    schema: oneOf('pretty', 'json'),
    fallback: undefined,
    text: 'default: pretty on a terminal, else json',
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;

export interface Config {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly command: readonly string[];
  /** By name; `claude` and `shell` are always there. */
  readonly profiles: ReadonlyMap<string, Profile>;
  /** What runs when nobody names anything; null: `command`, which the setting names. */
  readonly defaultProfile: string | null;
  readonly persistence: 'sqlite' | 'memory';
  readonly sync: 'normal' | 'full';
  readonly maxHistoryBytes: number;
  readonly idleTimeoutMs: number;
  readonly deadGraceMs: number;
  readonly sweepIntervalMs: number;
  readonly orphans: 'leave' | 'end';
  readonly maxSessions: number;
  readonly pairingLifeMs: number;
  readonly deviceIdleMs: number;
  readonly deviceLifetimeMs: number;
  readonly publicUrl: string | undefined;
  readonly allowedHosts: readonly string[];
  readonly tls: TlsFiles | undefined;
  readonly trustedProxies: readonly Network[];
  /** Plain http is open to the network. Never together with `tls`. */
  readonly isInsecure: boolean;
  readonly logLevel: string;
  readonly logFormat: 'pretty' | 'json';
  /** Environment that children start from: the user's own, before our set-up changed it. */
  readonly childEnv: Readonly<Record<string, string>>;
}

export type Environment = Readonly<Record<string, string | undefined>>;
export type Flags = Readonly<Partial<Record<SettingName, string>>>;

function defaultDataDir(env: Environment): string {
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'claude-on-the-go');
  const base = env['XDG_DATA_HOME'];
  return join(base && isAbsolute(base) ? base : join(homedir(), '.local', 'share'), 'claude-on-the-go');
}

/** Also while other settings are not right yet, such as those that wait for `cotg cert`. */
export function dataDirPath(flags: Flags, env: Environment = process.env): string {
  return resolve(valueOf('COTG_DATA_DIR', { flags, env, file: {} })?.text ?? defaultDataDir(env));
}

/** The text of a setting and where it comes from; undefined when it is not set. An empty variable counts as not set. */
function valueOf(
  name: SettingName,
  sources: { flags: Flags; env: Environment; file: Readonly<Record<string, unknown>> },
): { text: string; from: string } | undefined {
  const flag = sources.flags[name];
  if (flag !== undefined) return { text: flag, from: `--${SETTINGS[name].flag}` };
  const variable = sources.env[name];
  if (variable !== undefined && variable !== '') return { text: variable, from: name };
  const stored = sources.file[name];
  if (stored !== undefined) return { text: typeof stored === 'string' ? stored : JSON.stringify(stored), from: `${name} in config.json` };
  return undefined;
}

/** Settings that hold a place, which another process has to find from another folder. */
const PLACES: ReadonlySet<SettingName> = new Set(['COTG_DATA_DIR', 'COTG_TLS_CERT', 'COTG_TLS_KEY']);

/** What is set now by flag or variable, as another process would be given it; config.json is read by that process itself. */
export function givenSettings(flags: Flags, env: Environment = process.env): Record<string, string> {
  return Object.fromEntries(
    (Object.keys(SETTINGS) as SettingName[]).flatMap((name) => {
      const text = valueOf(name, { flags, env, file: {} })?.text;
      return text === undefined ? [] : [[name, PLACES.has(name) ? resolve(text) : text]];
    }),
  );
}

function badSetting(from: string, problem: string): StartError {
  return new StartError('BAD_SETTING', `${from} ${problem}.`, { exitCode: EXIT.usage, hint: 'cotg serve --help lists the settings.' });
}

function tlsFilesOf(certFile: string | undefined, keyFile: string | undefined): TlsFiles | undefined {
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined) throw badSetting('COTG_TLS_CERT', 'is missing beside COTG_TLS_KEY');
  if (keyFile === undefined) throw badSetting('COTG_TLS_KEY', 'is missing beside COTG_TLS_CERT');
  return { certFile, keyFile };
}

function readConfigFile(dataDir: string): Record<string, unknown> {
  const path = join(dataDir, 'config.json');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    // Not there, or the folder is not usable: the folder's own check says so more clearly.
    if (errnoOf(error) !== undefined) return {};
    throw error;
  }
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Record<string, unknown>;
  } catch (error) {
    throw badSetting(path, `is not JSON (${messageOf(error)})`);
  }
  throw badSetting(path, 'must hold one JSON object');
}

/** The key of config.json that is no setting: no flag and no variable can hold it. */
const PROFILES = 'profiles';

function readProfiles(file: unknown, shell: string): ReadonlyMap<string, Profile> {
  try {
    return parseProfiles(file, shell);
  } catch (error) {
    if (error instanceof ProfilesError) throw badSetting(`config.json: ${error.path}`, error.message);
    throw error;
  }
}

/** Variables that belong to us, to the package managers that started us, or to the terminal we were started in. */
const NOT_FOR_CHILDREN =
  /^(COTG_|MAX_SESSION_HISTORY_MB$|npm_|pnpm_|PNPM_|TURBO_|NODE_OPTIONS$|NODE_ENV$|INIT_CWD$|TMUX|STY$|TERM_PROGRAM|VTE_VERSION$|WINDOWID$|COLUMNS$|LINES$)/;

function childEnvironment(env: Environment): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !NOT_FOR_CHILDREN.test(name)) result[name] = value;
  }
  return { ...result, TERM: 'xterm-256color', COLORTERM: 'truecolor' };
}

export function loadConfig(
  options: { flags?: Flags; env?: Environment; isTerminal?: boolean; findOnPath?: (name: string, path: string) => boolean } = {},
): Config {
  const env = options.env ?? process.env;
  const flags = options.flags ?? {};
  const dataDir = dataDirPath(flags, env);
  const { [PROFILES]: profilesFile, ...file } = readConfigFile(dataDir);
  for (const name of Object.keys(file)) {
    if (!(name in SETTINGS)) throw badSetting(`config.json: ${name}`, 'is not a setting');
    if (name === 'COTG_DATA_DIR')
      throw badSetting('config.json: COTG_DATA_DIR', 'cannot say where config.json itself lies; use the flag or the variable');
  }

  const read = <N extends SettingName>(name: N): z.output<(typeof SETTINGS)[N]['schema']> | undefined => {
    const found = valueOf(name, { flags, env, file });
    const setting: Setting = SETTINGS[name];
    const text = found?.text ?? setting.fallback;
    if (text === undefined) return undefined;
    const parsed = setting.schema.safeParse(text);
    if (!parsed.success)
      throw badSetting(`${found?.from ?? name}=${JSON.stringify(text)}`, parsed.error.issues[0]?.message ?? 'is not valid');
    return parsed.data as z.output<(typeof SETTINGS)[N]['schema']>;
  };
  const required = <N extends SettingName>(name: N): z.output<(typeof SETTINGS)[N]['schema']> => {
    const value = read(name);
    if (value === undefined) throw badSetting(name, 'is missing');
    return value;
  };

  const host = required('COTG_HOST');
  const tls = tlsFilesOf(read('COTG_TLS_CERT'), read('COTG_TLS_KEY'));
  const trustedProxies = read('COTG_TRUSTED_PROXIES') ?? [];
  const isInsecure = tls === undefined && (read('COTG_INSECURE') ?? false);
  if (!isLoopback(host) && tls === undefined && trustedProxies.length === 0 && !isInsecure) {
    throw new StartError(
      'NOT_LOOPBACK',
      `COTG_HOST=${host} is not a loopback address: without TLS anybody on the network could read your terminals.`,
      {
        exitCode: EXIT.usage,
        hint: 'Set COTG_TLS_CERT and COTG_TLS_KEY (`cotg cert` makes them), or keep 127.0.0.1 and put a tunnel or a TLS proxy in front (see README, “From your phone”).',
      },
    );
  }
  const publicUrl = read('COTG_PUBLIC_URL');
  // A browser keeps our cookie only over TLS, and so should everybody else: a terminal in plain text is open to the network.
  const isPlain = publicUrl !== undefined && new URL(publicUrl).protocol === 'http:';
  if (isPlain && tls !== undefined) throw badSetting(`COTG_PUBLIC_URL=${publicUrl}`, 'must begin with https://: this server speaks TLS');
  if (isPlain && !isInsecure && !isLoopback(new URL(publicUrl).hostname))
    throw badSetting(`COTG_PUBLIC_URL=${publicUrl}`, 'must begin with https:// unless it names this computer');
  const childEnv = childEnvironment(env);
  const findOnPath = options.findOnPath ?? (() => false);
  const shell = env['SHELL'];
  const profiles = readProfiles(profilesFile, shell && isAbsolute(shell) ? shell : '/bin/sh');
  const defaultProfile = findOnPath('claude', childEnv['PATH'] ?? '') ? CLAUDE : SHELL;
  const command = read('COTG_COMMAND');
  return {
    host,
    port: required('COTG_PORT'),
    dataDir,
    command: command ?? profiles.get(defaultProfile)?.command ?? [],
    profiles,
    defaultProfile: command ? null : defaultProfile,
    persistence: required('COTG_PERSISTENCE'),
    sync: required('COTG_SYNC'),
    maxHistoryBytes: required('MAX_SESSION_HISTORY_MB') * MIB,
    idleTimeoutMs: required('COTG_IDLE_TIMEOUT'),
    deadGraceMs: required('COTG_DEAD_GRACE'),
    sweepIntervalMs: required('COTG_SWEEP_INTERVAL'),
    orphans: required('COTG_ORPHANS'),
    maxSessions: required('COTG_MAX_SESSIONS'),
    pairingLifeMs: required('COTG_PAIRING_LIFE'),
    deviceIdleMs: required('COTG_DEVICE_IDLE'),
    deviceLifetimeMs: required('COTG_DEVICE_LIFETIME'),
    publicUrl,
    allowedHosts: read('COTG_ALLOWED_HOSTS') ?? [],
    tls,
    trustedProxies,
    isInsecure,
    logLevel: required('COTG_LOG_LEVEL'),
    logFormat: read('COTG_LOG_FORMAT') ?? (options.isTerminal ? 'pretty' : 'json'),
    childEnv,
  };
}
