// `cotg stop`: ends the server; sessions run on. With --all also the host and with it every session.
import { setTimeout as sleep } from 'node:timers/promises';
import { connectHost } from '@cotg/pty/client';
import type { HostClient } from '@cotg/pty/client';
import { loadConfig } from '../config.ts';
import type { Flags } from '../config.ts';
import { findDataDir } from '../data-dir.ts';
import type { DataDir } from '../data-dir.ts';
import { EXIT, StartError, errnoOf, messageOf } from '../errors.ts';
import { otherGeneration } from '../host-generation.ts';
import { isSameProcess, readServerInfo } from '../server-info.ts';
import { leaseIsFree } from './lease-is-free.ts';
import { VERSION } from '../version.ts';
import type { CliIo } from './io.ts';

/** The server itself gives up waiting after 5 s. */
const STOP_TIMEOUT_MS = 10_000;
const HOST_STOP_TIMEOUT_MS = 20_000;
const POLL_MS = 25;

export async function stop(flags: Flags, options: { all?: boolean; yes?: boolean; json?: boolean }, io: CliIo): Promise<number> {
  const dataDir = findDataDir(loadConfig({ flags }).dataDir);
  if (!dataDir) throw nothingServes();
  if (options.all && !options.yes) {
    if (!io.isTerminal) throw new StartError('BAD_SETTING', '--all ends every session: say --yes as well.', { exitCode: EXIT.usage });
    const answer = await io.ask('This ends every session and the programs in them. Type “yes” to go on: ');
    if (answer?.trim().toLowerCase() !== 'yes') return EXIT.failed;
  }
  const server = await stopServer(dataDir);
  const host = options.all ? await stopHost(dataDir) : false;
  if (!server && !host) throw nothingServes();
  if (options.json) io.out(JSON.stringify({ server, host }));
  else io.out(host ? 'Stopped, with all sessions.' : 'The server is stopped; sessions run on.');
  return EXIT.done;
}

function nothingServes(): StartError {
  return new StartError('NOT_SERVING', 'No server runs for this data directory.', { exitCode: EXIT.notReachable });
}

/** True when there was one. The lease, not the note, says who serves: a pid alone may be somebody else's by now. */
async function stopServer(dataDir: DataDir): Promise<boolean> {
  if (leaseIsFree(dataDir.serverLock)) return false;
  const info = readServerInfo(dataDir.serverInfo);
  if (!info) throw new StartError('NOT_SERVING', 'The server is just starting or stopping; try again.', { exitCode: EXIT.failed });
  try {
    // The lease is held and the note is the holder's; a pid that is not its process any more is never signalled.
    if (isSameProcess(info)) process.kill(info.pid, 'SIGTERM');
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
  await until(() => leaseIsFree(dataDir.serverLock), STOP_TIMEOUT_MS, 'The server does not stop.');
  return true;
}

async function stopHost(dataDir: DataDir): Promise<boolean> {
  let client: HostClient;
  try {
    client = await connectHost({
      socketPath: dataDir.hostSocket,
      secret: dataDir.hostSecret,
      clientVersion: VERSION,
      timeoutMs: STOP_TIMEOUT_MS,
    });
  } catch (error) {
    // It may have ended just now. One that serves and cannot be reached is not to be taken for none.
    if (leaseIsFree(dataDir.hostLock)) return false;
    const other = otherGeneration(error);
    if (other) throw other;
    throw new StartError('HOST_UNREACHABLE', `The host does not answer: ${messageOf(error)}`, { exitCode: EXIT.failed, cause: error });
  }
  await client.request('shutdown', {}, { timeoutMs: HOST_STOP_TIMEOUT_MS });
  await client.close();
  await until(() => leaseIsFree(dataDir.hostLock), HOST_STOP_TIMEOUT_MS, 'The host does not stop.');
  return true;
}

async function until(done: () => boolean, timeoutMs: number, problem: string): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!done()) {
    if (performance.now() > deadline) throw new StartError('TIMEOUT', problem, { exitCode: EXIT.timeout });
    await sleep(POLL_MS);
  }
}
