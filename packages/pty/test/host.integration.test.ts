// A real host, real shells, a real socket: what a session does between its start and its end.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { HostClient } from '../src/client/host-client.ts';
import type { HostEvent, HostSession, SessionId } from '../src/protocol/messages.ts';
import { createSession, startTestHost } from '../src/testing/start-test-host.ts';
import { isRunning, until, zombieChildren } from './support/processes.ts';
import { SessionFeed } from './support/session-feed.ts';

/** A viewer that numbers what it types. */
function makeTypist(client: HostClient, sessionId: SessionId) {
  const viewerId = randomUUID();
  let n = 0;
  return async (text: string | Uint8Array) => {
    n += 1;
    const { reply } = await client.request('input', { sessionId, viewerId, n }, { body: Buffer.from(text) });
    return reply;
  };
}

function pidOf(session: HostSession): number {
  if (session.pid === null) throw new Error('no pid');
  return session.pid;
}

describe('a shell in a session', () => {
  test('answers what is typed', async () => {
    await using host = await startTestHost();
    const client = await host.connect();
    const { reply } = await createSession(client);
    expect(reply.session).toMatchObject({ state: 'running', run: 1, cols: 80, rows: 24, command: ['sh'], endedAt: null, reason: null });
    expect(isRunning(pidOf(reply.session))).toBe(true);
    const feed = new SessionFeed(client, reply.session.id);
    const type = makeTypist(client, reply.session.id);
    expect(await type('echo $((6*7))\n')).toMatchObject({ result: 'applied', lastInput: 1 });
    await feed.untilText('42\r\n');
    await type('exit 5\n');
    expect(await feed.untilExit()).toMatchObject({ state: 'exited', reason: 'exit', exitCode: 5, signal: null, run: 1 });
    const { reply: list } = await client.request('list', {});
    expect(list.sessions).toMatchObject([{ id: reply.session.id, state: 'exited', pid: null, exitCode: 5, endOffset: feed.offset }]);
  });

  test('sees its folder, its command and exactly the environment it was given, with a terminal type', async () => {
    await using host = await startTestHost();
    const client = await host.connect();
    const env = { PATH: '/usr/bin:/bin', ODD: 'a=b c\n"d"' };
    const { reply } = await createSession(client, { command: ['sh', '-c', 'pwd; cat /proc/$$/environ | tr "\\0" "|"'], env });
    const feed = new SessionFeed(client, reply.session.id);
    await feed.untilExit();
    const [folder, ...rest] = feed.text.split('\r\n');
    expect(folder).toBe(realpathSync(tmpdir()));
    expect(rest.join('\n').split('|').sort().filter(Boolean)).toEqual([
      'COLORTERM=truecolor',
      'ODD=a=b c\n"d"',
      'PATH=/usr/bin:/bin',
      'TERM=xterm-256color',
    ]);
  });

  test('gets the terminal type of the caller when there is one', async () => {
    await using host = await startTestHost();
    const client = await host.connect();
    const { reply } = await createSession(client, {
      command: ['sh', '-c', 'echo "$TERM $COLORTERM"'],
      env: { TERM: 'vt100', COLORTERM: '' },
    });
    const feed = new SessionFeed(client, reply.session.id);
    await feed.untilExit();
    expect(feed.text).toBe('vt100 \r\n');
  });

  test('sees a resize, which is marked between the output before and after it', async () => {
    await using host = await startTestHost();
    const client = await host.connect();
    const events: HostEvent[] = [];
    client.onEvent((event) => events.push(event));
    const { reply } = await createSession(client);
    const feed = new SessionFeed(client, reply.session.id);
    const type = makeTypist(client, reply.session.id);
    await type('stty size\n');
    await feed.untilText('24 80\r\n');
    const resized = await client.request('resize', { sessionId: reply.session.id, cols: 51, rows: 33 });
    expect(resized.reply.session).toMatchObject({ cols: 51, rows: 33 });
    await type('stty size\n');
    await feed.untilText('33 51\r\n');
    expect(feed.marks).toMatchObject([{ kind: 'resize', cols: 51, rows: 33 }]);
    const at = feed.marks[0]?.offset ?? -1;
    expect(feed.text.indexOf('24 80')).toBeLessThan(at);
    expect(feed.text.indexOf('33 51')).toBeGreaterThanOrEqual(at);
    await until(() => events.some((event) => event.type === 'session' && event.session.cols === 51));
    // The same size again changes nothing and marks nothing.
    await client.request('resize', { sessionId: reply.session.id, cols: 51, rows: 33 });
    await type('exit\n');
    await feed.untilExit();
    expect(feed.marks.map((mark) => mark.kind)).toEqual(['resize', 'exit']);
  });

  test('prints colours, UTF-8 and bytes that are no text, and each byte arrives as printed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cotg-bytes-'));
    const bytes = Buffer.concat([
      Buffer.from('\x1b[38;2;1;2;3mcolour\x1b[0m grüße 世界 👩‍💻 \x1b]8;;http://x\x07'),
      Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
      Buffer.from([0xe4, 0xb8]),
    ]);
    writeFileSync(join(folder, 'bytes'), bytes);
    await using host = await startTestHost();
    const client = await host.connect();
    const { reply } = await createSession(client, { command: ['sh', '-c', `stty raw; cat ${join(folder, 'bytes')}`] });
    const feed = new SessionFeed(client, reply.session.id);
    await feed.untilExit();
    expect(Buffer.compare(feed.bytes, bytes)).toBe(0);
    rmSync(folder, { recursive: true });
  });

  test('two sessions do not see each other', async () => {
    await using host = await startTestHost();
    const client = await host.connect();
    const [a, b] = await Promise.all([createSession(client), createSession(client)]);
    const [feedA, feedB] = [new SessionFeed(client, a.reply.session.id), new SessionFeed(client, b.reply.session.id)];
    await makeTypist(client, a.reply.session.id)('echo only-$((1))-a\n');
    await makeTypist(client, b.reply.session.id)('echo only-$((1))-b\n');
    await feedA.untilText('only-1-a');
    await feedB.untilText('only-1-b');
    expect(feedA.text).not.toContain('-b');
    expect(feedB.text).not.toContain('-a');
  });
});

describe('an input is typed once', () => {
  test('although it is sent again, on this connection or the next', async () => {
    await using host = await startTestHost();
    const first = await host.connect();
    const { reply } = await createSession(first, { command: ['sh', '-c', 'stty -echo; echo ready; cat'] });
    const sessionId = reply.session.id;
    const feed = new SessionFeed(first, sessionId);
    await feed.untilText('ready');
    const send = (client: HostClient, n: number, text: string) =>
      client.request('input', { sessionId, viewerId: 'phone', n }, { body: Buffer.from(text) }).then((answer) => answer.reply);
    expect(await send(first, 1, 'one\n')).toMatchObject({ result: 'applied', lastInput: 1 });
    expect(await send(first, 1, 'one\n')).toMatchObject({ result: 'duplicate', lastInput: 1 });
    const second = await host.connect();
    expect((await second.request('lastInput', { sessionId, viewerId: 'phone' })).reply).toEqual({ lastInput: 1 });
    expect(await send(second, 1, 'one\n')).toMatchObject({ result: 'duplicate', lastInput: 1 });
    await expect(send(second, 3, 'three\n')).rejects.toMatchObject({ code: 'INPUT_GAP' });
    expect(await send(second, 2, 'two\n')).toMatchObject({ result: 'applied', lastInput: 2 });
    await feed.untilText('two');
    expect(feed.text).toBe('ready\r\none\r\ntwo\r\n');
  });

  test('many sent at once keep their order', async () => {
    await using host = await startTestHost();
    const client = await host.connect();
    const { reply } = await createSession(client, { command: ['sh', '-c', 'stty -echo; echo ready; cat'] });
    const feed = new SessionFeed(client, reply.session.id);
    await feed.untilText('ready');
    const type = makeTypist(client, reply.session.id);
    await Promise.all(Array.from({ length: 500 }, (_, n) => type(`${n} `)));
    await type('\n');
    await feed.untilText('499 \r\n');
    expect(feed.text).toBe(`ready\r\n${Array.from({ length: 500 }, (_, n) => `${n} `).join('')}\r\n`);
  });

  test('what a program does not read is refused beyond the limit, and its number stays free', async () => {
    await using host = await startTestHost({ limits: { inputQueueBytes: 200_000 } });
    const client = await host.connect();
    const { reply } = await createSession(client, { command: ['sh', '-c', 'stty raw -echo; echo ready; read go </dev/null; sleep 60'] });
    const sessionId = reply.session.id;
    const feed = new SessionFeed(client, sessionId);
    await feed.untilText('ready');
    const paste = Buffer.alloc(150_000, 'x');
    await client.request('input', { sessionId, viewerId: 'v', n: 1 }, { body: paste });
    await expect(client.request('input', { sessionId, viewerId: 'v', n: 2 }, { body: paste })).rejects.toMatchObject({
      code: 'INPUT_BUFFER_FULL',
    });
    expect((await client.request('lastInput', { sessionId, viewerId: 'v' })).reply.lastInput).toBe(1);
    expect((await client.request('input', { sessionId, viewerId: 'v', n: 2 }, { body: Buffer.from('y') })).reply.result).toBe('applied');
  });
});

describe('what cannot be started leaves nothing behind', () => {
  test.each([
    ['a command that is nowhere on the PATH', { command: ['no-such-command-anywhere'] }, 'COMMAND_NOT_FOUND'],
    ['a command outside the PATH that was given', { command: ['ls'], env: { PATH: '/nowhere' } }, 'COMMAND_NOT_FOUND'],
    ['a path that does not exist', { command: ['/bin/no-such-command'] }, 'COMMAND_NOT_FOUND'],
    ['a file that is not executable', { command: ['/etc/passwd'] }, 'COMMAND_NOT_FOUND'],
    ['a folder as command', { command: ['/tmp'] }, 'COMMAND_NOT_FOUND'],
    ['a working folder that does not exist', { cwd: '/no/such/folder' }, 'CWD_NOT_FOUND'],
    ['a file as working folder', { cwd: '/etc/passwd' }, 'CWD_NOT_FOUND'],
  ])('%s', async (_name, change, code) => {
    await using host = await startTestHost();
    const client = await host.connect();
    await expect(createSession(client, change)).rejects.toMatchObject({ name: 'HostRequestError', code });
    expect((await client.request('list', {})).reply.sessions).toEqual([]);
  });

  test('an id that is taken', async () => {
    await using host = await startTestHost();
    const client = await host.connect();
    const { reply } = await createSession(client);
    await expect(createSession(client, { sessionId: reply.session.id })).rejects.toMatchObject({ code: 'SESSION_EXISTS' });
    expect((await client.request('list', {})).reply.sessions).toHaveLength(1);
  });

  test('a command relative to its folder is found there', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cotg-cwd-'));
    writeFileSync(join(folder, 'here'), '#!/bin/sh\necho found\n', { mode: 0o700 });
    await using host = await startTestHost();
    const client = await host.connect();
    const { reply } = await createSession(client, { command: ['./here'], cwd: folder });
    const feed = new SessionFeed(client, reply.session.id);
    await feed.untilExit();
    expect(feed.text).toBe('found\r\n');
    rmSync(folder, { recursive: true });
  });

  test('F22: a spawn that fails after all is recorded as failed to start', async () => {
    await using host = await startTestHost({
      spawnPty: () => {
        throw new Error('forkpty(3) failed.');
      },
    });
    const client = await host.connect();
    await expect(createSession(client)).rejects.toMatchObject({ code: 'SPAWN_FAILED' });
    expect((await client.request('list', {})).reply.sessions).toMatchObject([{ state: 'exited', reason: 'failed-to-start', pid: null }]);
  });
});

describe('ending', () => {
  test('a program that a signal ends is told apart from one that was killed by a user', async () => {
    await using host = await startTestHost();
    const client = await host.connect();
    const { reply: crashed } = await createSession(client, { command: ['sh', '-c', 'kill -SEGV $$'] });
    expect(await new SessionFeed(client, crashed.session.id).untilExit()).toMatchObject({
      state: 'killed',
      reason: 'signal',
      exitCode: null,
      signal: 'SIGSEGV',
    });
    const { reply: killed } = await createSession(client, { command: ['sleep', '60'] });
    const answer = await client.request('kill', { sessionId: killed.session.id, reason: 'idle' });
    expect(answer.reply.session.id).toBe(killed.session.id);
    expect(await new SessionFeed(client, killed.session.id).untilExit()).toMatchObject({
      state: 'killed',
      reason: 'idle',
      signal: 'SIGHUP',
    });
    await expect(client.request('kill', { sessionId: killed.session.id, reason: 'user' })).rejects.toMatchObject({ code: 'SESSION_ENDED' });
  });

  test('F21: kill ends the whole session: a child that ignores the hangup, a stopped job and background jobs, and leaves no zombie', async () => {
    await using host = await startTestHost({ limits: { killGraceMs: 300 } });
    const client = await host.connect();
    const { reply } = await createSession(client, { command: ['bash', '--norc', '--noprofile', '-i'] });
    const sessionId = reply.session.id;
    const feed = new SessionFeed(client, sessionId);
    const type = makeTypist(client, sessionId);
    await type('sleep 1001 & disown; echo "pid:$!"\n');
    await type('nohup sleep 1002 >/dev/null 2>&1 & echo "pid:$!"\n');
    await type(`sh -c 'trap "" HUP TERM INT; echo "pid:$$"; while :; do sleep 0.1; done' & \n`);
    await type('sleep 1003 & kill -STOP $!; echo "pid:$!"\n');
    await type(`trap "" HUP; echo all-$((1))\n`);
    const pidsIn = (text: string): number[] => [...text.matchAll(/pid:(\d+)/g)].map((match) => Number(match[1]));
    await feed.until(() => pidsIn(feed.text).length === 4 && feed.text.includes('all-1'));
    const pids = [pidOf(reply.session), ...pidsIn(feed.text)];
    expect(pids.filter(isRunning)).toEqual(pids);
    await client.request('kill', { sessionId, reason: 'user' });
    expect(await feed.untilExit()).toMatchObject({ state: 'killed', reason: 'user' });
    expect(pids.filter(isRunning), 'once the end is reported, all of them are gone').toEqual([]);
    expect(zombieChildren()).toEqual([]);
  });

  test('a program that obeys the hangup ends at once, not after the grace', async () => {
    await using host = await startTestHost({ limits: { killGraceMs: 60_000 } });
    const client = await host.connect();
    const { reply } = await createSession(client, { command: ['sh', '-c', 'sleep 1004 & sleep 1005'] });
    const feed = new SessionFeed(client, reply.session.id);
    await client.request('kill', { sessionId: reply.session.id, reason: 'user' });
    await feed.untilExit();
  });

  test('an ended session can be read and removed; a living one cannot be removed', async () => {
    await using host = await startTestHost();
    const client = await host.connect();
    const events: HostEvent[] = [];
    client.onEvent((event) => events.push(event));
    const { reply } = await createSession(client, { command: ['sh', '-c', 'echo kept; read line'] });
    const sessionId = reply.session.id;
    const feed = new SessionFeed(client, sessionId);
    await feed.untilText('kept');
    await expect(client.request('remove', { sessionId })).rejects.toMatchObject({ code: 'SESSION_ALIVE' });
    await client.request('kill', { sessionId, reason: 'user' });
    await feed.untilExit();
    await expect(client.request('resize', { sessionId, cols: 10, rows: 10 })).rejects.toMatchObject({ code: 'SESSION_ENDED' });
    await expect(client.request('input', { sessionId, viewerId: 'v', n: 1 })).rejects.toMatchObject({ code: 'SESSION_ENDED' });
    const again = new SessionFeed(await host.connect(), sessionId);
    await again.untilExit();
    expect(again.text).toContain('kept');
    await client.request('remove', { sessionId });
    await until(() => events.some((event) => event.type === 'removed' && event.sessionId === sessionId));
    await expect(client.request('follow', { sessionId })).rejects.toMatchObject({ code: 'UNKNOWN_SESSION' });
    await expect(client.request('remove', { sessionId })).rejects.toMatchObject({ code: 'UNKNOWN_SESSION' });
  });

  test('limits of a session can be changed and everyone is told', async () => {
    await using host = await startTestHost();
    const client = await host.connect();
    const other = await host.connect();
    const events: HostEvent[] = [];
    other.onEvent((event) => events.push(event));
    const { reply } = await createSession(client);
    const change = { sessionId: reply.session.id, maxHistoryBytes: 1000, idleTimeoutMs: 5 };
    expect((await client.request('update', change)).reply.session).toMatchObject({ maxHistoryBytes: 1000, idleTimeoutMs: 5 });
    await until(() => events.some((event) => event.type === 'session' && event.session.maxHistoryBytes === 1000));
  });

  test('shutdown ends every program, stores the end of each, answers, closes the socket and says so', async () => {
    let shutDown = (): void => undefined;
    const shutdown = new Promise<void>((resolve) => (shutDown = resolve));
    await using host = await startTestHost({ limits: { shutdownGraceMs: 300 }, onShutdown: () => shutDown() });
    const client = await host.connect();
    const { reply: polite } = await createSession(client);
    const { reply: rude } = await createSession(client, { command: ['sh', '-c', 'trap "" HUP; while :; do sleep 0.1; done'] });
    const pids = [pidOf(polite.session), pidOf(rude.session)];
    const done = client.request('shutdown', {});
    await expect(createSession(client)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    await done;
    expect(pids.filter(isRunning)).toEqual([]);
    await shutdown;
    expect((await client.closed).code).toBe('HOST_CLOSED');
    expect(() => statSync(host.socketPath)).toThrow('ENOENT');
    expect(host.journal.sessions()).toMatchObject([
      { state: 'killed', reason: 'user' },
      { state: 'killed', reason: 'user' },
    ]);
    await expect(host.connect()).rejects.toMatchObject({ code: 'HOST_NOT_RUNNING' });
  });
});

test('the end of a connection ends no program', async () => {
  await using host = await startTestHost();
  const first = await host.connect();
  const { reply } = await createSession(first);
  await makeTypist(first, reply.session.id)('sleep 0.2; echo after-$((1))\n');
  await first.close();
  const second = await host.connect();
  expect(second.hello.sessions).toMatchObject([{ id: reply.session.id, state: 'running', pid: reply.session.pid }]);
  await new SessionFeed(second, reply.session.id).untilText('after-1');
});

test('status counts living sessions', async () => {
  await using host = await startTestHost({ version: '1.2.3' });
  const client = await host.connect();
  await createSession(client);
  const { reply } = await createSession(client, { command: ['true'] });
  await new SessionFeed(client, reply.session.id).untilExit();
  const { reply: status } = await client.request('status', {});
  expect(status.host).toMatchObject({ pid: process.pid, version: '1.2.3', protocol: 2, sessions: 1, storage: 'memory' });
});

test('only so many sessions run at once', async () => {
  await using host = await startTestHost({ limits: { sessions: 2 } });
  const client = await host.connect();
  await createSession(client);
  await createSession(client);
  await expect(createSession(client)).rejects.toMatchObject({ code: 'TOO_MANY_SESSIONS' });
});
