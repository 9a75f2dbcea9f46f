// Owns the SQL of reading history, compiled in the main thread: the worker gets it as data and does not load Kysely.
import { sql } from 'kysely';
import { compile, makeQueryBuilder } from '../compile.ts';
import type { MarkRow } from './marks.ts';
import type { JournalSchema } from './schema.ts';

export type ReaderQueries = ReturnType<typeof compileReaderQueries>;

/** Where a row of the tail lies, without its output. */
export interface TailSize {
  readonly id: number;
  readonly off: number;
  readonly len: number;
}

/** What the index alone knows. */
export interface SegmentPlace {
  readonly off: number;
  readonly len: number;
}

export interface SegmentRow extends SegmentPlace {
  readonly codec: number;
  readonly crc: number;
  readonly data: Uint8Array;
}

type Key = { session: number };
/** Rows of a log, both ends included. */
type Rows = Key & { row: number; last: number };

export function compileReaderQueries() {
  const q = makeQueryBuilder<JournalSchema>();
  return {
    session: compile<Key, { first_offset: number }>(['session'], (p) =>
      q.selectFrom('session').select('first_offset').where('id', '=', p.session),
    ),
    segmentAt: compile<Key & { at: number }, SegmentRow>(['session', 'at'], (p) =>
      q
        .selectFrom('segment')
        .select(['off', 'len', 'codec', 'crc', 'data'])
        .where('session', '=', p.session)
        .where('off', '<=', p.at)
        .orderBy('off', 'desc')
        .limit(1),
    ),
    segmentPlace: compile<Key & { at: number }, SegmentPlace>(['session', 'at'], (p) =>
      q
        .selectFrom('segment')
        .select(['off', 'len'])
        .where('session', '=', p.session)
        .where('off', '<=', p.at)
        .orderBy('off', 'desc')
        .limit(1),
    ),
    // length() of a blob is in the row's header: sizing does not read the output.
    tailSizes: compile<Rows & { from: number; limit: number }, TailSize>(['session', 'row', 'last', 'from', 'limit'], (p) =>
      q
        .selectFrom('tail')
        .select(['id', 'off', sql<number>`length(data)`.as('len')])
        .where('id', '>=', p.row)
        .where('id', '<=', p.last)
        .where('session', '=', p.session)
        .where(sql<number>`off + length(data)`, '>', p.from)
        .orderBy('id')
        .limit(p.limit),
    ),
    tailData: compile<Rows, { off: number; data: Uint8Array; crc: number | null }>(['session', 'row', 'last'], (p) =>
      q
        .selectFrom('tail')
        .select(['off', 'data', 'crc'])
        .where('id', '>=', p.row)
        .where('id', '<=', p.last)
        .where('session', '=', p.session)
        .orderBy('id'),
    ),
    marks: compile<Rows & { afterMark: number; from: number; to: number; limit: number }, MarkRow>(
      ['session', 'afterMark', 'from', 'to', 'row', 'last', 'limit'],
      (p) =>
        q
          .selectFrom('mark')
          .selectAll()
          .where('id', '>=', p.row)
          .where('id', '<=', p.last)
          .where('session', '=', p.session)
          .where('mark', '>', p.afterMark)
          .where('off', '>=', p.from)
          .where('off', '<=', p.to)
          .orderBy('id')
          .limit(p.limit),
    ),
  };
}
