import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Session, Status } from '@cotg/api';
import { startBehindProxy } from '../../../testing/behind-proxy.ts';
import { eventually, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';
import { attachViewer } from '../../../testing/viewer.ts';
import type { TestViewer } from '../../../testing/viewer.ts';

async function create(server: TestServer, command: readonly string[], more: object = {}): Promise<Session> {
  const response = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command, ...more }) });
  if (response.status !== 201) throw new Error(await response.text());
  return (await response.json()) as Session;
}

async function rawHistory(server: TestServer, id: string): Promise<string> {
  return Buffer.from(await (await server.api(`/api/sessions/${id}/history`)).arrayBuffer()).toString('latin1');
}

/** The machine may be loaded: a figure fails a test at five times its value. */
const SLACK = 5;
const MIB = 1024 * 1024;
/** A program that printed nothing for so long waits (ms); less than an emulator may say nothing before nobody waits for it. */
const STANDS_STILL_MS = 1000;
/** A viewer whose link stands still is given up by nobody meanwhile. */
const PATIENT = { keepAliveIntervalMs: 120_000 };

/** A terminal that echoes nothing itself: `cat` types back what arrived, so each letter typed shows once. */
const CAT = ['bash', '-c', 'stty raw -echo; head -c 1 > /dev/null; echo ready; exec cat'];

/** Output begins only now, so that it comes as bytes and not as part of the first screen. */
async function begin(...viewers: readonly TestViewer[]): Promise<void> {
  for (const viewer of viewers) await viewer.attached();
  await viewers[0]?.type('.');
}
const NUMBERS = [
  'bash',
  '-c',
  'stty raw -echo opost; head -c 1 > /dev/null; i=0; while [ $i -lt 4000 ]; do i=$((i+1)); echo "n$i"; [ $((i % 20)) = 0 ] && sleep 0.02; done; echo done',
];

function numbersIn(text: string): number[] {
  return [...text.matchAll(/n(\d+)\r\n/g)].map((match) => Number(match[1]));
}

test('a viewer gets a screen and then live output as one contiguous stream', async () => {
  await using server = await startTestServer();
  const session = await create(server, CAT);
  await using viewer = attachViewer({ url: server.url, token: server.token, sessionId: session.id, cols: 90, rows: 20 });
  await begin(viewer);
  await viewer.waitFor('ready');
  await viewer.type('hello');
  await viewer.waitFor('hello');
  expect(viewer.text).toBe('ready\nhello');
  expect(viewer.events[0]).toMatchObject({ type: 'hello', controller: viewer.id, lastInput: 0, size: { cols: 90, rows: 20 } });
  expect(viewer.events[1]).toMatchObject({ type: 'snapshot', offset: 0, reason: 'attach' });
  expect(viewer.breaks).toBe(0);

  await using second = attachViewer({ url: server.url, token: server.token, sessionId: session.id });
  await second.attached();
  expect(second.events[0]).toMatchObject({ controller: viewer.id });
  await second.type(' again');
  await second.waitFor('again');
  expect(second.text).toBe(' again');
  expect(second.breaks).toBe(0);
});

test('over a server killed three times every number comes once, every letter typed arrives once, the program never notices', async () => {
  await using server = await startTestServer();
  const numbers = await create(server, NUMBERS);
  const echo = await create(server, CAT);
  await using viewer = attachViewer({ url: server.url, token: server.token, sessionId: numbers.id });
  await using typist = attachViewer({ url: server.url, token: server.token, sessionId: echo.id });
  await begin(viewer);
  await begin(typist);
  await typist.waitFor('ready');
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
  let typed = '';
  const kills = [400, 1200, 2000];
  for (const letter of letters) {
    void typist.type(letter);
    typed += letter;
    const due = kills[0];
    if (due !== undefined && numbersIn(viewer.text).length >= due) {
      kills.shift();
      await server.kill('SIGKILL');
      void typist.type('!');
      typed += '!';
      const { hellos } = viewer;
      await server.start();
      // Each death is to meet a viewer that had come back.
      await eventually(
        () => viewer.hellos,
        (count) => count > hellos,
        { what: 'the viewer is back', timeoutMs: 30_000 },
      );
    }
    await eventually(
      () => numbersIn(viewer.text).length,
      (count) => count >= Math.min(3900, typed.length * 90),
      { what: 'numbers go on', timeoutMs: 30_000 },
    );
  }
  expect(kills).toEqual([]);
  await viewer.waitFor('done', 30_000);
  await typist.waitFor(letters.at(-1) ?? '', 30_000);
  const expected = Array.from({ length: 4000 }, (_, at) => at + 1);
  expect(numbersIn(viewer.text)).toEqual(expected);
  expect(numbersIn(await rawHistory(server, numbers.id))).toEqual(expected);
  await eventually(
    () => rawHistory(server, echo.id),
    (text) => text === `ready\n${typed}`,
    { what: `each letter once and in order: ${typed}` },
  );
  expect([viewer.breaks, typist.breaks]).toEqual([0, 0]);
  expect(viewer.hellos).toBeGreaterThanOrEqual(4);
  const after = (await (await server.api(`/api/sessions/${echo.id}`)).json()) as Session;
  expect(after.pid).toBe(echo.pid);
});

test('over twenty cuts of the connection nothing is lost or doubled in either direction', async () => {
  await using behind = await startBehindProxy();
  const { server, proxy, url } = behind;
  proxy.setConditions({ delayMs: 5 });
  const session = await create(server, CAT);
  await using viewer = attachViewer({ url, token: server.token, sessionId: session.id });
  await using near = attachViewer({ url: server.url, token: server.token, sessionId: session.id });
  await begin(viewer, near);
  await near.waitFor('ready');
  let expected = 'ready\n';
  for (let cut = 0; cut < 20; cut += 1) {
    const word = `<${cut}>`;
    expected += word;
    void viewer.type(word);
    const hellos = viewer.hellos;
    if (cut % 2 === 0) proxy.cut();
    else viewer.client.reconnect('test');
    await eventually(
      () => viewer.hellos,
      (count) => count > hellos,
      { what: 'it came back' },
    );
  }
  await viewer.waitFor('<19>');
  await near.waitFor('<19>');
  expect(viewer.text).toBe(expected);
  expect(near.text).toBe(expected);
  expect([viewer.breaks, near.breaks]).toEqual([0, 0]);
});

test('a link that goes silent without closing is noticed within ten seconds and resumed', async () => {
  await using behind = await startBehindProxy();
  const { server, proxy, url } = behind;
  const session = await create(server, CAT);
  await using viewer = attachViewer({ url, token: server.token, sessionId: session.id });
  await begin(viewer);
  await viewer.waitFor('ready');
  proxy.silence();
  const since = performance.now();
  await server.api(`/api/sessions/${session.id}/input`, { method: 'POST', body: JSON.stringify({ data: 'while silent' }) });
  await eventually(
    () => viewer.client.state(),
    (state) => state === 'reconnecting',
    { what: 'the silence is noticed', timeoutMs: 50_000 },
  );
  // Promised: 10 s; five times that is the most a loaded machine may take.
  expect(performance.now() - since).toBeLessThan(50_000);
  proxy.restore();
  await viewer.waitFor('while silent');
  expect(viewer.text).toBe('ready\nwhile silent');
  expect(viewer.breaks).toBe(0);
});

test('S61: a viewer that reads nothing while 50 MB are printed holds back nobody, costs the server its window, and has the present screen as soon as it reads again', async () => {
  await using behind = await startBehindProxy();
  const { server, proxy, url } = behind;
  const session = await create(server, ['bash', '-c', 'read go; head -c 50000000 /dev/zero | tr "\\0" x; echo; echo the end']);
  await using stalled = attachViewer({ url, token: server.token, sessionId: session.id, timings: PATIENT, skips: true });
  await using other = attachViewer({ url: server.url, token: server.token, sessionId: session.id, keepText: false });
  await stalled.attached();
  await other.attached();
  proxy.hold();
  const down = proxy.bytesDown;
  await other.type('go\r');
  const { endOffset } = await eventually(
    async () => (await (await server.api(`/api/sessions/${session.id}`)).json()) as Session,
    ({ alive }) => !alive,
    { what: 'it has printed all', timeoutMs: 90_000 },
  );
  await eventually(
    () => other.offset,
    (offset) => offset === endOffset,
    { what: 'the other one is at the end' },
  );
  expect(other.breaks).toBe(0);
  expect(endOffset).toBeGreaterThan(50_000_000);
  // The emulator has seen all of it, too: it may be slower than a viewer that only counts.
  await eventually(
    async () => (await server.api(`/api/sessions/${session.id}/screen?format=json&minOffset=${endOffset}`)).status,
    (status) => status === 200,
    { what: 'the screen at the end', timeoutMs: 60_000 },
  );
  const since = performance.now();
  proxy.release();
  await eventually(
    () => stalled.offset,
    (offset) => offset === endOffset,
    { what: 'the stalled one is at the end' },
  );
  // Promised: 300 ms.
  expect(performance.now() - since).toBeLessThan(SLACK * 300);
  // What was on its way, and a screen.
  expect(proxy.bytesDown - down).toBeLessThan(2 * 1024 * 1024);
  expect(stalled.breaks).toBe(0);
  expect(stalled.events.some((event) => event.type === 'snapshot' && event.reason === 'behind')).toBe(true);
  await eventually(
    () => stalled.events.some(({ type }) => type === 'exit'),
    (isTold) => isTold,
    { what: 'the end is told' },
  );
}, 120_000);

test('a viewer so far behind that what it has not seen is trimmed gets the present screen on the same attachment, and goes on from there', async () => {
  await using server = await startTestServer();
  const command = ['bash', '-c', 'read go; yes "more and more of it" | head -c 40000000; echo; echo the end'];
  const body = JSON.stringify({ command, maxHistoryBytes: 1024 * 1024 });
  const session = (await (await server.api('/api/sessions', { method: 'POST', body })).json()) as Session;
  await using stalled = attachViewer({ url: server.url, token: server.token, sessionId: session.id });
  await stalled.attached();
  stalled.acknowledging = false;
  await stalled.type('go\r');
  await eventually(
    async () => (await (await server.api(`/api/sessions/${session.id}`)).json()) as Session,
    ({ alive, firstOffset }) => !alive && firstOffset > 1_000_000,
    { what: 'it has printed, and most of that is gone', timeoutMs: 60_000 },
  );
  stalled.acknowledging = true;
  const { offset } = stalled;
  await stalled.client.api.session.ack.mutate({ sessionId: session.id, viewerId: stalled.id, offset });
  const { endOffset } = (await (await server.api(`/api/sessions/${session.id}`)).json()) as Session;
  await eventually(
    () => stalled.offset,
    (reached) => reached === endOffset,
    { what: 'it is at the end' },
  );
  expect(stalled.errors).toEqual([]);
  expect([stalled.hellos, stalled.breaks]).toEqual([1, 0]);
  expect(stalled.events.some((event) => event.type === 'snapshot' && event.reason === 'behind')).toBe(true);
  await eventually(
    () => stalled.events.some(({ type }) => type === 'exit'),
    (isTold) => isTold,
    { what: 'the end is told' },
  );
}, 120_000);

test('a flood stays close to its emulator while a viewer is shown screens instead of it: ^C does not wait for what came before', async () => {
  await using behind = await startBehindProxy();
  const { server, proxy, url } = behind;
  const session = await create(server, ['bash', '-c', 'read -r; exec yes']);
  const get = async (): Promise<Session> => (await (await server.api(`/api/sessions/${session.id}`)).json()) as Session;
  /** Throws when there is none: a signal to 0 would be one to ourselves. */
  const screensPid = async (): Promise<number> => {
    const { screens } = (await (await server.api('/api/status')).json()) as Status;
    if (screens === null) throw new Error('no process keeps screens');
    return screens.pid;
  };
  /** How far the program gets while its emulator stands still (bytes). */
  const runsAhead = async (upTo: number): Promise<number> => {
    const pid = await screensPid();
    process.kill(pid, 'SIGSTOP');
    try {
      const { endOffset: from } = await get();
      let [ahead, last] = [0, -1];
      for (; ahead < upTo && ahead !== last; ahead = (await get()).endOffset - from) {
        last = ahead;
        await sleep(STANDS_STILL_MS);
      }
      return ahead;
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  };
  {
    await using viewer = attachViewer({ url, token: server.token, sessionId: session.id, skips: true });
    await viewer.attached();
    proxy.setConditions({ bytesPerSecond: 100_000, delayMs: 20 });
    await viewer.type('\r');
    await eventually(
      () => viewer.events.filter((event) => event.type === 'snapshot' && event.reason === 'behind').length,
      (count) => count > 3,
      { what: 'it is shown screens', timeoutMs: 20_000 },
    );
    // Half a megabyte, and what was on its way.
    expect(await runsAhead(2 * MIB)).toBeLessThan(MIB);
  }
  // Nobody looks any more: the program may go on without it.
  await eventually(
    async () => runsAhead(2 * MIB),
    (ahead) => ahead >= 2 * MIB,
    { what: 'it runs ahead again', timeoutMs: 30_000 },
  );
}, 90_000);

test('the watch shows sessions as they come, change and go', async () => {
  await using server = await startTestServer();
  const { createClient } = await import('@cotg/api/client');
  const client = createClient({ url: server.url, token: server.token });
  const seen: string[] = [];
  const subscription = client.api.session.watch.subscribe(undefined, {
    onData: ({ data }) => {
      if (data.type === 'list') seen.push(`list ${data.sessions.length}`);
      else if (data.type === 'session') seen.push(`session ${data.session.state}`);
      else seen.push('removed');
    },
  });
  await eventually(
    () => seen,
    (all) => all.includes('list 0'),
    { what: 'the empty list' },
  );
  const session = await create(server, ['sleep', '1000']);
  await server.api(`/api/sessions/${session.id}?purge=1`, { method: 'DELETE' });
  await eventually(
    () => seen,
    (all) => all.includes('session running') && all.includes('session killed') && all.includes('removed'),
    { what: 'its whole life' },
  );
  subscription.unsubscribe();
  await client.close();
});

test('a wrong token is told apart from a dead server: the client stops', async () => {
  await using server = await startTestServer();
  const { createClient } = await import('@cotg/api/client');
  const states: string[] = [];
  const client = createClient({ url: server.url, token: 'x'.repeat(43), onState: (state) => states.push(state) });
  await eventually(
    () => states,
    (all) => all.includes('signed-out'),
    { what: 'it knows that it is signed out' },
  );
  expect(client.state()).toBe('signed-out');
  await client.close();
});
