// Frames that no good client sends, on the real server to the bit: SECURITY 58, 59.
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openRawWebSocket, wsFrame } from '../../../testing/raw-sockets.ts';
import type { RawWebSocket } from '../../../testing/raw-sockets.ts';
import { eventually, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';

const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0, 1, 2, 8, 9, 10] as const;
const MIB = 1024 * 1024;
const RSS_GROWTH_MIB = 20;
/** Answers that nobody reads may be 32 MiB, of a gigabyte that is asked; how soon the runtime gives them back is its own matter. */
const UNREAD_GROWTH_MIB = 40;

let server: TestServer;
let neighbour: RawWebSocket;
beforeAll(async () => {
  server = await startTestServer();
  neighbour = await open();
});
afterAll(async () => {
  neighbour[Symbol.dispose]();
  await server.close();
});

const open = (headers: readonly string[] = []): Promise<RawWebSocket> =>
  openRawWebSocket({ port: server.port, headers: [`Authorization: Bearer ${server.token}`, ...headers] });
const residentMiB = (): number => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1]) / 1024;

/** The one beside it still gets its answer. */
async function neighbourIsServed(): Promise<void> {
  const before = neighbour.messages.length;
  neighbour.send(wsFrame(TEXT, 'PING'));
  await eventually(
    () => neighbour.messages.length,
    (count) => count > before,
    { what: 'the socket beside it is answered' },
  );
  expect(neighbour.messages.at(-1)).toBe('PONG');
}

/** Resolves once it can be written again, or never will be. */
const drained = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.once('drain', done).once('close', done);
  });

const closeWith = (code: number, reason: Uint8Array | string = ''): Buffer => {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code);
  return wsFrame(CLOSE, Buffer.concat([head, Buffer.from(reason as string)]));
};

/** What is sent, and the codes with which the server may close (0: it just goes away). */
const MALFORMED: readonly (readonly [string, () => readonly Buffer[], readonly number[]])[] = [
  [
    '1-byte fragments without an end',
    () => [wsFrame(TEXT, 'x', { fin: false }), ...Array.from({ length: 200 }, () => wsFrame(CONTINUATION, 'x', { fin: false }))],
    [1008],
  ],
  [
    'empty fragments without an end',
    () => [wsFrame(TEXT, '', { fin: false }), ...Array.from({ length: 200 }, () => wsFrame(CONTINUATION, '', { fin: false }))],
    [1008],
  ],
  [
    'fragments above 1 MiB together',
    () => [wsFrame(TEXT, 'x'.repeat(600_000), { fin: false }), wsFrame(CONTINUATION, 'x'.repeat(600_000))],
    [1009],
  ],
  ['a frame above 1 MiB', () => [wsFrame(TEXT, 'x'.repeat(MIB + 1))], [1009]],
  ['a frame that claims 2^40 bytes', () => [wsFrame(TEXT, 'x', { length: 2 ** 40 })], [1009]],
  ['a frame that claims 2^62 bytes', () => [wsFrame(TEXT, 'x', { length: 2 ** 62 })], [1009]],
  ['a frame that claims 2^63 bytes', () => [wsFrame(TEXT, 'x', { length: 2 ** 63 })], [1009, 1002]],
  ['an unmasked frame', () => [wsFrame(TEXT, 'PING', { masked: false })], [1002]],
  ['reserved bit 2', () => [wsFrame(TEXT, 'x', { rsv: 2 })], [1002]],
  ['reserved bit 3', () => [wsFrame(TEXT, 'x', { rsv: 1 })], [1002]],
  ['all reserved bits', () => [wsFrame(TEXT, 'x', { rsv: 7 })], [1002]],
  ['the compressed bit, which nobody agreed on', () => [wsFrame(TEXT, 'x', { rsv: 4 })], [1002]],
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => [`opcode ${opcode}`, () => [wsFrame(opcode, 'x')], [1002]] as const),
  ['a continuation of nothing', () => [wsFrame(CONTINUATION, 'x')], [1002]],
  ['a message inside a message', () => [wsFrame(TEXT, 'x', { fin: false }), wsFrame(TEXT, 'y')], [1002]],
  ['a ping of 126 bytes', () => [wsFrame(PING, 'x'.repeat(126))], [1002]],
  ['a pong of 70,000 bytes', () => [wsFrame(PONG, 'x'.repeat(70_000))], [1002]],
  ['a ping in pieces', () => [wsFrame(PING, 'x', { fin: false })], [1002]],
  ['a close of one byte', () => [wsFrame(CLOSE, 'x')], [1002]],
  ['a close of 126 bytes', () => [wsFrame(CLOSE, 'x'.repeat(126))], [1002]],
  ...[0, 999, 1004, 1005, 1006, 1016, 2999, 5000, 65_535].map((code) => [`close code ${code}`, () => [closeWith(code)], [1002]] as const),
  ['a close reason that is no UTF-8', () => [closeWith(1000, Buffer.from([0xc3, 0x28, 0xff]))], [1007]],
  ['a text that is no UTF-8', () => [wsFrame(TEXT, Buffer.from([0xff, 0xfe, 0xc0, 0x80]))], [1007]],
  ['a text with a lone surrogate', () => [wsFrame(TEXT, Buffer.from([0xed, 0xa0, 0x80]))], [1007]],
  ['a text cut inside a character', () => [wsFrame(TEXT, Buffer.from([0xe2, 0x82]))], [1007]],
  ['bytes that are no frames', () => [Buffer.from(Array.from({ length: 4000 }, (_, n) => (n * 151 + 7) % 256))], [1002]],
  ['an HTTP request', () => [Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')], [1002]],
];

test('S59: each malformed frame ends its own socket, with a code, and nobody else’s; memory stays', async () => {
  // What the code itself takes once it has run.
  for (const [, frames] of MALFORMED) {
    using socket = await open();
    socket.send(...frames());
    await socket.closed;
  }
  const before = residentMiB();
  const wrong: string[] = [];
  for (const [what, frames, codes] of MALFORMED) {
    using socket = await open();
    socket.send(...frames());
    // It says its code and hangs up, at once or when its own closing time is over.
    const closed = await eventually(
      () => socket.closeFrame()?.code ?? (socket.socket.readyState === 'open' ? undefined : 0),
      (code) => code !== undefined,
      { what: `${what}: the socket is closed` },
    );
    if (!codes.includes(closed ?? -1)) wrong.push(`${what}: ${closed}`);
    await socket.closed;
    await neighbourIsServed();
  }
  expect(wrong).toEqual([]);
  expect(MALFORMED.length).toBeGreaterThan(35);
  expect(residentMiB() - before).toBeLessThan(RSS_GROWTH_MIB);
  expect(server.output()).not.toContain('server failed');
}, 60_000);

test('S59: extensions of any name are not spoken, and cost nothing', async () => {
  for (const name of [
    'constructor',
    '__proto__',
    'toString; x=1',
    'permessage-deflate',
    'permessage-deflate; server_max_window_bits=8',
    'permessage-bzip2',
    'a'.repeat(5000),
  ]) {
    const socket = await open([`Sec-WebSocket-Extensions: ${name}`]).catch((error: unknown) => (error as Error).message);
    if (typeof socket === 'string') {
      expect(socket).toMatch(/^HTTP\/1\.1 4\d\d/);
      continue;
    }
    expect(socket.head.toLowerCase()).not.toContain('sec-websocket-extensions');
    socket.send(wsFrame(TEXT, 'PING'));
    await eventually(
      () => socket.messages,
      (messages) => messages.includes('PONG'),
      { what: 'an answer' },
    );
    socket[Symbol.dispose]();
  }
  await neighbourIsServed();
});

test('S59: an upgrade that is not one is refused: key, version, method, doubled headers', async () => {
  const refused = async (headers: readonly string[]): Promise<string> =>
    open(headers).then(
      () => 'open',
      (error: unknown) => (error as Error).message.split('\r\n')[0] ?? '',
    );
  for (const headers of [
    ['Sec-WebSocket-Version: 12'],
    ['Sec-WebSocket-Key: short'],
    ['Sec-WebSocket-Protocol: ,,'],
    ['Sec-WebSocket-Protocol: a, a'],
    Array.from({ length: 2000 }, (_, n) => `A${n}: b`),
  ])
    expect([headers[0], await refused(headers)]).toEqual([headers[0], expect.stringMatching(/^HTTP\/1\.1 4\d\d/)]);
  await neighbourIsServed();
});

test.each([
  // The library ends a socket whose pongs pile up, without a word.
  ['pings', wsFrame(PING, 'x'.repeat(100))],
  ['messages', wsFrame(TEXT, 'PING')],
])(
  'S59, S60: a flood of %s whose answers are never read ends its socket; memory stays, and the others are served',
  async (_what, frame) => {
    const before = residentMiB();
    using socket = await open();
    socket.socket.pause();
    const flood = Buffer.concat(Array.from({ length: 50_000 }, () => frame));
    for (let n = 0; n < 200 && socket.socket.writable; n += 1) {
      if (!socket.socket.write(flood)) await drained(socket.socket);
    }
    await neighbourIsServed();
    socket.socket.resume();
    await socket.closed;
    await eventually(residentMiB, (now) => now - before < UNREAD_GROWTH_MIB, { timeoutMs: 45_000, what: 'memory is given back' });
  },
  60_000,
);

test('S58: the limits are set by name, within what is asked, on a version that knows them', async () => {
  const source = readFileSync(fileURLToPath(new URL('../src/http/trpc-ws.ts', import.meta.url)), 'utf8');
  const library = readFileSync(fileURLToPath(new URL('../node_modules/ws/lib/websocket-server.js', import.meta.url)), 'utf8');
  const value = (name: string): number => {
    const constant = new RegExp(`\\b${name}: ([A-Z_]+),`).exec(source)?.[1];
    const text = new RegExp(`const ${constant} = ([\\d_* ]+);`).exec(source)?.[1] ?? '';
    return text.split('*').reduce((product, factor) => product * Number(factor.replaceAll('_', '')), 1);
  };
  for (const [name, most] of [
    ['maxPayload', MIB],
    ['maxFragments', 64],
    ['maxBufferedChunks', 4096],
  ] as const) {
    expect(library).toContain(`${name}: this.options.${name}`);
    expect(value(name)).toBeGreaterThan(0);
    expect(value(name)).toBeLessThanOrEqual(most);
  }
  expect(source).toContain('perMessageDeflate: false');
  // As good clients send it: 1 MiB in one frame, and 64 pieces.
  using socket = await open();
  socket.send(
    wsFrame(BINARY, 'x'.repeat(MIB)),
    wsFrame(TEXT, 'P', { fin: false }),
    ...Array.from({ length: 60 }, () => wsFrame(CONTINUATION, '', { fin: false })),
    wsFrame(CONTINUATION, 'ING'),
  );
  await eventually(
    () => socket.messages,
    (messages) => messages.includes('PONG'),
    { what: 'both are taken' },
  );
  expect(socket.closeFrame()).toBeUndefined();
});
