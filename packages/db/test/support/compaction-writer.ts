// A process that fills a journal, compacts it, and is killed in front of the Nth SQL statement of that.
// Arguments: path of the journal, N. Prints "done COUNT" when compaction has ended before statement N.
import { openJournal } from '../../src/journal.ts';
import { killAtStatement } from '../../src/testing.ts';
import { pattern } from './pattern.ts';
import { EXITED, newSession } from './sessions.ts';

const KIB = 1024;

const [path = '', n = '0'] = process.argv.slice(2);
const kill = killAtStatement(Number(n));
const journal = await openJournal({ path, synchronous: 'normal' });
const [ended, running] = [newSession(), newSession()].map((session) => journal.createSession(session).id);
if (ended === undefined || running === undefined) throw new Error('no sessions');
// Below a megabyte in all, so that nothing is rolled before `arm`.
for (let at = 0; at < 300 * KIB; at += 30 * KIB) {
  journal.append(ended, pattern(0, at, at + 30 * KIB));
  journal.append(running, pattern(1, at / 2, at / 2 + 15 * KIB));
  journal.flush();
}
journal.runEnded(ended, EXITED);
kill.arm();
await journal.compact();
process.stdout.write(`done ${kill.counted}\n`);
process.exit(0);
