import { expect, test } from 'vitest';
import { adviceFor, findTools } from './tools.mjs';

const having =
  (...paths: string[]) =>
  (path: string) =>
    paths.includes(path);

test('the tools are found on PATH, the preferred name first', () => {
  const canRun = having('/a/google-chrome', '/b/chromium', '/b/vim', '/b/htop', '/b/tmux', '/b/certutil', '/usr/sbin/nginx');
  expect(findTools({ PATH: '/a:/b' }, canRun)).toEqual({ chromium: '/b/chromium', missing: [] });
});

test('a Chromium that is named wins, and one that is named but not there is missing', () => {
  const canRun = having('/b/chromium', '/mine/chrome', '/b/vim', '/b/htop', '/b/tmux', '/b/certutil', '/b/nginx');
  expect(findTools({ PATH: '/b', CHROMIUM: '/mine/chrome' }, canRun).chromium).toBe('/mine/chrome');
  expect(findTools({ PATH: '/b', CHROMIUM: '/gone' }, canRun)).toEqual({ chromium: null, missing: ['chromium'] });
});

test('what is missing is named, with what to do', () => {
  const { missing } = findTools({ PATH: '/b' }, having('/b/vim'));
  expect(missing).toEqual(['chromium', 'htop', 'tmux', 'certutil', 'nginx']);
  expect(adviceFor(missing)).toBe(
    'not found: chromium, htop, tmux, certutil, nginx. Install it (Debian: sudo apt-get install chromium htop tmux libnss3-tools nginx-light), or name a Chromium with CHROMIUM=/path/to/chromium',
  );
});
