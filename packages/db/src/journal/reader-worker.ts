// The reader worker: a connection that cannot write and one request at a time. Started and ended by history-reader.ts.
// Must not decide anything; it reads pages (reader.ts) so that a long read never holds up a terminal.
// Must not load Kysely (100 ms): somebody who comes back to a terminal waits for the start of this worker.
import { parentPort, workerData } from 'node:worker_threads';
import { InvariantError, sqliteCode, StorageError } from '../errors.ts';
import { openReadonly } from '../readonly-database.ts';
import type { ReaderReply, ReaderWorkerData } from './reader-messages.ts';
import { JournalReader } from './reader.ts';
import type { PageRequest } from './reader.ts';

const port = parentPort;
if (port === null) throw new InvariantError('the reader worker runs in a worker thread only');

// Set by history-reader.ts, the only starter.
const { path, queries } = workerData as ReaderWorkerData;
const reader = new JournalReader(openReadonly(path), queries);

port.on('message', (request: PageRequest) => {
  const reply = answer(request);
  port.postMessage(reply, reply.kind === 'page' && reply.page.kind === 'page' ? [reply.page.bytes.buffer as ArrayBuffer] : []);
});

function answer(request: PageRequest): ReaderReply {
  try {
    const page = reader.read(request);
    // A view of a larger buffer is copied: handing over the buffer would send all of it.
    return { kind: 'page', page: page.kind === 'page' ? { ...page, bytes: alone(page.bytes) } : page };
  } catch (error) {
    if (error instanceof StorageError) return { kind: 'error', code: error.code, message: error.message };
    const code = sqliteCode(error);
    if (code === undefined) throw error;
    return { kind: 'error', code: 'STORAGE_FAILED', message: `reading history failed (${code})` };
  }
}

function alone(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}
