// A process that floods a journal and is killed at the Nth step of its checkpoints, `afterMs` later.
// Arguments: path of the journal, N, afterMs. Prints "shown END" for what it was told is committed, and "done" when there was no Nth step.
import { openJournal } from '../../src/journal.ts';
import { pattern } from './pattern.ts';
import { say } from './say.ts';
import { newSession } from './sessions.ts';

const MIB = 1024 * 1024;
const FLOOD_BYTES = 36 * MIB;
const CHUNK_BYTES = 256 * 1024;

const [path = '', n = '0', afterMs = '0'] = process.argv.slice(2);
let steps = 0;
const step = (): void => {
  steps += 1;
  if (steps !== Number(n)) return;
  if (afterMs === '0') process.kill(process.pid, 'SIGKILL');
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), Number(afterMs));
};
const journal = await openJournal({ path, synchronous: 'normal', testing: { step } });
const { id } = journal.createSession(newSession({ maxHistoryBytes: 1024 * MIB }));
journal.followed(true);
journal.onCommitted((entries) => {
  for (const entry of entries) if (entry.kind === 'output') say(`shown ${entry.offset + entry.bytes.length}`);
});
for (let at = 0; at < FLOOD_BYTES; at += CHUNK_BYTES) {
  journal.append(id, pattern(0, at, at + CHUNK_BYTES));
  while (journal.pendingBytes(id) > MIB) await new Promise((resolve) => setImmediate(resolve));
}
journal.flush();
// The log is cut two seconds after the flood.
while ((journal.metrics().counters['wal_truncations'] ?? 0) === 0) await new Promise((resolve) => setTimeout(resolve, 50));
say('done');
process.exit(0);
