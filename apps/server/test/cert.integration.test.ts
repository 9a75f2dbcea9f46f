import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeDataDir, runCotg } from '../../../testing/start-server.ts';

let dataDir: string;
let folder: string;
beforeEach(() => {
  [dataDir, folder] = [makeDataDir(), makeDataDir()];
});
afterEach(() => {
  for (const path of [dataDir, folder]) rmSync(path, { recursive: true });
});

const cert = (...args: string[]) => runCotg(['cert', ...args], { dataDir });
const read = (name: string): string => readFileSync(join(dataDir, 'tls', name), 'utf8');

test('`cotg cert` makes a CA once and a new leaf each time, keeps the names, and says what to do with them', async () => {
  // Settings that only this command makes right do not keep it from running.
  const first = await runCotg(['cert', '--name', 'Box.LAN', '192.168.1.9'], { dataDir, env: { COTG_HOST: '0.0.0.0' } });
  expect([first.code, first.stderr]).toEqual([0, '']);
  for (const words of ['COTG_TLS_CERT=', 'COTG_TLS_KEY=', 'iPhone', 'Android', 'SHA-256', 'https://box.lan:7433'])
    expect(first.stdout).toContain(words);
  const [ca, key, leaf] = [read('ca.crt'), read('ca.key'), read('server.crt')];
  for (const name of ['ca.crt', 'ca.key', 'server.crt', 'server.key'])
    expect(statSync(join(dataDir, 'tls', name)).mode & 0o777).toBe(0o600);
  expect(statSync(join(dataDir, 'tls')).mode & 0o777).toBe(0o700);
  expect(first.stdout).not.toContain('PRIVATE KEY');

  const second = await cert('--json');
  const made = JSON.parse(second.stdout) as { ca: { isNew: boolean; fingerprint: string }; names: string[] };
  expect(made.ca).toMatchObject({ isNew: false, fingerprint: new X509Certificate(ca).fingerprint256 });
  expect(made.names).toEqual(['box.lan', '192.168.1.9', 'localhost', '127.0.0.1', '::1']);
  expect([read('ca.crt'), read('ca.key')]).toEqual([ca, key]);
  expect(read('server.crt')).not.toBe(leaf);

  const elsewhere = await cert('--out', join(folder, 'new', 'place'), '--name', 'other.lan');
  expect(elsewhere.code).toBe(0);
  expect(readdirSync(join(folder, 'new', 'place')).toSorted()).toEqual(['server.crt', 'server.key']);
});

test('without names it takes what this computer is called and where it is', async () => {
  const { code, stdout } = await cert('--json');
  expect(code).toBe(0);
  expect((JSON.parse(stdout) as { names: string[] }).names).toEqual(expect.arrayContaining(['localhost', '127.0.0.1', '::1']));
});

test('what it has not made itself stays as it is', async () => {
  const theirs = join(folder, 'server.crt');
  const other = makeDataDir();
  await runCotg(['cert', '--out', folder], { dataDir: other });
  const before = readFileSync(theirs, 'utf8');
  const refused = await cert('--out', folder);
  expect([refused.code, refused.stdout]).toEqual([1, '']);
  expect(refused.stderr).toContain(theirs);
  expect(readFileSync(theirs, 'utf8')).toBe(before);
  // A refusal leaves no CA behind either.
  expect(existsSync(join(dataDir, 'tls', 'ca.crt'))).toBe(false);

  for (const spoil of [
    () => writeFileSync(theirs, 'not a certificate'),
    () => rmSync(theirs),
    () => symlinkSync(join(other, 'owner.token'), theirs),
  ]) {
    spoil();
    expect((await cert('--out', folder)).code).toBe(1);
  }
  expect(readFileSync(join(other, 'owner.token'), 'utf8').trim()).toHaveLength(43);
  rmSync(other, { recursive: true });
});

test.each(['*.lan', 'box.lan:7433', 'https://box.lan', '-x', 'a b', '1.2.3', 'x'.repeat(64), 'box..lan', '$(id)'])(
  'the name %s is refused with exit code 2',
  async (name) => {
    const { code, stdout } = await cert(`--name=${name}`);
    expect([code, stdout]).toEqual([2, '']);
    expect(existsSync(join(dataDir, 'tls', 'ca.crt'))).toBe(false);
  },
);

test('a name outside what the CA may sign for is refused, since phones would refuse it', async () => {
  await cert('--name', 'box.lan');
  const { code, stderr } = await cert('--name', 'bank.example');
  expect(code).toBe(2);
  expect(stderr).toContain('may not sign for bank.example');
});
