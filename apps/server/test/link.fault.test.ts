// Links that stall, break and come back; processes that are stopped and go on; many devices at once.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Screen, Session } from '@cotg/api';
import { errorCodeOf } from '@cotg/api/client';
import { makeRandom } from '@cotg/pty/testing';
import { openScreenViewer } from '../../../testing/screen-viewer.ts';
import type { ScreenViewer } from '../../../testing/screen-viewer.ts';
import { startBehindProxy } from '../../../testing/behind-proxy.ts';
import { eventually, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';
import { attachViewer } from '../../../testing/viewer.ts';
import type { TestViewer } from '../../../testing/viewer.ts';

const FULL_SET = process.env['COTG_FAULTS'] === 'full';
const SEED = Number(process.env['COTG_SEED'] ?? Date.now() % 1_000_000_000);
/** A figure fails a test at five times its value: the machine may be loaded. */
const SLACK = 5;
/** What the quick set shortens: a process stays stopped for so long, a bad link lasts so long, so many clients come back at once. */
const STOPPED_MS = FULL_SET ? 60_000 : 8000;
const BAD_LINK_MS = FULL_SET ? 600_000 : 20_000;
const RESET_EVERY_MS = FULL_SET ? 10_000 : 4000;
const STORM_CLIENTS = FULL_SET ? 500 : 60;
const NOTICED_MS = 5000;

async function create(server: TestServer, script: string): Promise<string> {
  const response = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command: ['bash', '-c', script] }) });
  if (response.status !== 201) throw new Error(await response.text());
  return ((await response.json()) as Session).id;
}

const get = async (server: TestServer, id: string): Promise<Session> => (await (await server.api(`/api/sessions/${id}`)).json()) as Session;

const rawOf = async (server: TestServer, id: string): Promise<string> =>
  Buffer.from(await (await server.api(`/api/sessions/${id}/history?format=raw`)).arrayBuffer()).toString('latin1');

const screenOf = async (server: TestServer, id: string): Promise<Screen> => {
  const { endOffset } = await get(server, id);
  return (await (await server.api(`/api/sessions/${id}/screen?format=json&minOffset=${endOffset}`)).json()) as Screen;
};

const rssMiB = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1024;

/** Time on processors of a process so far (s; clock ticks of 10 ms). */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Numbered lines without end, some kilobytes a second. */
const NUMBERS = 'n=0; while :; do n=$((n + 1)); echo "number $n"; [ $((n % 20)) = 0 ] && sleep 0.02; done';

/** Every number from the first kept one on, once. */
function expectNumbers(text: string): void {
  const numbers = [...text.matchAll(/number (\d+)\r\n/g)].map((match) => Number(match[1]));
  expect(numbers.length).toBeGreaterThan(100);
  expect(numbers.findIndex((number, at) => number !== at + 1)).toBe(-1);
}

async function isAtEnd(server: TestServer, id: string, viewer: ScreenViewer): Promise<void> {
  // Whatever is still printed: both are compared where both are.
  const { theirs, hash } = await eventually(
    async () => ({ theirs: await screenOf(server, id), at: viewer.parsedOffset, hash: viewer.hash() }),
    ({ theirs, at }) => theirs.offset === at && viewer.pendingInputs === 0,
    { what: 'the viewer is at the end', timeoutMs: 60_000 },
  );
  expect(hash).toBe(theirs.hash);
  expect(viewer.holes).toBe(0);
}

test('F12: a server that is stopped and goes on: clients notice, the host keeps its bounds and stores all, and viewers go on', async () => {
  await using behind = await startBehindProxy();
  const { server } = behind;
  const id = await create(server, `read; (${NUMBERS}) & read; kill %1; wait; exec cat`);
  const flood = await create(server, 'read; yes | head -c 100000000; exec cat');
  await using viewer = openScreenViewer({ url: server.url, token: server.token, sessionId: id });
  await using watcher = attachViewer({ url: server.url, token: server.token, sessionId: flood, keepText: false });
  await viewer.attached();
  await watcher.attached();
  viewer.type('\r');
  await viewer.waitForScreen(/number \d+/);
  await watcher.type('\r');
  await eventually(
    () => watcher.offset,
    (offset) => offset > 1_000_000,
    { what: 'the flood' },
  );
  const host = await server.hostPid();
  const before = rssMiB(host);
  process.kill(server.pid, 'SIGSTOP');
  try {
    const since = performance.now();
    await eventually(
      () => viewer.client.state(),
      (state) => state === 'reconnecting',
      { what: 'the client notices', timeoutMs: SLACK * NOTICED_MS },
    );
    await sleep(Math.max(0, STOPPED_MS - (performance.now() - since)));
    // The flood goes on into the journal; what waits for the server is not kept.
    expect(rssMiB(host) - before).toBeLessThan(64);
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
  await eventually(
    () => viewer.client.state(),
    (state) => state === 'live',
    { what: 'the client is back', timeoutMs: 60_000 },
  );
  viewer.type('\r');
  await isAtEnd(server, id, viewer);
  expectNumbers(await rawOf(server, id));
}, 240_000);

test('F13: a host that is stopped: viewers and callers are told within 5 s, what needs no host works, and nothing is lost', async () => {
  await using behind = await startBehindProxy();
  const { server } = behind;
  const id = await create(server, `read; (${NUMBERS}) & read; kill %1; wait; exec cat`);
  await using viewer = attachViewer({ url: server.url, token: server.token, sessionId: id });
  await viewer.attached();
  await viewer.type('\r');
  await viewer.waitFor('number 10\r\n');
  const host = await server.hostPid();
  const notices = (): string[] => viewer.events.flatMap((event) => (event.type === 'notice' ? [event.code] : []));
  process.kill(host, 'SIGSTOP');
  const since = performance.now();
  try {
    const asked = server
      .api('/api/sessions')
      .then(async (response) => ({ status: response.status, body: (await response.json()) as object, atMs: performance.now() - since }));
    await eventually(notices, (codes) => codes.includes('HOST_NOT_ANSWERING'), {
      what: 'the viewer is told',
      timeoutMs: SLACK * NOTICED_MS,
    });
    expect(performance.now() - since).toBeLessThan(SLACK * NOTICED_MS);
    const { status, body, atMs } = await asked;
    expect(status).toBe(503);
    expect(body).toMatchObject({ code: 'HOST_UNREACHABLE' });
    expect(atMs).toBeLessThan(SLACK * NOTICED_MS);
    // Who lets devices in needs no host, nor does the page itself.
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    await viewer.client.api.pairing.start.mutate();
    expect(viewer.hellos).toBe(1);
    await sleep(Math.max(0, STOPPED_MS - (performance.now() - since)));
  } finally {
    process.kill(host, 'SIGCONT');
  }
  await eventually(notices, (codes) => codes.at(-1) === 'HOST_ANSWERING', {
    what: 'the viewer is told that it is back',
    timeoutMs: 60_000,
  });
  const { offset } = viewer;
  await eventually(
    () => viewer.offset,
    (now) => now > offset,
    { what: 'output goes on' },
  );
  await viewer.type('\r');
  expect(viewer.breaks).toBe(0);
  expect(await server.hostPid()).toBe(host);
  expectNumbers(await rawOf(server, id));
}, 240_000);

test(`F49: a link of 8 kB/s and 300 ms that stalls and is reset again and again: every key is typed once, and the screen is exact (seed ${SEED})`, async () => {
  const random = makeRandom(SEED);
  const folder = mkdtempSync(join(tmpdir(), 'cotg-test-'));
  try {
    await using behind = await startBehindProxy();
    const { server, proxy, url } = behind;
    const log = join(folder, 'typed');
    const id = await create(server, `stty raw -echo; exec tee '${log}'`);
    await using viewer = openScreenViewer({ url, token: server.token, sessionId: id });
    await viewer.attached();
    proxy.setConditions({ bytesPerSecond: 8000, delayMs: 150 });
    let typed = '';
    let nextReset = performance.now() + RESET_EVERY_MS;
    for (let end = performance.now() + BAD_LINK_MS, n = 1; performance.now() < end; n += 1) {
      if (viewer.type(`${n};`)) typed += `${n};`;
      await sleep(100 + random.below(100));
      if (random.below(100) < 5) {
        proxy.hold();
        await sleep(500);
        proxy.release();
      }
      if (performance.now() > nextReset) {
        proxy.cut();
        nextReset = performance.now() + RESET_EVERY_MS;
      }
    }
    await isAtEnd(server, id, viewer);
    expect(viewer.refusals).toEqual([]);
    expect(readFileSync(log, 'utf8')).toBe(typed);
    expect(await rawOf(server, id)).toBe(typed);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 900_000);

test('F50: a link that goes silent without closing: both sides notice, and somebody else sets the size', async () => {
  await using behind = await startBehindProxy();
  const { server, proxy, url } = behind;
  const id = await create(server, 'exec cat');
  await using gone = attachViewer({ url, token: server.token, sessionId: id, cols: 90, rows: 30 });
  await gone.attached();
  await using other = attachViewer({ url: server.url, token: server.token, sessionId: id, cols: 70, rows: 20 });
  await other.attached();
  const controller = (): string | null | undefined =>
    other.events.findLast((event): event is Extract<typeof event, { type: 'control' }> => event.type === 'control')?.viewerId;
  expect((await get(server, id)).viewers).toBe(2);
  proxy.silence();
  await eventually(
    () => gone.client.state(),
    (state) => state === 'reconnecting',
    { what: 'the client notices', timeoutMs: SLACK * 10_000 },
  );
  await eventually(
    async () => [(await get(server, id)).viewers, controller()] as const,
    ([viewers, sizes]) => viewers === 1 && sizes === other.id,
    { what: 'the server notices', timeoutMs: SLACK * 30_000 },
  );
}, 240_000);

test('F49: a large screen of changing colours comes over a link of 8 kB/s at the first try, and a paste goes back over it whole', async () => {
  await using behind = await startBehindProxy();
  const { server, proxy, url } = behind;
  // Nothing that can be compressed much.
  const next = 'r = (r * 1103515245 + 12345) % 2147483648, (r >> 8) % 256';
  const paint = `let r = 1; for (let i = 0; i < 30000; i += 1) s += "\\u001b[38;2;" + (${next}) + ";" + (${next}) + ";" + (${next}) + "m" + String.fromCharCode(33 + (${next}) % 90);`;
  const script = `node -e '${'let s = ""; ' + paint + ' process.stdout.write(s)'}'; echo; echo painted; stty raw -echo; head -c 80000 | cksum; exec cat`;
  const response = await server.api('/api/sessions', {
    method: 'POST',
    body: JSON.stringify({ command: ['bash', '-c', script], cols: 300, rows: 90 }),
  });
  const { id } = (await response.json()) as Session;
  await eventually(
    () => rawOf(server, id),
    (text) => text.includes('painted'),
    { what: 'it is painted', timeoutMs: 60_000 },
  );
  proxy.setConditions({ delayMs: 75, bytesPerSecond: 8000 });
  await using viewer = openScreenViewer({ url, token: server.token, sessionId: id, cols: 300, rows: 90 });
  await eventually(
    () => viewer.parsedOffset,
    (offset) => offset > 0,
    { what: 'the screen is there', timeoutMs: 120_000 },
  );
  expect(viewer.counts.get('hello')).toBe(1);
  const text = 'x'.repeat(80_000);
  viewer.type(text);
  await viewer.waitForScreen(/\d+ 80000/, 120_000);
  await isAtEnd(server, id, viewer);
  expect(viewer.counts.get('hello')).toBe(1);
  expect(viewer.refusals).toEqual([]);
}, 400_000);

test('F54: the size stays with whoever set it: over a cut, and over a restart of the server though the other one is back first', async () => {
  await using behind = await startBehindProxy();
  const { server, proxy, url } = behind;
  const id = await create(server, `trap 'echo resized' WINCH; while :; do read -r -t 1; done`);
  await using phone = openScreenViewer({ url, token: server.token, sessionId: id, cols: 60, rows: 20 });
  await phone.attached();
  await using desk = openScreenViewer({ url: server.url, token: server.token, sessionId: id, cols: 150, rows: 50 });
  await desk.attached();
  // A script that only listens has no size to set.
  await using script = attachViewer({ url: server.url, token: server.token, sessionId: id });
  await script.attached();
  const hellos = (): number => phone.counts.get('hello') ?? 0;
  const back = (count: number): Promise<number> =>
    eventually(hellos, (now) => now === count, { what: `hello number ${count}`, timeoutMs: 60_000 });
  expect(phone.grid).toEqual({ cols: 60, rows: 20 });
  const marks = (await get(server, id)).cols;

  proxy.cut();
  await back(2);
  expect((await get(server, id)).cols).toBe(marks);
  expect(phone.isController).toBe(true);

  // The phone comes a moment later.
  proxy.setTarget(1);
  await server.kill('SIGKILL');
  await server.start();
  await eventually(
    () => desk.counts.get('hello'),
    (hellos) => hellos === 2,
    { what: 'the other one is back', timeoutMs: 60_000 },
  );
  proxy.setTarget(server.port);
  await back(3);
  await eventually(
    () => [phone.isController, desk.isController] as const,
    ([isPhone, isDesk]) => isPhone && !isDesk,
    { what: 'the size is the phone’s again' },
  );
  await eventually(
    () => [phone.grid, desk.grid],
    (grids) => grids.every(({ cols, rows }) => cols === 60 && rows === 20),
    { what: 'both show its grid' },
  );
  // The first size was a resize, too: none came behind it.
  expect((await rawOf(server, id)).match(/resized/g)?.length ?? 0).toBeLessThanOrEqual(1);
}, 240_000);

test('F54: two devices that are cut together, again and again: the size stays with the one that set it, as it is now', async () => {
  await using behind = await startBehindProxy();
  const { server, proxy, url } = behind;
  const id = await create(server, 'exec cat');
  await using phone = openScreenViewer({ url, token: server.token, sessionId: id, cols: 60, rows: 40 });
  await phone.attached();
  await using desk = openScreenViewer({ url, token: server.token, sessionId: id, cols: 150, rows: 50 });
  await desk.attached();
  // A keyboard slides in.
  await phone.want(60, 23);
  for (let cut = 1; cut <= 6; cut += 1) {
    proxy.cut();
    await eventually(
      () => [phone, desk].map(({ counts }) => counts.get('hello')),
      (hellos) => hellos.every((count) => count === cut + 1),
      { what: 'both are back', timeoutMs: 60_000 },
    );
    expect([phone.isController, desk.isController]).toEqual([true, false]);
  }
  const entries = await (await server.api(`/api/sessions/${id}/history?format=entries`)).text();
  const sizes = [...entries.matchAll(/"kind":"resize".*"cols":(\d+),"rows":(\d+)/g)].map(([, cols, rows]) => `${cols}x${rows}`);
  expect(sizes.slice(-2)).toEqual(['60x40', '60x23']);
}, 240_000);

test(`F51: ${STORM_CLIENTS} clients come back at once after the server was killed: all are back in time, at a bounded cost`, async () => {
  await using server = await startTestServer({ from: 'dist' });
  const id = await create(server, 'echo here; exec cat');
  const viewers: TestViewer[] = [];
  try {
    for (let n = 0; n < STORM_CLIENTS; n += 1)
      viewers.push(attachViewer({ url: server.url, token: server.token, sessionId: id, keepText: false }));
    for (const viewer of viewers) await viewer.attached();
    await server.kill('SIGKILL');
    await server.start();
    const since = performance.now();
    await eventually(
      () => viewers.filter(({ hellos, offset }) => hellos === 2 && offset >= 0).length,
      (back) => back === STORM_CLIENTS,
      { what: 'all are back', timeoutMs: SLACK * 30_000 },
    );
    expect(performance.now() - since).toBeLessThan(SLACK * 30_000);
    // A client costs some milliseconds; 50 would mean that they come again and again.
    expect(cpuSeconds(server.pid)).toBeLessThan(SLACK * (1 + STORM_CLIENTS * 0.05));
    expect((await get(server, id)).viewers).toBe(STORM_CLIENTS);
  } finally {
    for (const viewer of viewers) await viewer[Symbol.asyncDispose]();
  }
}, 300_000);

test('F53: five devices on one session, one of which reads nothing: no byte is lost, one sets the size, and another takes that over', async () => {
  await using behind = await startBehindProxy();
  const { server, proxy, url } = behind;
  const id = await create(server, 'stty raw -echo opost; read -r; seq 1 20000; exec cat');
  const open = (address: string, cols: number): TestViewer =>
    attachViewer({ url: address, token: server.token, sessionId: id, cols, rows: 24 });
  await using first = open(server.url, 80);
  await first.attached();
  await using second = open(server.url, 100);
  await using third = open(server.url, 60);
  await using fourth = open(server.url, 120);
  await using hostile = open(url, 200);
  for (const viewer of [second, third, fourth, hostile]) await viewer.attached();
  hostile.acknowledging = false;
  proxy.hold();
  const resize = (viewer: TestViewer, cols: number): Promise<unknown> =>
    viewer.client.api.session.resize.mutate({ sessionId: id, viewerId: viewer.id, cols, rows: 24 });
  await second.type('\n');
  for (let cols = 50; cols < 90; cols += 1) {
    await resize(first, cols);
    const refused = await resize(second, 100 + cols).then(
      () => undefined,
      (error: unknown) => errorCodeOf(error),
    );
    expect(refused).toBe('NOT_CONTROLLER');
  }
  expect((await get(server, id)).cols).toBe(89);
  await third.client.api.session.takeControl.mutate({ sessionId: id, viewerId: third.id, cols: 61, rows: 21 });
  await expect(resize(first, 70)).rejects.toMatchObject({ data: { code: 'CONFLICT' } });
  expect(await get(server, id)).toMatchObject({ cols: 61, rows: 21 });
  const all = Array.from({ length: 20_000 }, (_, n) => `${n + 1}\r\n`).join('');
  for (const viewer of [first, second, third, fourth]) {
    await viewer.waitFor(/(^|\n)20000\r\n/);
    expect(viewer.breaks).toBe(0);
  }
  expect(await rawOf(server, id)).toBe(all);
  // It leaves: the latest other one sets the size, and its own size is asked for by nobody.
  await third[Symbol.asyncDispose]();
  const controllerOf = (viewer: TestViewer): string | null | undefined =>
    viewer.events.findLast((event): event is Extract<typeof event, { type: 'control' }> => event.type === 'control')?.viewerId;
  await eventually(
    () => controllerOf(first),
    (sizes) => sizes === hostile.id || sizes === fourth.id,
    { what: 'another one sets the size' },
  );
  proxy.release();
}, 120_000);

test('F54: the address of a device changes: it is back within 2 s, with everything', async () => {
  await using behind = await startBehindProxy();
  const { server, proxy, url } = behind;
  const id = await create(server, 'stty raw -echo; exec cat');
  await using viewer = attachViewer({ url, token: server.token, sessionId: id });
  await viewer.attached();
  await viewer.type('before;');
  await viewer.waitFor('before;');
  proxy.setSource('127.0.0.7');
  proxy.cut();
  const since = performance.now();
  await viewer.type('after;');
  await viewer.waitFor('before;after;', SLACK * 2000);
  expect(performance.now() - since).toBeLessThan(SLACK * 2000);
  expect([viewer.hellos, viewer.breaks]).toEqual([2, 0]);
}, 60_000);
