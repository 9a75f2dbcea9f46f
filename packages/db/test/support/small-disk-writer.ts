// A process that floods a journal on a small disk. Argument: path of the journal. Prints by how much the file would have had to grow to hold what was
// in the log, at most (bytes), and how often storing paused.
import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { openJournal } from '../../src/journal.ts';
import { randomBytes } from 'node:crypto';
import { say } from './say.ts';
import { newSession } from './sessions.ts';

const MIB = 1024 * 1024;
const FLOOD_BYTES = 32 * MIB;
const CHUNK_BYTES = 64 * 1024;

const [path = ''] = process.argv.slice(2);
let pauses = 0;
let most = 0;
const onNotice = ({ kind }: { readonly kind: string }): void => void (pauses += kind === 'storage-paused' ? 1 : 0);
const journal = await openJournal({ path, synchronous: 'normal', onNotice });
const { id } = journal.createSession(newSession({ maxHistoryBytes: 1024 * MIB }));
const other = new Database(path, { readonly: true });
const pageCount = other.prepare<[], number>('pragma page_count').pluck();
journal.followed(true);
journal.onCommitted(() => {
  most = Math.max(most, (pageCount.get() ?? 0) * 4096 - statSync(path).size);
});
for (let at = 0; at < FLOOD_BYTES; at += CHUNK_BYTES) {
  journal.append(id, randomBytes(CHUNK_BYTES));
  while (journal.pendingBytes(id) > MIB) await new Promise((resolve) => setImmediate(resolve));
}
journal.flush();
say(JSON.stringify({ growth: most, pauses }));
process.exit(0);
