// A process that writes to a journal until it is killed, and says on its standard output what it was told is committed.
// Arguments: path of the journal, seed, and for a death of its own KILL_AT:N, where KILL_AT is one of
//   read    it has read output for the Nth time, and nothing of that is committed
//   commit  the Nth report of a commit is due, and nobody has been told
// Lines: "<session index> <end offset> <last mark>".
import { openJournal } from '../../src/journal.ts';
import { pattern } from './pattern.ts';
import { makeRandom } from './random.ts';
import { say } from './say.ts';
import { newSession } from './sessions.ts';

const [path, seed, death = ''] = process.argv.slice(2);
const [killAt, killCount] = death.split(':');
let left = Number(killCount);
const dieAt = (place: string): void => {
  if (killAt === place && --left <= 0) process.kill(process.pid, 'SIGKILL');
};
if (path === undefined || seed === undefined) throw new Error('usage: crash-writer PATH SEED');
const random = makeRandom(Number(seed));
const journal = await openJournal({ path, synchronous: 'normal' });
while (journal.sessions().length < 3) journal.createSession(newSession());
const ids = journal.sessions().map(({ id }) => id);
const ends = journal.sessions().map(({ endOffset }) => endOffset);
journal.followed(true);

journal.onCommitted((entries) => {
  dieAt('commit');
  for (const entry of entries) {
    const index = ids.indexOf(entry.sessionId);
    const line = entry.kind === 'output' ? `${index} ${entry.offset + entry.bytes.length} 0` : `${index} 0 ${entry.entry.mark}`;
    say(line);
  }
});

let cols = 80;
function step(): void {
  for (let i = random.int(1, 10); i > 0; i--) {
    const index = random.int(0, ids.length - 1);
    const id = ids[index] ?? '';
    if (journal.pendingBytes(id) > 1_000_000) continue;
    const from = ends[index] ?? 0;
    const to = from + (random.next() < 0.05 ? random.int(1, 60_000) : random.int(1, 500));
    journal.append(id, pattern(index, from, to));
    ends[index] = to;
    dieAt('read');
    if (random.next() < 0.05) journal.resized(id, (cols = (cols % 500) + 1), 24);
    if (random.next() < 0.05) journal.typed(id);
  }
  setImmediate(step);
}
step();
