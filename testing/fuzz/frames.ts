// Owns the fuzz of the WebSocket: frames that break RFC 6455, tRPC messages that are nearly right, with a valid token and with none.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { chance, HARMLESS_COMMANDS, leaksIn, mutateBytes, mutateJson, oddValue, pick } from './case.ts';
import type { Findings, FuzzStage, FuzzTarget, Random } from './case.ts';

/** A good answer takes milliseconds; five times what a loaded machine may take (ms). */
const ANSWER_MS = 10_000;
const MAX_KEPT_BYTES = 4 * 1024 * 1024;
const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
/** Payload of the question whether the connection still answers. */
const QUESTION = 'still there?';

interface FrameOptions {
  readonly opcode?: number;
  readonly isFinal?: boolean;
  readonly isMasked?: boolean;
  readonly reserved?: number;
  /** Said instead of the true length. */
  readonly length?: number;
}

export function frameOf(random: Random, payload: Uint8Array, options: FrameOptions = {}): Buffer {
  const { opcode = OPCODES.text, isFinal = true, isMasked = true, reserved = 0, length = payload.length } = options;
  const head = [(isFinal ? 0x80 : 0) | (reserved << 4) | opcode];
  const mask = isMasked ? 0x80 : 0;
  if (length < 126) head.push(mask | length);
  else if (length < 65_536) head.push(mask | 126, length >> 8, length & 0xff);
  else head.push(mask | 127, 0, 0, 0, 0, (length >>> 24) & 0xff, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff);
  if (!isMasked) return Buffer.concat([Buffer.from(head), payload]);
  const key = random.bytes(4);
  return Buffer.concat([Buffer.from(head), key, payload.map((byte, at) => byte ^ (key[at % 4] ?? 0))]);
}

/** Every procedure, with an input that would be right. */
function callsOf(random: Random, victims: readonly string[]): readonly (readonly [method: string, path: string, input: unknown])[] {
  const sessionId = pick(random, [...victims, '0b2f6a3e-0000-4000-8000-000000000001']);
  const viewerId = `fuzz-${random.below(5)}`;
  const address = { sessionId, viewerId };
  const size = { cols: 20 + random.below(100), rows: 5 + random.below(50) };
  return [
    ['query', 'session.list', undefined],
    ['query', 'session.get', { sessionId }],
    ['mutation', 'session.create', { command: pick(random, HARMLESS_COMMANDS), ...size, name: 'fuzz', env: { A: 'b' } }],
    ['mutation', 'session.update', { sessionId, change: { name: 'fuzz', pinned: false, idleTimeout: '1h' } }],
    ['mutation', 'session.kill', { sessionId }],
    ['mutation', 'session.restart', { sessionId }],
    ['mutation', 'session.remove', { sessionId }],
    ['subscription', 'session.watch', undefined],
    ['subscription', 'session.attach', { ...address, ...size, have: { run: 1, offset: random.below(10), mark: 0 }, encoding: 'base64' }],
    ['mutation', 'session.input', { ...address, n: 1 + random.below(3), data: 'text' }],
    ['mutation', 'session.ack', { ...address, offset: random.below(1000), screen: { hash: 'x', ...size, run: 1 } }],
    ['query', 'session.screen', { sessionId, format: 'json', minOffset: 0 }],
    ['mutation', 'session.resize', { ...address, ...size }],
    ['mutation', 'session.takeControl', { ...address, ...size }],
    ['query', 'profile.list', undefined],
    ['query', 'device.me', undefined],
    ['query', 'device.list', undefined],
    ['mutation', 'device.rename', { deviceId: sessionId, name: 'x' }],
    ['mutation', 'device.setRole', { deviceId: sessionId, role: 'watch' }],
    ['mutation', 'device.revoke', { deviceId: sessionId }],
    ['mutation', 'pairing.start', { role: 'type' }],
    ['query', 'pairing.status', { id: sessionId }],
    ['mutation', 'pairing.decide', { id: sessionId, approve: true, match: '1234' }],
    ['query', 'system.status', undefined],
    ['query', 'system.audit', { limit: 10 }],
    ['mutation', 'system.importLegacy', { path: '/nonexistent/database' }],
  ];
}

function messageOf(random: Random, victims: readonly string[]): string {
  const one = (): unknown => {
    const [method, path, input] = pick(random, callsOf(random, victims));
    const message = {
      id: pick<unknown>(random, [1, 2, 3, 3, random.below(1000), 'text', null]),
      jsonrpc: '2.0',
      method: chance(random, 15)
        ? pick(random, ['subscription.stop', 'query', 'mutation', 'subscription', '__proto__', 'connectionParams'])
        : method,
      params: {
        path: chance(random, 15) ? pick(random, ['', 'toString', '__proto__.x', 'session', 'session.list.x', 'session.__proto__']) : path,
        input: chance(random, 2) ? mutateJson(random, input) : input,
        ...(chance(random, 8) ? { lastEventId: pick(random, ['', '1.0.1', '-1.x.9', '9'.repeat(60)]) } : {}),
      },
    };
    return chance(random, 8) ? mutateJson(random, message) : message;
  };
  if (chance(random, 20)) return JSON.stringify({ method: 'connectionParams', data: oddValue(random) });
  if (chance(random, 10)) return JSON.stringify(Array.from({ length: random.below(20) }, one));
  const text = JSON.stringify(one()) ?? '';
  return chance(random, 8) ? mutateBytes(random, Buffer.from(text), 200_000).toString('utf8') : text;
}

function partOf(random: Random, victims: readonly string[]): Buffer {
  const message = Buffer.from(messageOf(random, victims));
  switch (random.below(12)) {
    case 0: {
      // In fragments, now and then one that never ends.
      const cut = random.below(message.length + 1);
      return Buffer.concat([
        frameOf(random, message.subarray(0, cut), { isFinal: false }),
        ...(chance(random, 3) ? [frameOf(random, Buffer.from('x'), { opcode: OPCODES.ping })] : []),
        frameOf(random, message.subarray(cut), { opcode: OPCODES.continuation, isFinal: !chance(random, 4) }),
      ]);
    }
    case 1:
      return frameOf(random, random.bytes(random.below(200)), {
        opcode: random.below(16),
        isFinal: chance(random, 2),
        isMasked: !chance(random, 4),
        reserved: chance(random, 3) ? random.below(8) : 0,
      });
    case 2:
      return frameOf(random, random.bytes(random.below(126)), { opcode: pick(random, [OPCODES.ping, OPCODES.pong, OPCODES.close]) });
    case 3:
      return mutateBytes(random, frameOf(random, message), 200_000);
    case 4:
      return frameOf(random, message, { length: pick(random, [0, 125, 126, 65_535, 65_536, 1_048_577, 0xffff_ffff]) });
    case 5:
      return frameOf(random, message, { opcode: OPCODES.binary });
    default:
      return frameOf(random, message);
  }
}

interface Upgrade {
  readonly status: number;
  readonly socket: Socket;
  /** What came since, at most MAX_KEPT_BYTES of it. */
  readonly received: () => string;
  /** Ends the connection where it does not come to pass. */
  readonly waitFor: (fact: () => boolean) => Promise<boolean>;
}

async function upgrade(server: FuzzStage['server'], headers: readonly string[], path = '/trpc'): Promise<Upgrade> {
  const socket = connect({ port: server.port, host: '127.0.0.1' });
  const kept: Buffer[] = [];
  let [keptBytes, isClosed] = [0, false];
  let look = (): void => undefined;
  socket.on('data', (chunk: Buffer) => {
    keptBytes += chunk.length;
    if (keptBytes <= MAX_KEPT_BYTES) kept.push(chunk);
    look();
  });
  // A server that cuts us off is what this is about; 'close' follows.
  socket.on('error', () => undefined);
  socket.on('close', () => {
    isClosed = true;
    look();
  });
  const received = (): string => Buffer.concat(kept).toString('latin1');
  const waitFor = (fact: () => boolean): Promise<boolean> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => done(false), ANSWER_MS);
      const done = (isTrue: boolean): void => {
        clearTimeout(timer);
        look = () => undefined;
        resolve(isTrue);
      };
      look = () => {
        if (isClosed || fact()) done(true);
      };
      look();
    });
  socket.write(
    [`GET ${path} HTTP/1.1`, `Host: 127.0.0.1:${server.port}`, 'Upgrade: websocket', 'Connection: Upgrade', ...headers, '', ''].join(
      '\r\n',
    ),
  );
  await waitFor(() => received().includes('\r\n\r\n'));
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(received())?.[1] ?? 0);
  return { status, socket, received, waitFor };
}

const handshake = (random: Random): string[] => [
  'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Key: ${Buffer.from(random.bytes(16)).toString('base64')}`,
];

export function fuzzFrames(stage: FuzzStage): FuzzTarget {
  const { server } = stage;
  const withToken = async (random: Random): Promise<Findings> => {
    const { status, socket, received, waitFor } = await upgrade(server, [...handshake(random), `Authorization: Bearer ${server.token}`]);
    if (status === 429 || status === 503) return []; // A limit: the answer it is there for.
    if (status !== 101) return [`a good upgrade was answered ${status}`];
    for (let left = 1 + random.below(20); left > 0; left -= 1) socket.write(partOf(random, stage.victims));
    // Behind whatever was left open by a frame that never ends it is not heard: then the end of our side must be.
    const isOpen = !chance(random, 10);
    if (isOpen) socket.write(frameOf(random, Buffer.from(QUESTION), { opcode: OPCODES.ping }));
    socket.end();
    const answered = await waitFor(() => false);
    socket.destroy();
    const text = received();
    return [
      ...(answered ? [] : ['a connection that ended on our side was not ended']),
      ...leaksIn(text, stage),
      ...(text.includes('INTERNAL_SERVER_ERROR')
        ? [`an answer says INTERNAL: ${/.{0,200}INTERNAL_SERVER_ERROR.{0,200}/.exec(text)?.[0] ?? ''}`]
        : []),
    ];
  };
  const without = async (random: Random): Promise<Findings> => {
    const headers = [
      ...handshake(random),
      ...pick(random, [
        [],
        [`Authorization: Bearer ${mutateBytes(random, Buffer.from(server.token)).toString('hex').slice(0, 80)}`],
        [`Authorization: Basic ${server.token}`],
        [`Cookie: cotg=${server.token}`],
        ['Origin: https://evil.example', `Authorization: Bearer ${server.token}`],
        ['Sec-WebSocket-Protocol: bearer'],
        ['Sec-WebSocket-Extensions: constructor; __proto__'],
      ]),
    ];
    const path = pick(random, [
      '/trpc',
      '/trpc/',
      '//trpc',
      '/trpc?connectionParams=1',
      `/trpc?token=${server.token}`,
      '/',
      '/api/sessions',
      '/TRPC',
    ]);
    const { status, socket, received, waitFor } = await upgrade(server, headers, path);
    for (let left = random.below(5); left > 0; left -= 1) socket.write(partOf(random, stage.victims));
    socket.end();
    const ended = await waitFor(() => false);
    socket.destroy();
    return [
      ...(status === 101 ? [`let in without a right: ${path}, ${headers.slice(2).join(' | ').replaceAll(server.token, 'TOKEN')}`] : []),
      ...(ended ? [] : ['a refused connection was not ended']),
      ...leaksIn(received(), stage),
      ...(stage.victims.some((id) => received().includes(id)) ? ['an answer without a right names a session'] : []),
    ];
  };
  return {
    name: 'frames',
    parallel: 4,
    run: (random) => (chance(random, 4) ? without(random) : withToken(random)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
