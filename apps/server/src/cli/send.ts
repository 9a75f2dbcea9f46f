// `cotg send ID TEXT`: types into a session, exactly what was given. `-` takes standard input, in pieces, however long it is.
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { errorCodeOf } from '@cotg/api/client';
import type { Client } from '@cotg/api/client';
import type { Flags } from '../config.ts';
import { EXIT } from '../errors.ts';
import type { CliIo } from './io.ts';
import { LONG_COMMAND_MS, sessionIdOf, withServer } from './server-client.ts';

/** Below the limit of one input (64 KiB): escaped or not it fits a message. */
const PIECE_BYTES = 32 * 1024;
/** What the Enter key sends. */
const ENTER = '\r';
/** A program that does not read fills its terminal: it is tried again so often (ms), for so long (ms). */
const FULL_PAUSE_MS = 100;
const FULL_LIMIT_MS = 30_000;

export interface SendOptions {
  readonly json?: boolean;
  readonly enter?: boolean;
}

export async function send(flags: Flags, id: string, text: string, options: SendOptions, io: CliIo): Promise<number> {
  const sessionId = await sessionIdOf(flags, id);
  const use = async (api: Client['api']): Promise<number> => {
    const type = typist(api, sessionId);
    let endOffset: number | undefined;
    let bytes = 0;
    for await (const piece of piecesOf(text, options.enter === true)) {
      ({ endOffset } = await type(piece));
      bytes += piece.length;
    }
    endOffset ??= (await api.session.get.query({ sessionId })).endOffset;
    if (options.json) io.out(JSON.stringify({ bytes, endOffset }, null, 2));
    return EXIT.done;
  };
  return withServer(flags, use, LONG_COMMAND_MS);
}

async function* piecesOf(text: string, enter: boolean): AsyncGenerator<Buffer> {
  const source: AsyncIterable<Buffer> | readonly Buffer[] = text === '-' ? process.stdin : [Buffer.from(text, 'utf8')];
  for await (const chunk of source) for (let at = 0; at < chunk.length; at += PIECE_BYTES) yield chunk.subarray(at, at + PIECE_BYTES);
  if (enter) yield Buffer.from(ENTER);
}

/** One after the other, each once: the numbers are this command's own. */
function typist(api: Client['api'], sessionId: string): (piece: Buffer) => Promise<{ readonly endOffset: number }> {
  const viewerId = `send-${randomBytes(12).toString('base64url')}`;
  let n = 0;
  return async (piece) => {
    n += 1;
    const request = { sessionId, viewerId, n, base64: piece.toString('base64') };
    const giveUpAt = performance.now() + FULL_LIMIT_MS;
    for (;;) {
      try {
        return await api.session.input.mutate(request);
      } catch (error) {
        if (errorCodeOf(error) !== 'INPUT_BUFFER_FULL' || performance.now() > giveUpAt) throw error;
        await setTimeout(FULL_PAUSE_MS);
      }
    }
  };
}
