// The checkpoint worker on a slow disk: each request takes 200 ms more.
import { parentPort } from 'node:worker_threads';

const DELAY_MS = 200;

parentPort?.on('message', () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, DELAY_MS);
});
// Its own listener comes behind this one.
await import('../../src/journal/wal-checkpoint-worker.ts');
