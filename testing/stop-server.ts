// Owns ending what a test started, as `cotg stop --all` does it but in the test's own process: every test ends so, and a program more takes a
// second of a loaded machine. What cannot be ended here is left to that command, which says why.
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { acquireLease } from '@cotg/db/lease';
import { connectHost } from '@cotg/pty/client';
import type { HostClient } from '@cotg/pty/client';

/** The server itself gives up waiting after 5 s. */
const STOP_TIMEOUT_MS = 10_000;
const HOST_STOP_TIMEOUT_MS = 20_000;
const POLL_MS = 25;

/** False when somebody still serves this data directory or is its host: another process than `child`, or one that does not end. */
export async function stopServerAndHost(dataDir: string, child: ChildProcess | undefined): Promise<boolean> {
  if (child && !(await ended(child))) return false;
  if (!isFree(join(dataDir, 'server.lock'))) return false;
  return stopHost(dataDir);
}

async function ended(child: ChildProcess): Promise<boolean> {
  if (child.exitCode !== null || child.signalCode !== null) return true;
  const gone = new Promise<true>((resolve) => {
    child.once('exit', () => resolve(true));
  });
  child.kill('SIGTERM');
  const timeout = new AbortController();
  const isGone = await Promise.race([gone, sleep(STOP_TIMEOUT_MS, false, { signal: timeout.signal }).catch(() => false)]);
  timeout.abort();
  return isGone;
}

async function stopHost(dataDir: string): Promise<boolean> {
  let client: HostClient;
  try {
    client = await connectHost({
      socketPath: join(dataDir, 'host.sock'),
      secret: readFileSync(join(dataDir, 'host.secret'), 'utf8').trim(),
      clientVersion: 'test',
      timeoutMs: STOP_TIMEOUT_MS,
    });
    await client.request('shutdown', {}, { timeoutMs: HOST_STOP_TIMEOUT_MS });
    await client.close();
  } catch {
    return isFree(join(dataDir, 'host.lock')); // Nobody listens, or it does not end: the lease says which.
  }
  for (const deadline = performance.now() + HOST_STOP_TIMEOUT_MS; performance.now() < deadline; await sleep(POLL_MS))
    if (isFree(join(dataDir, 'host.lock'))) return true;
  return false;
}

/** Whether nobody holds this lease, asked by taking it for a moment; one that is gone with its directory is free. */
function isFree(path: string): boolean {
  try {
    using lease = acquireLease(path);
    return lease !== null;
  } catch {
    return !existsSync(path);
  }
}
