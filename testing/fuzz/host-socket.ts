// Owns the fuzz of the host's own socket: frames and requests, with the secret and without it.
import { join } from 'node:path';
import { connect } from 'node:net';
import { encodeFrame, FrameDecoder, MAX_FRAME_TO_CLIENT_BYTES, PROTOCOL_VERSION } from '@cotg/pty/protocol';
import { chance, HARMLESS_COMMANDS, leaksIn, mutateBytes, mutateJson, pick } from './case.ts';
import type { Findings, FuzzStage, FuzzTarget, Random } from './case.ts';

const ANSWER_MS = 10_000;
/** Id of the question whether the connection still answers. */
const LAST_ID = 900_000_001;

function requestOf(random: Random, victims: readonly string[]): object {
  const sessionId = pick(random, [...victims, '0b2f6a3e-0000-4000-8000-000000000001']);
  const fresh = `${random
    .below(2 ** 32)
    .toString(16)
    .padStart(8, '0')}-0000-4000-8000-${random
    .below(2 ** 32)
    .toString(16)
    .padStart(12, '0')}`;
  const id = random.below(1000);
  const size = { cols: 20 + random.below(100), rows: 5 + random.below(50) };
  const limits = { maxHistoryBytes: 1024 * 1024, idleTimeoutMs: 0 };
  return pick(random, [
    {
      type: 'create',
      id,
      sessionId: fresh,
      command: pick(random, HARMLESS_COMMANDS),
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
      ...size,
      ...limits,
    },
    { type: 'input', id, sessionId, viewerId: 'fuzz', n: 1 + random.below(3) },
    { type: 'lastInput', id, sessionId, viewerId: 'fuzz' },
    { type: 'resize', id, sessionId, ...size },
    { type: 'kill', id, sessionId, reason: 'user' },
    { type: 'restart', id, sessionId, env: { PATH: '/usr/bin:/bin' }, note: 'again' },
    { type: 'viewers', id, sessionId, viewers: random.below(5) },
    { type: 'remove', id, sessionId },
    { type: 'update', id, sessionId, ...limits },
    { type: 'list', id },
    { type: 'follow', id, sessionId, patient: chance(random, 2) },
    { type: 'unfollow', id, sessionId },
    { type: 'history', id, sessionId, fromOffset: random.below(100), afterMark: 0, toOffset: 1000, maxBytes: 65_536, cursor: null },
    { type: 'parsed', id, sessionId, run: 1, offset: random.below(100) },
    { type: 'offerBase', id, sessionId, run: 1, offset: random.below(100), mark: 0, ...size, version: '6.0.0' },
    { type: 'base', id, sessionId },
    { type: 'status', id },
    { type: 'metrics', id },
    {
      type: 'import',
      id,
      sessionId: fresh,
      from: 0,
      isLast: chance(random, 2),
      ...size,
      createdAt: 1,
      endedAt: 2,
      maxHistoryBytes: 1024 * 1024,
    },
    { type: 'backup', id, path: '/nonexistent/backup' },
  ]);
}

function partOf(random: Random, victims: readonly string[]): Buffer {
  const request = requestOf(random, victims);
  const header = chance(random, 2) ? mutateJson(random, request) : request;
  const isObject = typeof header === 'object' && header !== null;
  const frame = Buffer.concat(encodeFrame(isObject ? header : { header }, random.bytes(chance(random, 2) ? 0 : random.below(2000))));
  switch (random.below(12)) {
    case 0:
      return mutateBytes(random, frame, 200_000);
    case 1:
      frame.writeUInt32BE(pick(random, [0, 3, 4, 5, 0xffff_ffff, 8 * 1024 * 1024, frame.length]), pick(random, [0, 4]));
      return frame;
    case 2:
      return Buffer.from(random.bytes(random.below(300)));
    default:
      return frame;
  }
}

export function fuzzHostSocket(stage: FuzzStage): FuzzTarget {
  const socketPath = join(stage.server.dataDir, 'host.sock');
  const hello = (secret: string): Buffer =>
    Buffer.concat(encodeFrame({ type: 'hello', id: 1, protocol: PROTOCOL_VERSION, secret, clientVersion: 'fuzz' }));
  return {
    name: 'host socket',
    parallel: 2,
    async run(random): Promise<Findings> {
      const isWelcome = !chance(random, 4);
      const secret = isWelcome ? stage.hostSecret : pick(random, ['', 'x', stage.hostSecret.slice(1), `${stage.hostSecret} `]);
      const parts = [
        ...(isWelcome || chance(random, 2) ? [hello(secret)] : []),
        ...Array.from({ length: 1 + random.below(12) }, () => partOf(random, stage.victims)),
        Buffer.concat(encodeFrame({ type: 'status', id: LAST_ID })),
      ];
      const found: string[] = [];
      const decoder = new FrameDecoder({ maxFrameBytes: MAX_FRAME_TO_CLIENT_BYTES });
      const ended = await new Promise<boolean>((resolve) => {
        const socket = connect(socketPath);
        const done = (isTrue: boolean): void => {
          clearTimeout(timer);
          socket.destroy();
          resolve(isTrue);
        };
        const timer = setTimeout(() => done(false), ANSWER_MS);
        socket.on('data', (chunk: Buffer) => {
          decoder.push(chunk);
          for (let frame = decoder.next(); frame; frame = decoder.next()) {
            const { header } = frame;
            const text = JSON.stringify(header);
            found.push(...leaksIn(text, stage));
            if (!isWelcome && header['type'] !== 'error') found.push(`answered without the secret: ${text.slice(0, 200)}`);
            if (header['code'] === 'INTERNAL') found.push(`the host says INTERNAL: ${text.slice(0, 300)}`);
            if (header['id'] === LAST_ID) done(true);
          }
        });
        // A host that cuts us off is what this is about; 'close' follows.
        socket.on('error', () => undefined);
        socket.on('close', () => done(true));
        // Some at once, some in pieces that the host reads one by one; a frame whose end never comes ends with us.
        const bytes = Buffer.concat(parts);
        const cut = random.below(bytes.length);
        socket.write(bytes.subarray(0, cut), () => socket.end(bytes.subarray(cut)));
      });
      return ended ? found : [...found, 'a connection that ended on our side was neither answered nor ended'];
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
