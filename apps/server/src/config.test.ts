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
