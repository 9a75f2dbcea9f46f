// What a client may say about a session, and what its child gets: SECURITY 51 to 55.
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Session } from '@cotg/api';
import { eventually, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';

const CANARY = 'canary-of-the-server';
let server: TestServer;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cotg-test-'));
  server = await startTestServer({
    env: { NODE_OPTIONS: '--no-warnings', npm_config_token: CANARY, TMUX: CANARY, COTG_LOG_LEVEL: 'info', PNPM_HOME: CANARY, MINE: 'kept' },
  });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const post = (body: unknown): Promise<Response> =>
  server.api('/api/sessions', { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) });
const history = async (id: string): Promise<string> => (await server.api(`/api/sessions/${id}/history?format=raw`)).text();

async function printed(body: object): Promise<string> {
  const response = await post(body);
  const session = (await response.json()) as Session;
  expect([response.status, session]).toEqual([201, expect.anything()]);
  await eventually(
    async () => (await (await server.api(`/api/sessions/${session.id}`)).json()) as Session,
    ({ alive }) => !alive,
    { what: 'it has ended' },
  );
  return history(session.id);
}

const INJECTIONS = [
  '; touch PWNED',
  '$(touch PWNED)',
  '`touch PWNED`',
  '| touch PWNED',
  '&& touch PWNED',
  '> PWNED',
  '\ntouch PWNED\n',
  "'; touch PWNED; '",
  '"; touch PWNED; "',
  '${IFS}touch${IFS}PWNED',
  '--option=$(touch PWNED)',
  '-e touch PWNED',
  '*',
  '~root',
  '%s%n',
  '\\',
  '\u2028touch',
];

test('S51: what looks like a shell line is an argument, a value, a folder or a name, and nothing runs it', async () => {
  const out = await printed({ command: ['printf', '<%s>\\n', ...INJECTIONS], cwd: folder });
  for (const text of INJECTIONS) expect(out.replaceAll('\r\n', '\n')).toContain(`<${text}>`);
  for (const text of INJECTIONS) {
    // As an environment value, verbatim.
    const value = await post({ command: ['true'], cwd: folder, env: { VALUE: text }, name: text });
    expect(value.status).toBe(201);
    expect(((await value.json()) as Session).name ?? '').not.toMatch(/\p{Cc}/u);
    // As a program, a folder, a profile, a name of a variable: not there, or not taken.
    for (const body of [
      { command: [text], cwd: folder },
      { command: ['true'], cwd: text },
      { command: ['true'], cwd: join(folder, text) },
      { profile: text },
      { command: ['true'], env: { [text]: 'x' } },
    ]) {
      const answer = await post(body);
      expect([text, body, answer.status]).toEqual([text, body, 400]);
      expect(['COMMAND_NOT_FOUND', 'CWD_NOT_FOUND', 'BAD_INPUT']).toContain(((await answer.json()) as { code: string }).code);
    }
  }
  expect(readdirSync(folder)).toEqual([]);
  // A folder with such a name is a folder.
  const odd = join(folder, '; touch PWNED');
  mkdirSync(odd);
  expect(await printed({ command: ['pwd'], cwd: odd })).toContain(odd);
  expect(readdirSync(folder)).toEqual(['; touch PWNED']);
  expect(readdirSync(odd)).toEqual([]);
});

test('S51: options where a program or a folder belongs, NUL, a megabyte, wrong types and __proto__ are refused', async () => {
  const ids = async (): Promise<string[]> => ((await (await server.api('/api/sessions')).json()) as Session[]).map(({ id }) => id);
  const before = await ids();
  const long = 'x'.repeat(1_000_000);
  for (const body of [
    { command: ['-c', 'touch PWNED'] },
    { command: ['--version'] },
    { command: [''] },
    { command: [] },
    { command: 'sh -c id' },
    { command: { 0: 'sh' } },
    { command: ['sh', 1] },
    { command: [['sh']] },
    { command: [null] },
    { command: ['sh\0x'] },
    { command: ['true', 'a\0b'] },
    { command: ['true', long] },
    { command: Array.from({ length: 257 }, () => 'x') },
    { cwd: '-' },
    { cwd: '--help' },
    { cwd: '' },
    { cwd: '/tmp\0/x' },
    { cwd: '~' },
    { cwd: '.' },
    { cwd: ['/tmp'] },
    { cwd: long },
    { env: { A: 'x\0y' } },
    { env: { 'A=B': 'x' } },
    { env: { '': 'x' } },
    { env: { 'A\nB': 'x' } },
    { env: { A: 1 } },
    { env: { A: null } },
    { env: ['A=1'] },
    { env: 'A=1' },
    { env: { A: long } },
    { env: Object.fromEntries(Array.from({ length: 257 }, (_, n) => [`A${n}`, 'x'])) },
    { name: long },
    { name: ['x'] },
    { name: {} },
    { shell: true },
    { shell: '/bin/sh' },
    { uid: 0 },
    { argv0: 'x' },
    { profile: '__proto__' },
    { profile: 'constructor' },
    { maxHistoryBytes: -1 },
    { maxHistoryBytes: 2 ** 60 },
    { idleTimeout: '-1s' },
    { idleTimeout: 'never' },
  ]) {
    const answer = await post(body);
    expect([JSON.stringify(body).slice(0, 80), answer.status >= 400 && answer.status < 500]).toEqual([
      JSON.stringify(body).slice(0, 80),
      true,
    ]);
  }
  for (const text of [
    '{"__proto__":{"command":["true"]}}',
    '{"constructor":{"prototype":{"command":["true"]}}}',
    '{"command":["true"],"__proto__":{"shell":true}}',
    '[]',
    'null',
    '"x"',
    '1',
    '{"command":["true"]',
    '',
  ])
    expect([text, (await post(text)).status]).toEqual([text, 400]);
  expect(await ids()).toEqual(before);
  // Such a name of a variable is a variable's name, or none at all: never a prototype.
  const answer = await post('{"command":["env"],"env":{"__proto__":"x"}}');
  expect([201, 400]).toContain(answer.status);
  expect(({} as Record<string, unknown>)['command']).toBeUndefined();
});

test('S52: a child gets the owner’s environment without anything of the server, and a client adds no variable that runs code', async () => {
  const out = await printed({ command: ['env', '-0'], env: { FROM_CLIENT: 'here' } });
  const names = out
    .split('\0')
    .map((line) => line.slice(0, line.indexOf('=')).trim())
    .filter((name) => name !== '');
  // Keys that a child has and this process has not: these and no other.
  const added = names.filter((name) => process.env[name] === undefined || name === 'TERM').toSorted();
  expect(added.filter((name) => !['LANG', 'SHELL', 'NODE_COMPILE_CACHE'].includes(name))).toEqual(
    ['COLORTERM', 'COTG_SESSION_ID', 'FROM_CLIENT', 'MINE', 'TERM'].filter((name) => added.includes(name)),
  );
  for (const name of ['COTG_SESSION_ID', 'FROM_CLIENT', 'MINE', 'TERM', 'COLORTERM', 'PATH', 'HOME']) expect(names).toContain(name);
  expect(
    names.filter((name) => /^(COTG_(?!SESSION_ID)|npm_|pnpm_|PNPM_|TURBO_|NODE_OPTIONS|NODE_ENV|TMUX|MALLOC_|LD_)/.test(name)),
  ).toEqual([]);
  for (const secret of [CANARY, server.token, server.dataDir]) expect(out).not.toContain(secret);
  for (const name of [
    'LD_PRELOAD',
    'LD_LIBRARY_PATH',
    'LD_AUDIT',
    'DYLD_INSERT_LIBRARIES',
    'NODE_OPTIONS',
    'BASH_ENV',
    'ENV',
    'PERL5OPT',
    'RUBYOPT',
    'PYTHONSTARTUP',
  ]) {
    const answer = await post({ command: ['true'], env: { [name]: '/tmp/x.so' } });
    expect([name, answer.status, ((await answer.json()) as { code: string }).code]).toEqual([name, 400, 'BAD_INPUT']);
  }
});

test('S53: a child has its terminal as 0, 1 and 2, and no other descriptor of ours', async () => {
  const others = await Promise.all(Array.from({ length: 5 }, () => post({ command: ['sleep', '600'] })));
  expect(others.every(({ status }) => status === 201)).toBe(true);
  const { pid } = (await (await post({ command: ['sleep', '600'] })).json()) as Session;
  const links = await eventually(
    () => Object.fromEntries(readdirSync(`/proc/${pid}/fd`).map((fd) => [fd, readlinkSync(`/proc/${pid}/fd/${fd}`)])),
    (found) => Object.keys(found).length <= 3,
    { what: 'the program has begun' },
  );
  expect(Object.keys(links)).toEqual(['0', '1', '2']);
  expect(new Set(Object.values(links)).size).toBe(1);
  expect(links['0']).toMatch(/^\/dev\/pts\/\d+$/);
});

const SIZES = [
  '0',
  '-1',
  '-0',
  '2147483648',
  '4294967296',
  '1e308',
  '1.5',
  '1001',
  '"80"',
  'null',
  '[]',
  '{}',
  'true',
  '"NaN"',
  '1e-7',
  '9007199254740993',
];

test('S54: a size that is none is refused when a session is made and when it is resized; 1 to 1000 are taken', async () => {
  const session = (await (await post({ command: ['cat'], cols: 80, rows: 24 })).json()) as Session;
  const resize = (text: string): Promise<Response> => server.api(`/api/sessions/${session.id}/resize`, { method: 'POST', body: text });
  for (const value of SIZES) {
    for (const side of [`"cols":${value},"rows":24`, `"cols":80,"rows":${value}`]) {
      expect([side, (await post(`{"command":["cat"],${side}}`)).status]).toEqual([side, 400]);
      expect([side, (await resize(`{${side}}`)).status]).toEqual([side, 400]);
    }
  }
  for (const value of ['NaN', 'Infinity', '-Infinity', '0x10', '+5'])
    expect((await resize(`{"cols":${value},"rows":24}`)).status).toBe(400);
  expect((await (await server.api(`/api/sessions/${session.id}`)).json()) as Session).toMatchObject({ cols: 80, rows: 24 });
  for (const [cols, rows] of [
    [1, 1],
    [1000, 1000],
  ])
    expect((await (await resize(JSON.stringify({ cols, rows }))).json()) as Session).toMatchObject({ cols, rows });
});

test('S55: an id that nobody has, has no more, or that is none at all, gets the same 404, about as quickly', async () => {
  const removed = (await (await post({ command: ['true'] })).json()) as Session;
  await server.api(`/api/sessions/${removed.id}?purge=1`, { method: 'DELETE' });
  const ids = [
    '00000000-0000-4000-8000-000000000000',
    '6f1de9f8-5b0f-4c6e-8f9f-1d2a7f0c4b11',
    removed.id,
    removed.id.toUpperCase(),
    '1',
    '0',
    '-1',
    '9007199254740993',
    "' OR 1=1 --",
    '1; drop table sessions',
    '%2e%2e%2fetc%2fpasswd',
    '..%2f..%2fowner.token',
    '__proto__',
    'constructor',
    'null',
    '*',
    'x'.repeat(4000),
    '%00',
    '%F0%9F%92%A9',
  ];
  const bodies = new Set<string>();
  const times = new Map<string, number[]>();
  for (let round = 0; round < 5; round += 1) {
    for (const id of ids) {
      const since = performance.now();
      const answer = await server.api(`/api/sessions/${id.includes('%') ? id : encodeURIComponent(id)}`);
      const text = await answer.text();
      times.set(id, [...(times.get(id) ?? []), performance.now() - since]);
      expect([id.slice(0, 40), answer.status]).toEqual([id.slice(0, 40), 404]);
      bodies.add(text);
    }
  }
  expect([...bodies].map((text) => (JSON.parse(text) as { code: string }).code)).toEqual(['UNKNOWN_SESSION']);
  for (const [method, path, body] of [
    ['GET', '/history', undefined],
    ['GET', '/screen', undefined],
    ['POST', '/restart', '{}'],
    ['POST', '/input', '{"data":"x"}'],
    ['POST', '/resize', '{"cols":80,"rows":24}'],
    ['PATCH', '', '{"name":"x"}'],
    ['DELETE', '', undefined],
  ] as const) {
    for (const id of ids.slice(0, 9)) {
      const answer = await server.api(`/api/sessions/${encodeURIComponent(id)}${path}`, {
        method,
        ...(body === undefined ? {} : { body }),
      });
      const text = await answer.text();
      expect([method, path, id, answer.status]).toEqual([method, path, id, 404]);
      expect(JSON.parse(text)).toMatchObject({ code: 'UNKNOWN_SESSION' });
    }
  }
  const fastest = [...times.values()].map((list) => Math.min(...list));
  // No id makes the server look anywhere else: what differs is less than a question to the host takes on a busy machine.
  expect(Math.max(...fastest) - Math.min(...fastest)).toBeLessThan(25);
});
