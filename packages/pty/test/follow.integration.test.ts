// Floods: real programs that print without end, followers that read slowly or not at all, and everyone else.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { HostEvent } from '../src/protocol/messages.ts';
import { MemoryJournal } from '../src/host/memory-journal.ts';
import { openWelcomeRawClient } from '../src/testing/raw-client.ts';
import { createSession, startTestHost } from '../src/testing/start-test-host.ts';
import { until } from './support/processes.ts';
import { SessionFeed } from './support/session-feed.ts';

const MIB = 1024 * 1024;

test('a follower gets a flood whole and in order', async () => {
  const length = 20 * MIB;
  await using host = await startTestHost();
  const client = await host.connect();
  const { reply } = await createSession(client, { command: ['sh', '-c', `stty raw; yes 0123456789abcde | head -c ${length}`] });
  const feed = new SessionFeed(client, reply.session.id);
  await feed.untilExit();
  expect(feed.offset).toBe(length);
  const expected = createHash('sha256')
    .update('0123456789abcde\n'.repeat(length / 16))
    .digest('hex');
  expect(createHash('sha256').update(feed.bytes).digest('hex')).toBe(expected);
});

test('a follower that does not read is dropped, told so when it reads again, and finds the rest in the history', async () => {
  const length = 20 * MIB;
  await using host = await startTestHost();
  const client = await host.connect();
  const { reply } = await createSession(client, { command: ['sh', '-c', `stty raw; read go; yes | head -c ${length}`] });
  const sessionId = reply.session.id;
  using stalled = await openWelcomeRawClient(host.socketPath, host.secret);
  stalled.send({ type: 'follow', id: 2, sessionId });
  expect(await stalled.next()).toMatchObject({ type: 'reply', to: 'follow', offset: 0 });
  stalled.socket.pause();
  const attentive = new SessionFeed(client, sessionId);
  await client.request('input', { sessionId, viewerId: 'v', n: 1 }, { body: Buffer.from('\r\n') });
  await attentive.untilExit();
  expect(attentive.offset, 'the program and other followers do not wait').toBeGreaterThanOrEqual(length);

  stalled.socket.resume();
  let offset = 0;
  for (;;) {
    const message = await stalled.next();
    if (message['type'] === 'lagged') break;
    if (message['type'] === 'session') continue;
    expect(message).toMatchObject({ type: 'output', sessionId });
    expect(message['offset']).toBeGreaterThanOrEqual(offset);
    offset = message['offset'] as number;
  }
  expect(offset, 'no more than the bound was kept for it').toBeLessThan(3 * MIB);
  stalled.send({ type: 'history', id: 3, sessionId, fromOffset: 0, afterMark: 0, toOffset: length, maxBytes: MIB, cursor: null });
  let message = await stalled.next();
  while (message['type'] === 'session') message = await stalled.next();
  expect(message).toMatchObject({ type: 'reply', to: 'history', firstOffset: 0 });
});

test('a flood that nobody reads keeps the host small and another session quick', async () => {
  await using host = await startTestHost();
  const client = await host.connect();
  // 1 MiB is kept of it: what grows beyond that would be a queue.
  const { reply: flood } = await createSession(client, { command: ['yes', 'x'.repeat(78)], maxHistoryBytes: MIB });
  using stalled = await openWelcomeRawClient(host.socketPath, host.secret);
  stalled.send({ type: 'follow', id: 2, sessionId: flood.session.id });
  await stalled.next();
  stalled.socket.pause();
  const { reply: small } = await createSession(client, { command: ['sh', '-c', 'stty -echo; echo ready; cat'] });
  const echo = new SessionFeed(client, small.session.id);
  await echo.untilText('ready');
  const flooded = (): number => host.journal.session(flood.session.id)?.endOffset ?? 0;
  await until(() => flooded() > 10 * MIB);
  const before = process.memoryUsage();
  const delays: number[] = [];
  for (let n = 1; flooded() < 60 * MIB || n <= 30; n += 1) {
    const begin = performance.now();
    await client.request('input', { sessionId: small.session.id, viewerId: 'v', n }, { body: Buffer.from(`key-${n};\n`) });
    await echo.untilText(`key-${n};`);
    delays.push(performance.now() - begin);
    await sleep(5);
  }
  const after = process.memoryUsage();
  const grown = after.arrayBuffers - before.arrayBuffers;
  expect(grown, 'bytes held while 50 MiB went by').toBeLessThan(16 * MIB);
  delays.sort((a, b) => a - b);
  expect(delays[Math.floor(delays.length * 0.95)], 'p95 of an echo in ms').toBeLessThan(100);
});

test('an echo is not stuck behind a flood on the same connection', async () => {
  await using host = await startTestHost();
  const client = await host.connect();
  const { reply: small } = await createSession(client, { command: ['sh', '-c', 'stty -echo; echo ready; cat'] });
  const echo = new SessionFeed(client, small.session.id);
  await echo.untilText('ready\r\n');
  const { reply: flood } = await createSession(client, { command: ['yes'], maxHistoryBytes: MIB });
  using slow = await openWelcomeRawClient(host.socketPath, host.secret);
  slow.send({ type: 'follow', id: 2, sessionId: small.session.id });
  slow.send({ type: 'follow', id: 3, sessionId: flood.session.id });
  while ((await slow.next())['id'] !== 3);
  // Its line fills up while it does not read; then somebody types.
  slow.socket.pause();
  const floodedBefore = host.journal.session(flood.session.id)?.endOffset ?? 0;
  await until(() => (host.journal.session(flood.session.id)?.endOffset ?? 0) > floodedBefore + 4 * MIB);
  await client.request('input', { sessionId: small.session.id, viewerId: 'v', n: 1 }, { body: Buffer.from('key\n') });
  await echo.untilText('key');
  slow.socket.resume();
  let ahead = 0;
  for (;;) {
    const message = await slow.next();
    if (message['type'] !== 'output') continue;
    if (message['sessionId'] === small.session.id) break;
    ahead += message['bodyBytes'] as number;
  }
  // 256 KiB in the host's queue, and what the buffers of the kernel and of this reader hold.
  expect(ahead).toBeGreaterThan(0);
  expect(ahead).toBeLessThan(768 * 1024);
});

test('a program waits when storing lags behind, and loses nothing', async () => {
  const journal = new MemoryJournal({ autoCommit: false });
  await using host = await startTestHost({ journal, limits: { pendingHighBytes: 256 * 1024, pendingLowBytes: 64 * 1024 } });
  const client = await host.connect();
  const { reply } = await createSession(client, { command: ['sh', '-c', `stty raw; yes | head -c ${4 * MIB}`] });
  const id = reply.session.id;
  const feed = new SessionFeed(client, id);
  await until(() => journal.pendingBytes(id) >= 256 * 1024);
  // It stays there: what is read beyond the mark is one read, not the flood.
  await sleep(300);
  expect(journal.pendingBytes(id)).toBeLessThan(256 * 1024 + 64 * 1024);
  expect(feed.offset, 'nothing is shown before it is committed').toBe(0);
  const committing = setInterval(() => journal.commit(), 5);
  try {
    await feed.untilExit();
  } finally {
    clearInterval(committing);
  }
  expect(feed.offset).toBe(4 * MIB);
});

test('news of a session never overtakes its output: the end is announced behind the last byte', async () => {
  await using host = await startTestHost();
  const client = await host.connect();
  const order: string[] = [];
  let ended = (): void => undefined;
  const end = new Promise<void>((resolve) => (ended = resolve));
  client.onEvent((event: HostEvent) => {
    if (event.type === 'output') order.push('output');
    if (event.type === 'mark') order.push(event.entry.kind);
    if (event.type === 'session' && event.session.state === 'exited') {
      order.push('ended');
      ended();
    }
  });
  const { reply } = await createSession(client, { command: ['sh', '-c', 'read go; yes | head -c 300000'] });
  await client.request('follow', { sessionId: reply.session.id });
  await client.request('input', { sessionId: reply.session.id, viewerId: 'v', n: 1 }, { body: Buffer.from('\n') });
  await end;
  expect(order.filter((what) => what !== 'output')).toEqual(['exit', 'ended']);
  expect(order.indexOf('exit')).toBeGreaterThan(order.lastIndexOf('output'));
});

test('the journal is told when somebody begins to follow and when nobody does any more', async () => {
  await using host = await startTestHost();
  const client = await host.connect();
  const { reply } = await createSession(client);
  const { id: sessionId } = reply.session;
  await client.request('follow', { sessionId });
  await client.request('follow', { sessionId });
  const other = await host.connect();
  await other.request('follow', { sessionId });
  await client.request('unfollow', { sessionId });
  expect(host.journal.followedCalls).toEqual([true]);
  await other.close();
  await until(() => host.journal.followedCalls.length === 2);
  expect(host.journal.followedCalls).toEqual([true, false]);
});
