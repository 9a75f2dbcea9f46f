// The checkpoint worker: copies the write-ahead log into the database file, when it is told. Started and ended by wal-checkpointer.ts.
// Must never commit anything, and never wait for another's lock: whoever asked tries again.
import { parentPort, workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { InvariantError, sqliteCode } from '../errors.ts';
import type { CheckpointReply, CheckpointRequest, CheckpointWorkerData } from './wal-checkpoint-messages.ts';

const port = parentPort;
if (port === null) throw new InvariantError('the checkpoint worker runs in a worker thread only');

// Set by wal-checkpointer.ts, the only starter.
const { path } = workerData as CheckpointWorkerData;
const db = new Database(path, { fileMustExist: true, timeout: 0 });
// Syncs the log before its pages are copied and the database before the log may be used again. On every open (database.ts says why).
db.pragma('synchronous = normal');
db.pragma('wal_autocheckpoint = 0');

type Outcome = [busy: number, logged: number, copied: number];
const statements = {
  passive: db.prepare<[], Outcome>('pragma wal_checkpoint(passive)').raw(),
  truncate: db.prepare<[], Outcome>('pragma wal_checkpoint(truncate)').raw(),
};

port.on('message', ({ mode }: CheckpointRequest) => {
  port.postMessage(checkpoint(mode));
});

function checkpoint(mode: CheckpointRequest['mode']): CheckpointReply {
  try {
    const [busy, logged, copied] = statements[mode].get() ?? [1, 0, 0];
    return { kind: 'done', whole: busy === 0 && logged === copied };
  } catch (error) {
    const code = sqliteCode(error);
    if (code === undefined) throw error;
    // Another connection looks at the log this moment: nothing has failed.
    if (code.startsWith('SQLITE_BUSY') || code === 'SQLITE_LOCKED') return { kind: 'done', whole: false };
    return { kind: 'failed', code, message: `the checkpoint failed (${code})` };
  }
}
