// Profiles against the real server: what runs, with which words and environment, who may start what, and a file that is wrong.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, errorCodeOf } from '@cotg/api/client';
import type { Client, PairingLink, Profile, Session } from '@cotg/api/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isOnPath } from '../src/find-on-path.ts';
import { eventually, makeDataDir, runCotg, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';

/** What the stand-in was started with, a line each time. */
interface Start {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const MIB = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), 'cotg-profiles-'));
const starts = join(folder, 'starts');
const standIn = join(folder, 'claude');
const dataDir = makeDataDir();
const configFile = join(dataDir, 'config.json');
const config = {
  profiles: {
    build: { command: ['sh', '-c', 'echo "$MARK in $PWD"; cat'], cwd: folder, env: { MARK: 'set' }, maxHistoryMb: 3, idleTimeout: '2h' },
    plain: { kind: 'claude', command: ['claude', '--model', 'small'], phoneHistory: false },
    gone: { command: ['no-such-program-anywhere'] },
  },
};
let server: TestServer;
let owner: Client;

beforeAll(async () => {
  const record = `require('node:fs').appendFileSync(${JSON.stringify(starts)}, JSON.stringify({ argv: process.argv.slice(2), cwd: process.cwd(), env: process.env }) + '\\n');`;
  writeFileSync(standIn, `#!${process.execPath}\n${record}\nprocess.stdout.write('talking\\n');\nprocess.stdin.resume();\n`);
  chmodSync(standIn, 0o755);
  writeFileSync(configFile, JSON.stringify(config), { mode: 0o600 });
  server = await startTestServer({ dataDir, env: { PATH: `${folder}:${process.env['PATH'] ?? ''}` } });
  owner = createClient({ url: server.url, token: server.token });
});
afterAll(async () => {
  await owner.close();
  await server.close();
  for (const each of [dataDir, folder]) rmSync(each, { recursive: true, force: true });
});

const startsOf = (id: string): Start[] =>
  readFileSync(starts, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Start)
    .filter(({ env }) => env['COTG_SESSION_ID'] === id);
const talks = (id: string, fromOffset = 0) =>
  owner.api.session.waitFor.query({ sessionId: id, text: 'talking', fromOffset, timeoutMs: 60_000 });
const post = (body: object, token = server.token): Promise<Response> =>
  fetch(`${server.url}/api/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });

test('claude, shell and the owner’s own are listed; nothing of their environment is', async () => {
  const list: readonly Profile[] = await owner.api.profile.list.query();
  expect(list.map(({ name, kind, isDefault, isFound }) => [name, kind, isDefault, isFound])).toEqual([
    ['claude', 'claude', true, true],
    ['shell', 'program', false, true],
    ['build', 'program', false, true],
    ['plain', 'claude', false, true],
    ['gone', 'program', false, false],
  ]);
  expect(list[2]).toMatchObject({ cwd: folder, maxHistoryBytes: 3 * MIB, idleTimeoutMs: 7_200_000 });
  expect(JSON.stringify(list)).not.toContain('MARK"');
});

test('a conversation is begun under the session’s id with history for the phone, and goes on with it after restarts, also of the server', async () => {
  // Nobody names anything: claude is on the PATH.
  const session = await owner.api.session.create.mutate({ cwd: '/tmp' });
  expect(session).toMatchObject({ profile: 'claude', command: ['claude', '--session-id', session.id], cwd: '/tmp' });
  await talks(session.id);
  await owner.api.session.kill.mutate({ sessionId: session.id });
  const again = await owner.api.session.restart.mutate({ sessionId: session.id });
  expect(again).toMatchObject({ profile: 'claude', run: 2 });
  await talks(session.id, again.endOffset);

  await server.kill('SIGKILL');
  await server.start();
  expect(await owner.api.session.get.query({ sessionId: session.id })).toMatchObject({ profile: 'claude', alive: true, run: 2 });
  await owner.api.session.kill.mutate({ sessionId: session.id });
  const third = await owner.api.session.restart.mutate({ sessionId: session.id });
  await talks(session.id, third.endOffset);

  const runs = await eventually(
    () => startsOf(session.id),
    (found) => found.length === 3,
    { what: 'it was started three times' },
  );
  expect(runs.map(({ argv }) => argv)).toEqual([
    ['--session-id', session.id],
    ['--resume', session.id],
    ['--resume', session.id],
  ]);
  for (const { cwd, env } of runs) {
    expect(cwd).toBe('/tmp');
    expect(env).toMatchObject({ CLAUDE_CODE_DISABLE_ALTERNATE_SCREEN: '1', TERM: 'xterm-256color' });
  }
});

test('the owner’s own program runs in its folder, with its words, environment and limits; what a request names goes before', async () => {
  const response = await post({ profile: 'build' });
  expect(response.status).toBe(201);
  const session = (await response.json()) as Session;
  expect(session).toMatchObject({ profile: 'build', cwd: folder, maxHistoryBytes: 3 * MIB });
  const idleMs = Date.parse(session.idleEndsAt ?? '') - Date.parse(session.createdAt);
  expect(idleMs).toBeGreaterThan(7_100_000);
  expect(idleMs).toBeLessThan(7_300_000);
  const printed = `set in ${folder}`;
  expect(await owner.api.session.waitFor.query({ sessionId: session.id, text: printed, timeoutMs: 60_000 })).toMatchObject({
    kind: 'text',
  });
  const other = await owner.api.session.create.mutate({ profile: 'build', cwd: '/tmp', env: { MARK: 'mine' }, maxHistoryBytes: MIB });
  expect(other).toMatchObject({ cwd: '/tmp', maxHistoryBytes: MIB });
  expect(await owner.api.session.waitFor.query({ sessionId: other.id, text: 'mine in /tmp', timeoutMs: 60_000 })).toMatchObject({
    kind: 'text',
  });

  const plain = await owner.api.session.create.mutate({ profile: 'plain' });
  await talks(plain.id);
  expect(startsOf(plain.id)).toMatchObject([{ argv: ['--model', 'small', '--session-id', plain.id], cwd: homedir() }]);
  expect(startsOf(plain.id)[0]?.env).not.toHaveProperty('CLAUDE_CODE_DISABLE_ALTERNATE_SCREEN');

  for (const [body, code] of [
    [{ profile: 'nobody' }, 'BAD_INPUT'],
    [{ profile: 'constructor' }, 'BAD_INPUT'],
    [{ profile: 'build', command: ['sh'] }, 'BAD_INPUT'],
    [{ profile: 'gone' }, 'COMMAND_NOT_FOUND'],
  ] as const) {
    const refused = await post(body);
    expect([body, refused.status, ((await refused.json()) as { code: string }).code]).toEqual([body, 400, code]);
  }
});

test('cotg new starts a profile in the caller’s folder, or in the profile’s own', async () => {
  const cotg = (...args: string[]) => runCotg(args, { dataDir, cwd: '/tmp' });
  expect(JSON.parse((await cotg('new', '--profile', 'shell', '--json')).stdout)).toMatchObject({
    profile: 'shell',
    command: ['/bin/bash'],
    cwd: '/tmp',
  });
  expect(JSON.parse((await cotg('new', '--profile', 'build', '--json')).stdout)).toMatchObject({ profile: 'build', cwd: folder });
  expect(await cotg('new', '--profile', 'nobody')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('no profile named') as string,
  });
});

test('a device that may type starts profiles and nothing else; the owner’s folder of one stays', async () => {
  const offer = JSON.parse((await runCotg(['pair', '--json', '--approve', '--role', 'type'], { dataDir })).stdout) as PairingLink;
  const paired = await fetch(`${server.url}/api/pair`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: server.url },
    body: JSON.stringify({ code: offer.code, name: 'phone' }),
  });
  expect(paired.status).toBe(200);
  const [cookie = ''] = (paired.headers.get('set-cookie') ?? '').split(';');
  const token = cookie.slice(cookie.indexOf('=') + 1);
  const phone = createClient({ url: server.url, token });
  const codeOf = (call: Promise<unknown>): Promise<string | undefined> =>
    call.then(
      () => 'no error',
      (error: unknown) => errorCodeOf(error),
    );
  try {
    for (const profile of ['claude', 'shell', 'build', 'plain'])
      expect(await phone.api.session.create.mutate({ profile })).toMatchObject({ profile, alive: true });
    expect(await phone.api.session.create.mutate({ profile: 'shell', cwd: '/tmp' })).toMatchObject({ cwd: '/tmp' });
    for (const request of [
      { command: ['sh'] },
      { command: ['claude'] },
      { profile: 'shell', command: ['sh'] },
      { profile: 'build', env: { MARK: 'mine' } },
      { profile: 'build', cwd: '/tmp' },
    ])
      expect([request, await codeOf(phone.api.session.create.mutate(request))]).toEqual([request, 'FORBIDDEN']);
  } finally {
    await phone.close();
  }
});

test('a profile that is wrong is named with its place when the server starts; nothing is written, and what runs goes on', async () => {
  const { id } = await owner.api.session.create.mutate({ command: ['cat'] });
  const bad = `${JSON.stringify({ profiles: { ...config.profiles, build: { command: ['make'], cwd: 'here' } } }, null, 3)}\n`;
  writeFileSync(configFile, bad);
  await server.kill('SIGTERM');
  await expect(server.start()).rejects.toThrow('config.json: profiles.build.cwd must be an absolute folder');
  expect(await runCotg(['ls'], { dataDir })).toMatchObject({ code: 2, stdout: '' });
  expect(readFileSync(configFile, 'utf8')).toBe(bad);
  writeFileSync(configFile, JSON.stringify(config));
  await server.start();
  expect(await owner.api.session.get.query({ sessionId: id })).toMatchObject({ alive: true, run: 1 });
  // Without its profile a conversation still goes on.
  const session = await owner.api.session.create.mutate({ profile: 'plain' });
  await talks(session.id);
  writeFileSync(configFile, '{}');
  await server.kill('SIGTERM');
  await server.start();
  await owner.api.session.kill.mutate({ sessionId: session.id });
  const again = await owner.api.session.restart.mutate({ sessionId: session.id });
  await talks(session.id, again.endOffset);
  expect(startsOf(session.id).map(({ argv }) => argv)).toEqual([
    ['--model', 'small', '--session-id', session.id],
    ['--model', 'small', '--resume', session.id],
  ]);
  writeFileSync(configFile, JSON.stringify(config));
});

// The stand-in takes any words: only the real one says whether they are still its own.
test.skipIf(!isOnPath('claude', process.env['PATH'] ?? ''))('the claude that is installed knows the words that are used', () => {
  const help = execFileSync('claude', ['--help'], { encoding: 'utf8', timeout: 60_000, env: { ...process.env, HOME: folder } });
  expect(help).toMatch(/--session-id <uuid>/);
  expect(help).toMatch(/--resume \[/);
});
