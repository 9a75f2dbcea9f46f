// Owns how a command reaches the journal's owner without a server: the living host over its socket; where none lives, a host in this process, for as
// long as the command takes. Then the leases of host and server are both held, so that nobody begins to use a host that is about to end.
import { existsSync } from 'node:fs';
import { ApiError } from '@cotg/api';
import { acquireLease } from '@cotg/db/lease';
import { connectHost } from '@cotg/pty/client';
import { loadConfig } from '../config.ts';
import type { Flags } from '../config.ts';
import { dataFiles, openDataDir } from '../data-dir.ts';
import type { DataDir, DataFiles } from '../data-dir.ts';
import { EXIT, StartError } from '../errors.ts';
import { apiErrorOf } from '../services/host-link.ts';
import type { HostLink } from '../services/host-link.ts';
import { openStoredJournal } from '../stored-journal.ts';
import { VERSION } from '../version.ts';
import type { CliIo } from './io.ts';

export type HostAccess = Pick<HostLink, 'request'>;

/** The files of a data directory in which something is kept, also when it was only just restored and nobody has served it. */
export function keptFiles(flags: Flags): DataFiles {
  const files = dataFiles(loadConfig({ flags }).dataDir);
  if (!existsSync(files.journal) && !existsSync(files.catalog))
    throw new StartError('NOT_SERVING', `Nothing is kept in ${files.path}.`, { exitCode: EXIT.notReachable });
  return files;
}

/** Only while no server serves it: what a server owns goes through the server. */
export async function withHost<T>(flags: Flags, io: CliIo, use: (host: HostAccess, dataDir: DataDir) => Promise<T>): Promise<T> {
  const dataDir = openDataDir(keptFiles(flags).path);
  using serverLease = acquireLease(dataDir.serverLock);
  if (!serverLease)
    throw new StartError('NOT_SERVING', 'A server is starting or ending here.', { exitCode: EXIT.notReachable, hint: 'Try again.' });
  using hostLease = acquireLease(dataDir.hostLock);
  await using _own = hostLease ? await startOwnHost(dataDir, io) : undefined;
  const client = await connectHost({ socketPath: dataDir.hostSocket, secret: dataDir.hostSecret, clientVersion: VERSION });
  try {
    const request: HostLink['request'] = (type, fields, options) =>
      client.request(type, fields, options).catch((error: unknown) => {
        throw apiErrorOf(error);
      });
    return await use({ request }, dataDir);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const exitCode = error.code === 'BAD_INPUT' ? EXIT.usage : error.code === 'HOST_UNREACHABLE' ? EXIT.notReachable : EXIT.failed;
    throw new StartError('REQUEST_FAILED', error.message, { exitCode, cause: error });
  } finally {
    await client.close();
  }
}

async function startOwnHost(dataDir: DataDir, io: CliIo): Promise<AsyncDisposable> {
  // Terminals' native parts are loaded by no other command.
  const { startHost } = await import('@cotg/pty/host');
  const log = { info: () => undefined, warn: tell, error: tell };
  function tell(_fields: object, message: string): void {
    io.err(`cotg: ${message}`);
  }
  const journal = await openStoredJournal(dataDir, undefined, log);
  const host = await startHost({ journal, socketPath: dataDir.hostSocket, secret: dataDir.hostSecret, version: VERSION, log });
  return {
    async [Symbol.asyncDispose]() {
      await host.close();
      await journal.close();
    },
  };
}
