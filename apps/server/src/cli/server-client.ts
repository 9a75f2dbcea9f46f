// Owns how a command reaches the server of a data directory: server.json, the owner token, the typed client.
import { createClient, errorCodeOf } from '@cotg/api/client';
import type { Client, Transport } from '@cotg/api/client';
import { loadConfig } from '../config.ts';
import type { Flags } from '../config.ts';
import { findDataDir } from '../data-dir.ts';
import type { DataDir } from '../data-dir.ts';
import { EXIT, StartError, errnoOf, messageOf } from '../errors.ts';
import type { ExitCode } from '../errors.ts';
import { isSameProcess, readServerInfo } from '../server-info.ts';
import type { ServerInfo } from '../server-info.ts';
import { printable } from './format.ts';
import { leaseIsFree } from './lease-is-free.ts';
import { transportTo } from './transport.ts';

/** On one computer an answer takes milliseconds; a loaded one gets time. */
const REACH_TIMEOUT_MS = 5000;
/** Longer than ending a session takes at worst. */
const COMMAND_TIMEOUT_MS = 30_000;
/** Copying or reading gigabytes. */
export const LONG_COMMAND_MS = 7 * 60_000;

export interface Located {
  readonly dataDir: DataDir;
  readonly info: ServerInfo;
  readonly transport: Transport;
}

/** Throws StartError NOT_SERVING when nobody serves this data directory. */
export async function locateServer(flags: Flags): Promise<Located> {
  const config = loadConfig({ flags });
  const dataDir = findDataDir(config.dataDir);
  const info = dataDir && readServerInfo(dataDir.serverInfo);
  // The note of a server that was killed may name a port that a stranger holds by now: no lease, no token.
  const isServed = dataDir !== undefined && !leaseIsFree(dataDir.serverLock);
  const transport =
    dataDir && info && isServed && isSameProcess(info) ? await transportTo(info, () => noteOfSame(dataDir.serverInfo, info)) : undefined;
  const answer = info && transport ? await ask(info.url, transport) : 'silent';
  if (!dataDir || !info || !transport || answer === 'silent') {
    throw new StartError('NOT_SERVING', `No server answers for ${config.dataDir}.`, {
      exitCode: EXIT.notReachable,
      hint: '`cotg serve` (or npm start) starts one.',
    });
  }
  if (answer === 'expired') {
    throw new StartError('NOT_SERVING', 'The certificate of the server has expired.', {
      exitCode: EXIT.notReachable,
      hint: '`cotg cert` renews one that it has made; the server uses it at once.',
    });
  }
  return { dataDir, info, transport };
}

/** The note as it is by now, while it is still that process’s: it changes when a certificate is renewed. */
function noteOfSame(path: string, info: ServerInfo): ServerInfo | undefined {
  const now = readServerInfo(path);
  return now?.pid === info.pid && now.startTime === info.startTime ? now : undefined;
}

async function ask(url: string, transport: Transport): Promise<'serving' | 'silent' | 'expired'> {
  try {
    const response = await transport.fetch(new URL('/healthz', url), { signal: AbortSignal.timeout(REACH_TIMEOUT_MS) });
    await response.body?.cancel();
    return response.ok ? 'serving' : 'silent';
  } catch (error) {
    // Refused, reset or silent: not serving.
    return error instanceof Error && errnoOf(error.cause) === 'CERT_HAS_EXPIRED' ? 'expired' : 'silent';
  }
}

/** False only when nobody serves it at all; one that does not answer is an error. */
export async function isServed(flags: Flags): Promise<boolean> {
  const dataDir = findDataDir(loadConfig({ flags }).dataDir);
  if (!dataDir || leaseIsFree(dataDir.serverLock)) return false;
  await locateServer(flags);
  return true;
}

const WHOLE_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The session whose id begins like this, as people shorten ids. Throws StartError REQUEST_FAILED for none and for several. */
export async function sessionIdOf(flags: Flags, text: string): Promise<string> {
  if (WHOLE_ID.test(text)) return text.toLowerCase();
  return idBeginningWith(await withServer(flags, (api) => api.session.list.query()), text);
}

/** The same among these. */
export function idBeginningWith(sessions: readonly { readonly id: string }[], text: string): string {
  const found = sessions.filter(({ id }) => text !== '' && id.startsWith(text.toLowerCase()));
  if (found.length === 1 && found[0]) return found[0].id;
  const message =
    found.length === 0
      ? `There is no session whose id begins with “${printable(text)}”.`
      : `${found.length} sessions have ids that begin with “${printable(text)}”.`;
  throw new StartError('REQUEST_FAILED', message, { exitCode: EXIT.failed, hint: '`cotg ls` shows them.' });
}

/** Runs `use` with a client that is signed in as the owner, and closes it. */
export async function withServer<T>(
  flags: Flags,
  use: (api: Client['api'], located: Located) => Promise<T>,
  timeoutMs = COMMAND_TIMEOUT_MS,
): Promise<T> {
  const located = await locateServer(flags);
  const broken = Promise.withResolvers<never>();
  const client = createClient({
    url: located.info.url,
    token: located.dataDir.ownerToken,
    transport: located.transport,
    onState: (state) => {
      // A page waits for a server to come back; a command says so.
      if (state === 'signed-out')
        broken.reject(new StartError('REQUEST_FAILED', 'The server does not accept the owner token.', { exitCode: EXIT.notAllowed }));
      else if (state === 'reconnecting')
        broken.reject(new StartError('NOT_SERVING', 'The connection to the server broke.', { exitCode: EXIT.notReachable }));
    },
  });
  const timer = setTimeout(
    () => broken.reject(new StartError('TIMEOUT', 'The server does not answer.', { exitCode: EXIT.timeout })),
    timeoutMs,
  );
  try {
    return await Promise.race([use(client.api, located), broken.promise]);
  } catch (error) {
    throw commandErrorOf(error);
  } finally {
    clearTimeout(timer);
    await client.close();
  }
}

function commandErrorOf(error: unknown): Error {
  if (error instanceof StartError) return error;
  const code = errorCodeOf(error);
  const exitCode: ExitCode =
    code === 'UNAUTHORIZED' || code === 'FORBIDDEN'
      ? EXIT.notAllowed
      : code === 'BAD_INPUT' || code === 'PATTERN_INVALID'
        ? EXIT.usage
        : code === 'HOST_UNREACHABLE' || code === undefined
          ? EXIT.notReachable
          : EXIT.failed;
  return new StartError('REQUEST_FAILED', messageOf(error), { exitCode, cause: error });
}
