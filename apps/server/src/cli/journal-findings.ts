// Owns reading journal.db end to end: by the living host, which is asked itself, or here while nobody holds its lease.
import { checkJournalFile } from '@cotg/db/doctor';
import { acquireLease } from '@cotg/db/lease';
import { connectHost } from '@cotg/pty/client';
import type { ReplyBodies } from '@cotg/pty/client';
import { findDataDir } from '../data-dir.ts';
import type { DataFiles } from '../data-dir.ts';
import { EXIT, StartError, messageOf } from '../errors.ts';
import { VERSION } from '../version.ts';
import { LONG_COMMAND_MS } from './server-client.ts';

export type JournalFinding = ReplyBodies['verify']['findings'][number];

/** Throws StartError NOT_SERVING when somebody holds the lease and does not answer. */
export async function journalFindings(files: DataFiles): Promise<readonly JournalFinding[]> {
  {
    using lease = acquireLease(files.hostLock);
    if (lease) return checkJournalFile(files.journal);
  }
  const dataDir = findDataDir(files.path);
  try {
    if (!dataDir) throw new Error('there is no secret to ask it with');
    const host = await connectHost({ socketPath: dataDir.hostSocket, secret: dataDir.hostSecret, clientVersion: VERSION });
    try {
      return (await host.request('verify', {}, { timeoutMs: LONG_COMMAND_MS })).reply.findings;
    } finally {
      await host.close();
    }
  } catch (error) {
    throw new StartError('NOT_SERVING', `The host of ${files.path} does not answer: ${messageOf(error)}.`, {
      exitCode: EXIT.notReachable,
      cause: error,
    });
  }
}
