// A compaction worker: compresses what it reads and gives it back to be stored. Started and ended by compactor.ts.
// Must never write. Must not load Kysely: it comes and goes.
import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { InvariantError, sqliteCode, StorageError } from '../errors.ts';
import { openReadonly } from '../readonly-database.ts';
import type { CompactionReply, CompactionRequest, CompactionWorkerData, Piece } from './compaction-messages.ts';
import { CompactionReader } from './compaction-reader.ts';

const port = parentPort;
if (port === null) throw new InvariantError('the compaction worker runs in a worker thread only');

// Set by compactor.ts, the only starter.
const { path, nice } = workerData as CompactionWorkerData;
if (nice) giveWay();
const reader = new CompactionReader(openReadonly(path));

port.on('message', (request: CompactionRequest) => {
  const reply = alone(answer(request));
  port.postMessage(reply, buffersOf(reply));
});

function answer(request: CompactionRequest): CompactionReply {
  try {
    return request.kind === 'roll' ? reader.roll() : reader.seal(request.without);
  } catch (error) {
    if (error instanceof StorageError) return { kind: 'failed', message: error.message };
    const code = sqliteCode(error);
    if (code === undefined) throw error;
    return { kind: 'failed', message: `reading what to compact failed (${code})` };
  }
}

/** A priority belongs to a thread on Linux, and to the whole process elsewhere: there it stays as it is. */
function giveWay(): void {
  if (process.platform !== 'linux') return;
  const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  setPriority(thread, constants.priority.PRIORITY_LOW);
}

/** A view of a larger buffer is copied: handing over the buffer would send all of it. */
function alone(reply: CompactionReply): CompactionReply {
  const copy = (piece: Piece): Piece => ({ ...piece, data: new Uint8Array(piece.data) });
  if (reply.kind === 'rolled') return { ...reply, pieces: reply.pieces.map(copy) };
  return reply.kind === 'sealed' ? { ...reply, sealed: copy(reply.sealed) } : reply;
}

function buffersOf(reply: CompactionReply): ArrayBuffer[] {
  const pieces = reply.kind === 'rolled' ? reply.pieces : reply.kind === 'sealed' ? [reply.sealed] : [];
  return pieces.map(({ data }) => data.buffer as ArrayBuffer);
}
