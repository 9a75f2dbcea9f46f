// Owns the account of lost tails: output that was shown and is not in the journal any more. Found at the opening (high-water-mark.ts),
// kept in the journal's `meta`, so that it is still known after the next start. Must not know what is done about them.
import { readFileSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { sql } from 'kysely';
import { compile, makeQueryBuilder } from '../compile.ts';
import { StorageError } from '../errors.ts';
import { prepare } from '../statement.ts';
import type { FoundMarks, MarkIdentity } from './high-water-mark.ts';
import type { JournalSchema } from './schema.ts';
import type { SessionBook } from './session-book.ts';
import type { LostTail } from './types.ts';

const LOSSES_KEY = 'lost_tails';
/** The oldest are forgotten (count). */
const MAX_LOSSES = 200;

export class LossBook {
  readonly #statements: ReturnType<typeof prepareStatements>;

  constructor(db: Database.Database) {
    this.#statements = prepareStatements(db);
  }

  identity(): MarkIdentity {
    const journalId = this.#statements.get.get({ key: 'journal_id' })?.value;
    if (journalId === undefined) throw new StorageError('JOURNAL_DAMAGED', 'the journal has no id');
    return { journalId, bootId: readBootId() };
  }

  /** All that were ever found, oldest first. */
  all(): LostTail[] {
    const stored = this.#statements.get.get({ key: LOSSES_KEY })?.value;
    // Written by `add` and by nothing else: the shape is ours.
    return stored === undefined ? [] : (JSON.parse(stored) as LostTail[]);
  }

  /** One transaction. To add what is there already changes nothing. */
  add(losses: readonly LostTail[]): void {
    const known = this.all();
    const isKnown = (loss: LostTail): boolean =>
      known.some(({ sessionId, from, to }) => sessionId === loss.sessionId && from === loss.from && to === loss.to);
    const fresh = losses.filter((loss) => !isKnown(loss));
    if (fresh.length > 0) this.#statements.put.run({ key: LOSSES_KEY, value: JSON.stringify([...known, ...fresh].slice(-MAX_LOSSES)) });
  }

  /** What the marks say and the journal does not have. */
  find(marks: FoundMarks, book: SessionBook, at: number): LostTail[] {
    if (marks.kind !== 'marks') return [];
    const { sameBoot } = marks;
    // Keys are never used again: a higher one than was ever given is that of a session whose creation itself is lost, any other one's
    // session was removed.
    const newestKey = this.#statements.newestKey.get() ?? 0;
    return [...marks.ends].flatMap(([key, to]): LostTail[] => {
      const record = book.findKey(key);
      if (record === undefined) return key > newestKey ? [{ sessionId: null, from: 0, to, at, sameBoot }] : [];
      const { id: sessionId, endOffset: from } = record.committed;
      return to > from ? [{ sessionId, from, to, at, sameBoot }] : [];
    });
  }
}

function readBootId(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    // Not Linux: every opening counts as another boot, which only makes the report more careful.
    return null;
  }
}

function prepareStatements(db: Database.Database) {
  const q = makeQueryBuilder<JournalSchema>();
  return {
    get: prepare(
      db,
      compile<{ key: string }, { value: string }>(['key'], (p) => q.selectFrom('meta').select('value').where('key', '=', p.key)),
    ),
    put: prepare(
      db,
      compile<{ key: string; value: string }>(['key', 'value'], (p) =>
        q
          .insertInto('meta')
          .values(p)
          .onConflict((conflict) => conflict.column('key').doUpdateSet({ value: sql`excluded.value` })),
      ),
    ),
    // SQLite's own table, which Kysely does not know.
    newestKey: db.prepare<[], number>("select seq from sqlite_sequence where name = 'session'").pluck(),
  };
}
