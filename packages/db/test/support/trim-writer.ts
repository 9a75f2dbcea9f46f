// A process that prints past the limit and is killed in front of the Nth statement of the trim that follows.
// Arguments: path of the journal, N. Prints "done COUNT" when the trim has ended before statement N.
import { openJournal } from '../../src/journal.ts';
import { killAtStatement } from '../../src/testing.ts';
import { pattern } from './pattern.ts';
import { newSession } from './sessions.ts';

const KIB = 1024;
const PIECE = 64 * KIB;

const [path = '', n = '0'] = process.argv.slice(2);
const kill = killAtStatement(Number(n));
const journal = await openJournal({ path, synchronous: 'normal' });
const { id } = journal.createSession(newSession({ maxHistoryBytes: 16 * 1024 * KIB }));
const other = journal.createSession(newSession()).id;
for (let at = 0; at < 24 * PIECE; at += PIECE) {
  journal.append(id, pattern(0, at, at + PIECE));
  journal.append(other, pattern(1, at / 64, at / 64 + PIECE / 64));
  journal.resized(id, 80 + at / PIECE, 24);
  journal.flush();
  const session = journal.session(id);
  if (!session) throw new Error('no session');
  const { endOffset: offset, lastMark: mark, run, cols, rows } = session;
  // The limit is lowered at once, so the wide steps of the high one must not keep candidates out.
  journal.updateSession(id, { maxHistoryBytes: 4 * 1024 * KIB });
  journal.offerBase(id, { offset, mark, run, cols, rows, version: '6.0.0', state: Buffer.from(`state at ${offset}`) });
}
kill.arm();
journal.updateSession(id, { maxHistoryBytes: 512 * KIB });
while (journal.trimming) await new Promise((resolve) => setTimeout(resolve, 5));
process.stdout.write(`done ${kill.counted}\n`);
process.exit(0);
