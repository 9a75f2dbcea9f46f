import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { namesFromNpm, pathWithoutNpm, shellLines } from './environment.mjs';

const underNpm = { npm_lifecycle_event: 'start' };

test('what npm adds for a script is named, a person’s own npm setting is not', () => {
  const env = { ...underNpm, npm_package_json: 'x', npm_config_prefix: '/usr', npm_config_proxy: 'mine', INIT_CWD: '/', HOME: '/home/me' };
  expect(namesFromNpm(env).sort()).toEqual(['INIT_CWD', 'npm_config_prefix', 'npm_lifecycle_event', 'npm_package_json']);
});

test('nothing is touched when npm did not start us', () => {
  const env = { npm_config_prefix: '/usr', NODE: 'mine', PATH: '/clone/node_modules/.bin:/usr/bin' };
  expect(namesFromNpm(env)).toEqual([]);
  expect(pathWithoutNpm(env, '/clone')).toBe(env.PATH);
});

test('PATH loses what npm put in front and nothing behind it', () => {
  const added = ['/home/me/clone/node_modules/.bin', '/home/me/node_modules/.bin', '/home/node_modules/.bin', '/node_modules/.bin'];
  const env = {
    ...underNpm,
    PATH: [...added, '/usr/lib/npm/@npmcli/run-script/lib/node-gyp-bin', '/usr/bin', '/home/me/node_modules/.bin'].join(':'),
  };
  expect(pathWithoutNpm(env, '/home/me/clone')).toBe('/usr/bin:/home/me/node_modules/.bin');
});

test('the lines for the shell survive every character', () => {
  const value = `it's $HOME; \`id\` "\\n"\nnext line`;
  const lines = shellLines({ unset: ['GONE', 'not a name; id'], set: { VALUE: value } });
  const { stdout } = spawnSync('/bin/sh', ['-c', `eval "$1"; printf '%s|%s' "$VALUE" "\${GONE-unset}"`, 'sh', lines], {
    encoding: 'utf8',
    env: { GONE: 'x' },
  });
  expect(stdout).toBe(`${value}|unset`);
});
