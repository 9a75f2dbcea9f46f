import { once } from 'node:events';
import { WebSocket } from 'ws';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient, errorCodeOf } from '@cotg/api/client';
import type { Client } from '@cotg/api/client';
import { eventually, runCotg, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';
import { attachViewer } from '../../../testing/viewer.ts';

interface Owner extends AsyncDisposable {
  readonly api: Client['api'];
}

function signIn(server: TestServer): Owner {
  const client = createClient({ url: server.url, token: server.token });
  return { api: client.api, [Symbol.asyncDispose]: () => client.close() };
}

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

/** A program that does what it is told: a line is a shell command. */
async function startShell(
  { api }: Owner,
  more: { cols?: number; rows?: number } = {},
): Promise<{ id: string; run: (line: string) => Promise<void> }> {
  const { id } = await api.session.create.mutate({
    command: ['bash', '--norc', '--noprofile', '-c', 'stty -echo; while read -r line; do eval "$line"; done'],
    ...more,
  });
  let n = 0;
  const run = async (line: string): Promise<void> => {
    n += 1;
    await api.session.input.mutate({ sessionId: id, viewerId: 'wait-test', n, data: `${line}\n` });
  };
  await run('echo begun');
  await api.session.waitFor.query({ sessionId: id, text: 'begun' });
  return { id, run };
}

const failure = async (asked: Promise<unknown>): Promise<string | undefined> =>
  asked.then(
    () => undefined,
    (error: unknown) => errorCodeOf(error),
  );

test('a wait is met by what is on the screen already, by what comes, and by what a pattern finds', async () => {
  await using owner = signIn(server);
  const { api } = owner;
  const { id, run } = await startShell(owner, { cols: 20, rows: 5 });
  expect(await api.session.waitFor.query({ sessionId: id, text: 'beg' })).toMatchObject({ kind: 'text', line: 'begun' });

  // Colours lie in the middle of the words and the line is wrapped: what counts is what a person reads.
  const coming = api.session.waitFor.query({ sessionId: id, text: 'all 12 tests passed here' });
  await run(String.raw`printf 'all \033[32m12 tests\033[0m passed here\n'`);
  expect(await coming).toMatchObject({ kind: 'text', line: 'all 12 tests passed here' });
  expect(await api.session.waitFor.query({ sessionId: id, pattern: String.raw`^all \d+ tests` })).toMatchObject({ kind: 'pattern' });
  expect(await api.session.waitFor.query({ sessionId: id, text: '[32m', timeoutMs: 200 })).toMatchObject({
    kind: 'timeout',
    code: 'TIMEOUT',
  });

  // Only what is printed from there on.
  const { endOffset } = await api.session.get.query({ sessionId: id });
  expect(await api.session.waitFor.query({ sessionId: id, text: 'begun', fromOffset: endOffset, timeoutMs: 200 })).toMatchObject({
    kind: 'timeout',
  });
  const again = api.session.waitFor.query({ sessionId: id, text: 'begun', fromOffset: endOffset });
  await run('echo begun anew');
  expect(await again).toMatchObject({ kind: 'text', line: 'begun anew' });
  const first = await api.session.waitFor.query({ sessionId: id, text: 'begun', fromOffset: 0 });
  expect(first).toMatchObject({ kind: 'text', line: 'begun' });
  expect(first.offset).toBeLessThan(endOffset);
});

test('a line that a flood has carried off the screen is found', async () => {
  await using owner = signIn(server);
  const { api } = owner;
  const { id, run } = await startShell(owner);
  const { endOffset } = await api.session.get.query({ sessionId: id });
  await run('seq 1 20000; echo needle in the hay; seq 20001 200000; echo flood over');
  const needle = api.session.waitFor.query({ sessionId: id, text: 'needle in', fromOffset: endOffset, timeoutMs: 60_000 });
  const over = api.session.waitFor.query({ sessionId: id, pattern: '^flood over$', timeoutMs: 60_000 });
  expect(await needle).toMatchObject({ kind: 'text', line: 'needle in the hay' });
  expect(await over).toMatchObject({ kind: 'pattern', line: 'flood over' });
});

test('what a full-screen program draws is found while it draws it', async () => {
  await using owner = signIn(server);
  const { api } = owner;
  const { id, run } = await startShell(owner);
  const drawn = api.session.waitFor.query({ sessionId: id, text: 'menu: file' });
  await run(String.raw`printf '\033[?1049h\033[2J\033[5;7Hfile\033[5;1Hmenu:'`);
  expect(await drawn).toMatchObject({ kind: 'text', line: 'menu: file' });
  // Somebody who comes later begins in the middle of it.
  expect(await api.session.waitFor.query({ sessionId: id, text: 'menu: file' })).toMatchObject({ kind: 'text' });
});

test('a wait is met by quiet, and not while something is printed', async () => {
  await using owner = signIn(server);
  const { api } = owner;
  const { id, run } = await startShell(owner);
  const quiet = api.session.waitFor.query({ sessionId: id, idleMs: 700 });
  await run('for i in 1 2 3 4 5 6 7 8; do echo tick $i; sleep 0.1; done; echo last');
  await expect(quiet).resolves.toMatchObject({ kind: 'idle' });
  expect((await api.session.history.query({ sessionId: id })).content).toContain('last');
});

test('a wait is met by the end of the program, after all that it printed', async () => {
  await using owner = signIn(server);
  const { api } = owner;
  const { id, run } = await startShell(owner);
  const end = api.session.waitFor.query({ sessionId: id, exit: true });
  const parting = api.session.waitFor.query({ sessionId: id, text: 'last words', exit: true });
  const never = api.session.waitFor.query({ sessionId: id, text: 'not that' });
  await run('echo last words; exit 7');
  expect(await end).toMatchObject({ kind: 'exit', exitCode: 7, signal: null, state: 'exited', reason: 'exit' });
  expect(await parting).toMatchObject({ kind: 'text', line: 'last words' });
  expect(await never).toMatchObject({ kind: 'exit', exitCode: 7 });
  // Whoever asks later is told at once.
  expect(await api.session.waitFor.query({ sessionId: id, exit: true })).toMatchObject({ kind: 'exit', exitCode: 7 });
  expect(await api.session.waitFor.query({ sessionId: id, text: 'last words' })).toMatchObject({ kind: 'text' });
  const gone = api.session.waitFor.query({ sessionId: id, text: 'words', fromOffset: 0 });
  expect(await gone).toMatchObject({ kind: 'text' });
});

test('what cannot be waited for is said with a code', async () => {
  await using owner = signIn(server);
  const { api } = owner;
  const { id } = await startShell(owner);
  expect(await failure(api.session.waitFor.query({ sessionId: id }))).toBe('BAD_INPUT');
  expect(await failure(api.session.waitFor.query({ sessionId: id, pattern: '(' }))).toBe('PATTERN_INVALID');
  expect(await failure(api.session.waitFor.query({ sessionId: id, text: 'a', timeoutMs: 24 * 3_600_000 }))).toBe('BAD_INPUT');
  expect(await failure(api.session.waitFor.query({ sessionId: id, text: 'a\nb' }))).toBe('BAD_INPUT');
  expect(await failure(api.session.waitFor.query({ sessionId: id, text: 'a', fromOffset: 2 ** 40 }))).toBe('BAD_INPUT');
  const unknown = '0b1ad3a8-3f5f-4a40-9a9e-1f8a54b6a001';
  expect(await failure(api.session.waitFor.query({ sessionId: unknown, exit: true }))).toBe('UNKNOWN_SESSION');
});

test('waits are counted, and a caller that goes away gives its places back', async () => {
  await using owner = signIn(server);
  const { api } = owner;
  const { id, run } = await startShell(owner);
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/trpc`, { headers: { authorization: `Bearer ${server.token}` } });
  await once(socket, 'open');
  const input = { sessionId: id, text: 'never', timeoutMs: 600_000 };
  for (let n = 1; n <= 16; n += 1)
    socket.send(JSON.stringify({ id: n, jsonrpc: '2.0', method: 'query', params: { path: 'session.waitFor', input } }));
  const tryOne = (): Promise<string | undefined> => failure(api.session.waitFor.query({ sessionId: id, text: 'never', timeoutMs: 1 }));
  await eventually(tryOne, (code) => code === 'TOO_MANY_REQUESTS', { what: 'all places are taken' });
  socket.terminate();
  await eventually(tryOne, (code) => code === undefined, { what: 'there are places again' });
  const quiet = api.session.waitFor.query({ sessionId: id, text: 'never', idleMs: 600_000, timeoutMs: 600_000 });
  await run('exit 0');
  expect(await quiet).toMatchObject({ kind: 'exit', exitCode: 0 });
});

test('history comes in pages that join to the whole', async () => {
  await using owner = signIn(server);
  const { api } = owner;
  const { id, run } = await startShell(owner);
  await run('seq 1 30000; echo all there');
  await api.session.waitFor.query({ sessionId: id, text: 'all there' });
  const parts: Buffer[] = [];
  let from = 0;
  for (;;) {
    const page = await api.session.history.query({ sessionId: id, from, format: 'raw' });
    expect(page.from).toBe(from);
    parts.push(Buffer.from(page.content, 'base64'));
    expect(parts.at(-1)).toHaveLength(page.to - page.from);
    if (page.to === page.endOffset) break;
    from = page.to;
  }
  expect(parts.length).toBeGreaterThan(2);
  const whole = Buffer.from(await (await server.api(`/api/sessions/${id}/history?format=raw`)).arrayBuffer());
  expect(Buffer.concat(parts).equals(whole)).toBe(true);
  const { endOffset } = await api.session.get.query({ sessionId: id });
  expect((await api.session.history.query({ sessionId: id, from: endOffset - 11 })).content).toBe('all there\n');
  expect(await failure(api.session.history.query({ sessionId: id, from: 10, to: 5 }))).toBe('BAD_INPUT');
});

test('all others are sent away, and who did it stays', async () => {
  await using owner = signIn(server);
  const { id, run } = await startShell(owner);
  await using mine = attachViewer({ url: server.url, token: server.token, sessionId: id });
  await using other = attachViewer({ url: server.url, token: server.token, sessionId: id });
  await Promise.all([mine.attached(), other.attached()]);
  expect(await owner.api.session.detachOthers.mutate({ sessionId: id, viewerId: mine.id })).toEqual({ detached: 1 });
  await eventually(
    () => other.errors.map(errorCodeOf),
    (codes) => codes.includes('DETACHED'),
    { what: 'the other one was told' },
  );
  await run('echo still here');
  await mine.waitFor('still here');
  expect((await owner.api.session.get.query({ sessionId: id })).viewers).toBe(1);
});

test('a script of commands types, waits, looks, and gets the exit code of the program', async () => {
  await using owner = signIn(server);
  const { id } = await startShell(owner);
  const short = id.slice(0, 8);
  const { dataDir } = server;
  const cotg = (args: readonly string[], prefix?: readonly string[]) => runCotg(args, { dataDir, prefix });

  expect(await cotg(['send', short, String.raw`printf '\033[33mready\033[0m %s\n' now`, '--enter'])).toMatchObject({ code: 0, stdout: '' });
  expect(await cotg(['wait', short, '--text', 'ready', '--idle', '60s'])).toMatchObject({ code: 0, stdout: 'ready now\n' });
  const seen = JSON.parse((await cotg(['screen', short, '--json'])).stdout) as { lines: string[] };
  expect(seen.lines).toContain('ready now');
  const coloured = await cotg(['screen', short, '--format', 'ansi']);
  expect(coloured.stdout).toContain('\u001b[33mready\u001b[');

  const late = await cotg(['wait', short, '--pattern', '^never$', '--timeout', '1s', '--json']);
  expect(late.code).toBe(124);
  expect(JSON.parse(late.stdout)).toMatchObject({ kind: 'timeout', code: 'TIMEOUT' });
  expect((await cotg(['wait', short])).code).toBe(2);
  expect((await cotg(['wait', short, '--pattern', '('])).code).toBe(2);

  const piped = await cotg(['send', short, '-', '--json'], ['sh', '-c', 'echo exit 7 | exec "$@"', 'sh']);
  expect(JSON.parse(piped.stdout)).toMatchObject({ bytes: 7 });
  expect((await cotg(['wait', short, '--exit'])).code).toBe(7);
  expect(await cotg(['wait', short, '--text', 'not that'])).toMatchObject({ code: 1, stdout: '' });
  expect((await cotg(['send', short, 'x'])).code).toBe(1);
});
