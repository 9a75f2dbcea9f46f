import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { openJournal } from '../src/journal.ts';
import { temporaryDirectory } from '../src/testing.ts';
import { pattern } from './support/pattern.ts';
import { marksOf, outputOf, readHistory } from './support/read-history.ts';

const WRITER = fileURLToPath(new URL('support/trim-writer.ts', import.meta.url));
const END = 24 * 64 * 1024;
/** A trim of this test takes about 15 statements; more than this is a loop. */
const MAX_STEPS = 200;
const CHILD_TIMEOUT_MS = 30_000;

it('F7: a kill -9 in front of every statement of a trim leaves the first offset and the bytes in agreement, and the rerun finishes', async () => {
  let done = false;
  for (let n = 1; !done && n < MAX_STEPS; n += 1) {
    using directory = temporaryDirectory();
    const path = directory.file('journal.db');
    const child = spawnSync(process.execPath, [WRITER, path, String(n)], { encoding: 'utf8', timeout: CHILD_TIMEOUT_MS });
    done = child.stdout.startsWith('done');
    if (!done) expect(child.signal, child.stderr).toBe('SIGKILL');

    const journal = await openJournal({ path, synchronous: 'normal' });
    await expect.poll(() => journal.trimming).toBe(false);
    const [session, other] = journal.sessions();
    if (!session || !other) throw new Error('the sessions are gone');
    const at = `killed before statement ${n}`;
    const { firstOffset, endOffset } = session;
    expect(endOffset, at).toBe(END);
    const base = journal.base(session.id);
    expect(base?.offset ?? 0, at).toBe(firstOffset);
    if (base) expect(Buffer.from(base.state).toString(), at).toBe(`state at ${firstOffset}`);
    const { stream } = await readHistory(journal, session.id, { fromOffset: firstOffset, afterMark: base?.mark ?? 0 });
    expect(outputOf(stream).equals(pattern(0, firstOffset, END)), at).toBe(true);
    const marks = marksOf(stream).map(({ mark }) => mark);
    expect(marks, at).toEqual(marks.map((_, index) => (base?.mark ?? 0) + 1 + index));
    const rest = await readHistory(journal, other.id);
    expect(outputOf(rest.stream).equals(pattern(1, 0, END / 64)), at).toBe(true);
    // The limit was stored with the first statement: what the kill left undone, the next start does.
    if (session.maxHistoryBytes === 512 * 1024) expect(endOffset - firstOffset, at).toBeLessThanOrEqual(512 * 1024);
    await journal.close();
  }
  expect(done).toBe(true);
}, 120_000);
