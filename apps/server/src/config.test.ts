import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig } from './config.ts';
import { StartError } from './errors.ts';
import { parseCommand, parseDuration } from './settings.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'cotg-config-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

function failure(run: () => unknown): StartError {
  try {
    run();
  } catch (error) {
    if (error instanceof StartError) return error;
    throw error;
  }
  throw new Error('did not fail');
}

test('a flag wins over the environment, that over config.json, that over the default', () => {
  const env = { COTG_DATA_DIR: dataDir };
  expect(loadConfig({ env }).port).toBe(7433);
  writeFileSync(join(dataDir, 'config.json'), JSON.stringify({ COTG_PORT: 8001, COTG_MAX_SESSIONS: '7' }));
  expect(loadConfig({ env })).toMatchObject({ port: 8001, maxSessions: 7 });
  expect(loadConfig({ env: { ...env, COTG_PORT: '8002' } }).port).toBe(8002);
  expect(loadConfig({ env: { ...env, COTG_PORT: '8002' }, flags: { COTG_PORT: '8003' } }).port).toBe(8003);
});

test.each([
  ['COTG_PORT', '70000'],
  ['COTG_PORT', 'abc'],
  ['COTG_PORT', '-1'],
  ['COTG_PORT', '1e3'],
  ['MAX_SESSION_HISTORY_MB', '0'],
  ['MAX_SESSION_HISTORY_MB', '5.5'],
  ['COTG_SYNC', 'sometimes'],
  ['COTG_LOG_LEVEL', 'loud'],
  ['COTG_PUBLIC_URL', 'box.example.org'],
  ['COTG_PUBLIC_URL', 'https://box.example.org/path'],
  ['COTG_PUBLIC_URL', 'javascript:alert(1)'],
  ['COTG_ALLOWED_HOSTS', 'good.example,*'],
  ['COTG_COMMAND', '["unclosed"'],
  ['COTG_HOST', '0.0.0.0'],
  ['COTG_HOST', '::'],
  ['COTG_HOST', '192.168.1.2'],
])('%s=%s is refused by name with exit code 2', (name, value) => {
  const error = failure(() => loadConfig({ env: { COTG_DATA_DIR: dataDir, [name]: value } }));
  expect(error.exitCode).toBe(2);
  expect(error.message).toContain(name);
});

const TLS = { COTG_TLS_CERT: '/etc/cotg/server.crt', COTG_TLS_KEY: '/etc/cotg/server.key' };

test.each([
  [{ COTG_HOST: '0.0.0.0' }, 'NOT_LOOPBACK'],
  [{ COTG_HOST: '0.0.0.0', COTG_INSECURE: '0' }, 'BAD_SETTING'],
  [{ COTG_HOST: '0.0.0.0', COTG_INSECURE: 'true' }, 'BAD_SETTING'],
  [{ COTG_HOST: '0.0.0.0', COTG_TLS_CERT: TLS.COTG_TLS_CERT }, 'BAD_SETTING'],
  [{ COTG_HOST: '0.0.0.0', COTG_TLS_KEY: TLS.COTG_TLS_KEY }, 'BAD_SETTING'],
  [{ COTG_HOST: '0.0.0.0', COTG_TRUSTED_PROXIES: '0.0.0.0/0' }, 'BAD_SETTING'],
  [{ COTG_HOST: '0.0.0.0', COTG_TRUSTED_PROXIES: 'proxy.example' }, 'BAD_SETTING'],
  [{ COTG_PUBLIC_URL: 'http://box.lan:7433' }, 'BAD_SETTING'],
  [{ ...TLS, COTG_PUBLIC_URL: 'http://box.lan:7433', COTG_INSECURE: '1' }, 'BAD_SETTING'],
])('S3: %j is refused with exit code 2', (settings, code) => {
  const error = failure(() => loadConfig({ env: { COTG_DATA_DIR: dataDir, ...settings } }));
  expect([error.code, error.exitCode]).toEqual([code, 2]);
  expect(error.hint).toBeTruthy();
});

test('S3: TLS files, a trusted proxy or COTG_INSECURE open the way beyond loopback', () => {
  const env = { COTG_DATA_DIR: dataDir, COTG_HOST: '0.0.0.0' };
  expect(loadConfig({ env: { ...env, ...TLS } })).toMatchObject({
    tls: { certFile: TLS.COTG_TLS_CERT, keyFile: TLS.COTG_TLS_KEY },
    isInsecure: false,
  });
  expect(loadConfig({ env: { ...env, COTG_TRUSTED_PROXIES: '10.0.0.5, fd00::/8' } }).trustedProxies).toEqual([
    { address: '10.0.0.5', prefix: 32 },
    { address: 'fd00::', prefix: 8 },
  ]);
  expect(loadConfig({ env: { ...env, COTG_INSECURE: '1', COTG_PUBLIC_URL: 'http://box.lan:7433' } }).isInsecure).toBe(true);
  // Nothing is insecure that is encrypted: the switch alone changes nothing.
  expect(loadConfig({ env: { ...env, ...TLS, COTG_INSECURE: '1' } }).isInsecure).toBe(false);
});

test('an unknown name in config.json is refused: a misspelt setting must not be ignored', () => {
  writeFileSync(join(dataDir, 'config.json'), '{"COTG_PROT": "1"}');
  expect(failure(() => loadConfig({ env: { COTG_DATA_DIR: dataDir } })).message).toContain('COTG_PROT');
  writeFileSync(join(dataDir, 'config.json'), 'not json');
  expect(failure(() => loadConfig({ env: { COTG_DATA_DIR: dataDir } })).exitCode).toBe(2);
});

test('the default command is claude when it is on the PATH, else the shell', () => {
  const env = { COTG_DATA_DIR: dataDir, SHELL: '/bin/bash', PATH: '/usr/bin' };
  expect(loadConfig({ env, findOnPath: (name) => name === 'claude' }).command).toEqual(['claude']);
  expect(loadConfig({ env, findOnPath: () => false }).command).toEqual(['/bin/bash']);
  expect(loadConfig({ env: { ...env, COTG_COMMAND: 'top -d 5' } }).command).toEqual(['top', '-d', '5']);
});

test('children get the user’s environment without our settings, tools and secrets', () => {
  const { childEnv } = loadConfig({
    env: {
      COTG_DATA_DIR: dataDir,
      PATH: '/home/me/bin:/usr/bin',
      HOME: '/home/me',
      EDITOR: 'vim',
      NODE_OPTIONS: '--inspect',
      npm_config_registry: 'x',
      TMUX: '/tmp/tmux',
      LINES: '50',
    },
  });
  expect(childEnv).toEqual({
    PATH: '/home/me/bin:/usr/bin',
    HOME: '/home/me',
    EDITOR: 'vim',
    TERM: 'xterm-256color',
    COLORTERM: 'truecolor',
  });
});

describe('values', () => {
  test.each([
    ['90s', 90_000],
    ['5m', 300_000],
    ['24h', 86_400_000],
    ['0', 0],
    ['1.5h', 5_400_000],
    ['999ms', undefined],
    ['0.5s', undefined],
    ['5', undefined],
    ['-5m', undefined],
    ['', undefined],
  ])('duration %s', (text, ms) => expect(parseDuration(text)).toBe(ms));

  test('a command is words or a JSON array, never a shell line', () => {
    expect(parseCommand('  bash -l ')).toEqual(['bash', '-l']);
    expect(parseCommand('["my prog", "a b"]')).toEqual(['my prog', 'a b']);
    expect(parseCommand('')).toBeUndefined();
    expect(parseCommand('[]')).toBeUndefined();
    expect(parseCommand('[1]')).toBeUndefined();
  });
});
