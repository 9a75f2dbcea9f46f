// Owns verifying a journal that is in use: in a worker of its own, on a connection that only reads, one picture of the file for each part. Must not
// know what is checked (verify.ts).
import { TransientWorker } from './transient-worker.ts';
import type { Finding } from './verify.ts';

/** 10 GB at 500 MB/s, and as much again for a slow disk (ms). */
const VERIFY_TIMEOUT_MS = 5 * 60_000;

export async function verifyInWorker(path: string): Promise<readonly Finding[]> {
  const worker = new TransientWorker<null, readonly Finding[]>({
    file: 'verify-worker',
    name: 'journal-verify',
    workerData: { path },
    idleMs: 1000,
    timeoutMs: VERIFY_TIMEOUT_MS,
  });
  try {
    return await worker.ask(null);
  } finally {
    await worker.end();
  }
}
