// Requirements 43 to 48 and 50 on the whole way: a program on a real terminal, the host, the journal, the emulator, a viewer.
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Session } from '@cotg/api';
import { eventually, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';
import { attachViewer } from '../../../testing/viewer.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => server.close());

async function create(command: readonly string[], more: object = {}): Promise<Session> {
  const response = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command, ...more }) });
  if (response.status !== 201) throw new Error(await response.text());
  return (await response.json()) as Session;
}

const sessionOf = async (id: string): Promise<Session> => (await (await server.api(`/api/sessions/${id}`)).json()) as Session;
const textOf = async (id: string): Promise<string> => (await server.api(`/api/sessions/${id}/screen`)).text();
const rawOf = async (id: string): Promise<Buffer> =>
  Buffer.from(await (await server.api(`/api/sessions/${id}/history?format=raw`)).arrayBuffer());

async function screenShows(id: string, text: string): Promise<void> {
  await eventually(
    () => textOf(id),
    (screen) => screen.includes(text),
    { what: `the screen shows ${text}`, timeoutMs: 60_000 },
  );
}

interface Weights {
  readonly server: number;
  readonly host: number;
  readonly screens: number;
}

async function weights(): Promise<Weights> {
  const { host, screens } = (await (await server.api('/api/status')).json()) as { host: { pid: number }; screens: { pid: number } | null };
  const mib = (pid: number): number => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  return { server: mib(server.pid), host: mib(host.pid), screens: screens ? mib(screens.pid) : 0 };
}

/** Prints a file byte for byte, then waits. */
const printing = (file: string): string[] => ['bash', '-c', `stty raw -echo; cat '${file}'; exec cat > /dev/null`];

async function printed(bytes: Buffer, name: string, more: object = {}): Promise<Session> {
  const file = join(server.dataDir, name);
  writeFileSync(file, bytes);
  const { id } = await create(printing(file), more);
  return eventually(
    () => sessionOf(id),
    ({ endOffset }) => endOffset >= bytes.length,
    { what: `${bytes.length} bytes are stored`, timeoutMs: 60_000 },
  );
}

test('S43: the clipboard is asked for and set by a program, and neither is answered: nothing is typed to it', async () => {
  const typed = join(server.dataDir, 'clipboard');
  const script = String.raw`stty raw -echo; printf '\033]52;c;?\007\033]52;p;?\033\\\033]52;c;cm0gLXJm\007\033[5n'; exec cat > '${typed}'`;
  const { id } = await create(['bash', '-c', script]);
  await using viewer = attachViewer({ url: server.url, token: server.token, sessionId: id });
  await viewer.attached();
  // The answer to the question behind them (are you well?) says that they were read.
  await eventually(
    () => readFileSync(typed, 'latin1'),
    (text) => text.includes('\u001b[0n'),
    { what: 'the last question was answered' },
  );
  expect(readFileSync(typed, 'latin1')).toBe('\u001b[0n');
});

test('S46: the title of a program is a short plain line, also after its screen was put away and taken out again', async () => {
  const title = `ab\u202ec\u2066d\u0001e${'x'.repeat(5000)}`;
  const { id } = await printed(Buffer.from(`\u001b]2;${title}\u001b\\ready`), 'title');
  await screenShows(id, 'ready');
  const before = await eventually(
    () => sessionOf(id),
    (session) => session.title.startsWith('a'),
    { what: 'the title' },
  );
  expect(before.title.length).toBeLessThanOrEqual(256);
  expect(before.title).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
  // Away with all that is in memory: what comes now is from the stored screen.
  await server.kill('SIGTERM');
  await server.start();
  await screenShows(id, 'ready');
  expect((await sessionOf(id)).title).toBe(before.title);
  const screen = (await (await server.api(`/api/sessions/${id}/screen?format=json`)).json()) as { title: string };
  expect(screen.title).toBe(before.title);
});

test('S47: a flood of bells, titles and notifications reaches a viewer ten times a second at most, and nothing grows', async () => {
  const piece = Array.from({ length: 1000 }, (_, n) => `\u0007\u001b]2;title ${n}\u0007\u001b]9;note ${n}\u0007`).join('');
  const file = join(server.dataDir, 'flood');
  writeFileSync(file, piece);
  const { id } = await create(['bash', '-c', `read x; for n in $(seq 300); do cat '${file}'; done; echo flooded; exec sleep 1000`]);
  await using viewer = attachViewer({ url: server.url, token: server.token, sessionId: id, skips: true, keepText: false });
  await viewer.attached();
  const before = await weights();
  const since = performance.now();
  await viewer.type('\r');
  await screenShows(id, 'flooded');
  const tenths = Math.ceil((performance.now() - since) / 100);
  const count = (type: string): number => viewer.events.filter((event) => event.type === type).length;
  expect(count('title')).toBeGreaterThan(0);
  expect(count('title')).toBeLessThanOrEqual(tenths + 2);
  expect(count('bell')).toBeLessThanOrEqual(tenths / 10 + 2);
  expect(count('attention')).toBeLessThanOrEqual(2 * (4 + tenths / 100));
  const after = await weights();
  expect(after.host - before.host).toBeLessThan(100);
  expect(after.server - before.server).toBeLessThan(100);
  expect(after.screens).toBeLessThan(250);
});

const MEGABYTE = 1024 * 1024;

test.each([
  ['a title', '\u001b]2;', '\u001b\\'],
  ['a link', '\u001b]8;;https://example.com/', '\u001b\\'],
  ['a clipboard', '\u001b]52;c;', '\u0007'],
  ['a device control string', '\u001bP$q', '\u001b\\'],
  ['a picture (sixel)', '\u001bPq#0;2;0;0;0', '\u001b\\'],
  ['an application string', '\u001b_', '\u001b\\'],
  ['a string of privacy', '\u001b^', '\u0018'],
  ['a sequence of parameters', '\u001b[', 'm'],
  ['marks on one character', 'x', ''],
])(
  'S48: %s of 24 MB, in the end never ended, costs no process more than its limits, and the terminal goes on',
  async (what, start, end) => {
    const before = await weights();
    const unit = what.startsWith('marks') ? '\u0301' : what.startsWith('a sequence') ? '1;' : 'y';
    const body = unit.repeat((12 * MEGABYTE) / Buffer.byteLength(unit));
    const name = `huge-${what.replaceAll(/\W/g, '-')}`;
    // Once whole, once without an end; what follows cancels it (ECMA-48: CAN).
    const bytes = Buffer.from(`${start}${body}${end}${start}${body}`);
    const { id } = await printed(bytes, name, { maxHistoryBytes: 8 * MEGABYTE });
    await using viewer = attachViewer({ url: server.url, token: server.token, sessionId: id, skips: true, keepText: false });
    await viewer.attached();
    const after = await weights();
    expect(after.host - before.host).toBeLessThan(120);
    expect(after.server - before.server).toBeLessThan(120);
    expect(after.screens).toBeLessThan(300);
    await server.api(`/api/sessions/${id}`, { method: 'DELETE' });
    // The next run of it and the other sessions are as usable as ever.
    const { id: other } = await create([
      'bash',
      '-c',
      String.raw`printf '${start.replace('\u001b', String.raw`\033`).replaceAll('$', String.raw`$`)}yyy\030'; echo usable; exec sleep 1000`,
    ]);
    await screenShows(other, 'usable');
  },
);

test('S48: a string that never ends leaves the session usable once it is cancelled', async () => {
  const script = String.raw`printf '\033]2;'; head -c 30000000 /dev/zero | tr '\0' y; printf '\030'; echo usable; exec cat`;
  const { id } = await create(['bash', '-c', script], { maxHistoryBytes: 4 * MEGABYTE });
  await screenShows(id, 'usable');
  await server.api(`/api/sessions/${id}/input`, { method: 'POST', body: JSON.stringify({ data: 'typed\n' }) });
  await screenShows(id, 'typed');
});

const TRICKY: readonly (readonly [string, Buffer])[] = [
  ['invalid UTF-8', Buffer.from(Array.from({ length: 4 * 256 }, (_, n) => n % 256))],
  [
    'lone surrogates and forms that are too long',
    Buffer.from([0xed, 0xa0, 0x80, 0xed, 0xbf, 0xbf, 0xc0, 0x80, 0xe0, 0x80, 0x80, 0xf4, 0x90, 0x80, 0x80, 0xf8, 0x88]),
  ],
  ['a byte order mark', Buffer.from('\ufeffa\ufeff')],
  ['half a character at the end', Buffer.concat([Buffer.from('x'), Buffer.from('🙂').subarray(0, 3)])],
  // One byte more than a multiple: every border of a piece of the journal falls into a character.
  ['characters of four bytes over every border', Buffer.concat([Buffer.from('a'), Buffer.from('🙂'.repeat(700_000))])],
  ['escapes over every border', Buffer.from(`b${'\u001b[1;31mx\u001b[0m'.repeat(250_000)}`)],
];

test.each(TRICKY)('S50: %s is stored as it was written', async (name, bytes) => {
  const { id } = await printed(bytes, name.replaceAll(/\W/g, '-'), { maxHistoryBytes: 16 * MEGABYTE });
  const raw = await rawOf(id);
  expect(raw.length).toBe(bytes.length);
  expect(raw.equals(bytes)).toBe(true);
});

test('S50: written byte by byte, escapes and characters come out as one', async () => {
  const text = 'a\u001b[1;38;2;10;20;30m宽🙂e\u0301\u001b[0m\u001b]2;t🙂t\u0007\u001b[2Cz';
  const file = join(server.dataDir, 'bytes');
  writeFileSync(file, text);
  const program = `const b=require('fs').readFileSync(${JSON.stringify(file)});let n=0;const next=()=>n<b.length?process.stdout.write(b.subarray(n,++n),()=>setImmediate(next)):setInterval(()=>{},1e6);next()`;
  const { id } = await create(['bash', '-c', `stty raw -echo; exec '${process.execPath}' -e "$PROGRAM"`], { env: { PROGRAM: program } });
  await screenShows(id, 'z');
  expect((await rawOf(id)).toString('utf8')).toBe(text);
  expect((await textOf(id)).split('\n')[0]).toBe('a宽🙂e\u0301  z');
  expect((await sessionOf(id)).title).toBe('t🙂t');
});

test('a frame that breaks the protocol ends its socket and is no failure of ours in the log', async () => {
  const before = server.output().length;
  const socket = connect({ port: server.port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  socket.write(
    [
      'GET /trpc HTTP/1.1',
      `Host: 127.0.0.1:${server.port}`,
      `Authorization: Bearer ${server.token}`,
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      '',
      '',
    ].join('\r\n'),
  );
  await once(socket, 'data');
  // Reserved bits, and no mask.
  socket.write(Buffer.from([0xf1, 0x01, 0x61]));
  socket.resume();
  await once(socket, 'close');
  await server.api('/api/status');
  expect(server.output().slice(before)).not.toContain('"level":50');
});
