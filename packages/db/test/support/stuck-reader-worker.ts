// Instead of the reader worker: begins a read transaction at the first request and never ends it, never answers.
import { parentPort, workerData } from 'node:worker_threads';
import { openReadonly } from '../../src/readonly-database.ts';
import type { ReaderWorkerData } from '../../src/journal/reader-messages.ts';

const db = openReadonly((workerData as ReaderWorkerData).path);
parentPort?.on('message', () => {
  db.exec('begin');
  db.prepare('select count(*) from session').get();
});
