// Instead of the checkpoint worker: the first one of a journal ends at its first request, later ones are as they should be.
import { existsSync, writeFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { CheckpointWorkerData } from '../../src/journal/wal-checkpoint-messages.ts';

const note = `${(workerData as CheckpointWorkerData).path}.died`;
if (existsSync(note)) await import('../../src/journal/wal-checkpoint-worker.ts');
else {
  parentPort?.on('message', () => {
    writeFileSync(note, '');
    process.exit(1);
  });
}
