// Owns the SQL of every statement that changes journal.db, compiled and prepared once when the journal opens.
import type Database from 'better-sqlite3';
import { sql } from 'kysely';
import type { CompiledQuery } from 'kysely';
import { compile, makeQueryBuilder } from '../compile.ts';
import { prepare } from '../statement.ts';
import type { Parameters, Statement } from '../statement.ts';
import type { MarkRow } from './marks.ts';
import { MARK_KIND } from './schema.ts';
import type { JournalSchema } from './schema.ts';

export type WriterStatements = ReturnType<typeof prepareWriterStatements>;

export function prepareWriterStatements(db: Database.Database) {
  const q = makeQueryBuilder<JournalSchema>();
  const statement = <P extends Parameters, Row = unknown>(
    names: readonly (keyof P & string)[],
    build: (parameters: P) => { compile(): CompiledQuery<Row> },
  ): Statement<P, Row> => prepare(db, compile(names, build));
  type Key = { session: number };
  type LogRange = { session: number; after: number; last: number };
  type Base = Key & { off: number; mark: number; run: number; cols: number; rows: number; version: string; crc: number; data: Uint8Array };
  const baseColumns = ['session', 'off', 'mark', 'run', 'cols', 'rows', 'version', 'crc', 'data'] as const;
  return {
    insertTail: statement<{ id: number; session: number; off: number; data: Uint8Array; crc: number }>(
      ['id', 'session', 'off', 'data', 'crc'],
      (p) => q.insertInto('tail').values(p),
    ),
    insertMark: statement<MarkRow>(['id', 'session', 'mark', 'off', 'at', 'kind', 'cols', 'rows', 'run', 'lost_bytes', 'detail'], (p) =>
      q.insertInto('mark').values(p),
    ),
    saveActivity: statement<Key & { at: number }>(['session', 'at'], (p) =>
      q.updateTable('session').set({ last_activity_at: p.at }).where('id', '=', p.session),
    ),
    updateSize: statement<Key & { cols: number; rows: number }>(['session', 'cols', 'rows'], (p) =>
      q.updateTable('session').set({ cols: p.cols, rows: p.rows }).where('id', '=', p.session),
    ),
    endRun: statement<Key & { run: number; state: string; reason: string; exit_code: number | null; signal: string | null; at: number }>(
      ['session', 'run', 'state', 'reason', 'exit_code', 'signal', 'at'],
      (p) =>
        q
          .updateTable('run')
          .set({ state: p.state, reason: p.reason, exit_code: p.exit_code, signal: p.signal, ended_at: p.at })
          .where('session', '=', p.session)
          .where('run', '=', p.run),
    ),
    insertSession: statement<{
      uuid: string;
      created_at: number;
      command: string;
      cwd: string;
      cols: number;
      rows: number;
      max_history_bytes: number;
      idle_timeout_ms: number;
    }>(['uuid', 'created_at', 'command', 'cwd', 'cols', 'rows', 'max_history_bytes', 'idle_timeout_ms'], (p) =>
      q.insertInto('session').values({ ...p, last_activity_at: p.created_at }),
    ),
    sessionKey: statement<{ uuid: string }, { id: number }>(['uuid'], (p) =>
      q.selectFrom('session').select('id').where('uuid', '=', p.uuid),
    ),
    insertRun: statement<Key & { run: number; from_offset: number }>(['session', 'run', 'from_offset'], (p) =>
      q.insertInto('run').values({ ...p, state: 'starting' }),
    ),
    startRun: statement<Key & { run: number; pid: number; start_time: string | null; boot_id: string | null; at: number }>(
      ['session', 'run', 'pid', 'start_time', 'boot_id', 'at'],
      (p) =>
        q
          .updateTable('run')
          .set({ state: 'running', pid: p.pid, start_time: p.start_time, boot_id: p.boot_id, started_at: p.at })
          .where('session', '=', p.session)
          .where('run', '=', p.run),
    ),
    updateLimits: statement<Key & { max_history_bytes: number; idle_timeout_ms: number }>(
      ['session', 'max_history_bytes', 'idle_timeout_ms'],
      (p) =>
        q
          .updateTable('session')
          .set({ max_history_bytes: p.max_history_bytes, idle_timeout_ms: p.idle_timeout_ms })
          .where('id', '=', p.session),
    ),
    deleteSession: statement<Key>(['session'], (p) => q.deleteFrom('session').where('id', '=', p.session)),
    insertPurge: statement<Key>(['session'], (p) => q.insertInto('purge').values(p)),
    deletePurge: statement<Key>(['session'], (p) => q.deleteFrom('purge').where('session', '=', p.session)),
    purges: statement<Record<string, never>, { session: number }>([], () => q.selectFrom('purge').select('session')),
    // A compressed segment holds at most 1 MiB of output; four of them keep a step short.
    segmentsToPurge: statement<Key, { id: number }>(['session'], (p) =>
      q.selectFrom('segment').select('id').where('session', '=', p.session).limit(4),
    ),
    deleteSegment: statement<{ id: number }>(['id'], (p) => q.deleteFrom('segment').where('id', '=', p.id)),
    tailToPurge: statement<LogRange, { id: number; len: number }>(['session', 'after', 'last'], (p) =>
      q
        .selectFrom('tail')
        .select(['id', sql<number>`length(data)`.as('len')])
        .where('id', '>', p.after)
        .where('id', '<=', p.last)
        .where('session', '=', p.session)
        .orderBy('id'),
    ),
    deleteTail: statement<LogRange>(['session', 'after', 'last'], (p) =>
      q.deleteFrom('tail').where('id', '>', p.after).where('id', '<=', p.last).where('session', '=', p.session),
    ),
    deleteMarks: statement<LogRange>(['session', 'after', 'last'], (p) =>
      q.deleteFrom('mark').where('id', '>', p.after).where('id', '<=', p.last).where('session', '=', p.session),
    ),
    insertCandidate: statement<Base>([...baseColumns], (p) => q.insertInto('base_candidate').values(p)),
    candidates: statement<Key, { off: number }>(['session'], (p) =>
      q.selectFrom('base_candidate').select('off').where('session', '=', p.session).orderBy('off'),
    ),
    candidateAt: statement<Key & { off: number }, Base>(['session', 'off'], (p) =>
      q
        .selectFrom('base_candidate')
        .select([...baseColumns])
        .where('session', '=', p.session)
        .where('off', '=', p.off),
    ),
    deleteCandidates: statement<Key & { off: number }>(['session', 'off'], (p) =>
      q.deleteFrom('base_candidate').where('session', '=', p.session).where('off', '<=', p.off),
    ),
    deleteBase: statement<Key>(['session'], (p) => q.deleteFrom('base_checkpoint').where('session', '=', p.session)),
    insertBase: statement<Base>([...baseColumns], (p) => q.insertInto('base_checkpoint').values(p)),
    base: statement<Key, Base>(['session'], (p) =>
      q
        .selectFrom('base_checkpoint')
        .select([...baseColumns])
        .where('session', '=', p.session),
    ),
    moveStart: statement<Key & { off: number; mark: number }>(['session', 'off', 'mark'], (p) =>
      q.updateTable('session').set({ first_offset: p.off, mark_floor: p.mark }).where('id', '=', p.session),
    ),
    // A mark at the offset itself holds from there on, so it is the newest that a blank terminal there has seen.
    newestMark: statement<Key & { off: number; last: number }, { mark: number }>(['session', 'off', 'last'], (p) =>
      q
        .selectFrom('mark')
        .select('mark')
        .where('id', '<=', p.last)
        .where('session', '=', p.session)
        .where('off', '<=', p.off)
        .orderBy('id', 'desc')
        .limit(1),
    ),
    newestSize: statement<Key & { off: number; last: number }, { cols: number | null; rows: number | null }>(
      ['session', 'off', 'last'],
      (p) =>
        q
          .selectFrom('mark')
          .select(['cols', 'rows'])
          .where('id', '<=', p.last)
          .where('session', '=', p.session)
          .where('kind', '=', MARK_KIND.resize)
          .where('off', '<=', p.off)
          .orderBy('id', 'desc')
          .limit(1),
    ),
    runAt: statement<Key & { off: number }, { run: number }>(['session', 'off'], (p) =>
      q.selectFrom('run').select('run').where('session', '=', p.session).where('from_offset', '<=', p.off).orderBy('run', 'desc').limit(1),
    ),
    // Four segments hold at most 4 MiB of output: a step stays short.
    segmentsBelow: statement<Key & { off: number }, { id: number; stored: number }>(['session', 'off'], (p) =>
      q
        .selectFrom('segment')
        .select(['id', sql<number>`length(data)`.as('stored')])
        .where('session', '=', p.session)
        .where('off', '<', p.off)
        .where(sql<number>`off + len`, '<=', p.off)
        .orderBy('off')
        .limit(4),
    ),
    tailBelow: statement<LogRange & { off: number }, { id: number; len: number }>(['session', 'after', 'last', 'off'], (p) =>
      q
        .selectFrom('tail')
        .select(['id', sql<number>`length(data)`.as('len')])
        .where('id', '>', p.after)
        .where('id', '<=', p.last)
        .where('session', '=', p.session)
        .where(sql<number>`off + length(data)`, '<=', p.off)
        .orderBy('id'),
    ),
    deleteTailRow: statement<{ id: number }>(['id'], (p) => q.deleteFrom('tail').where('id', '=', p.id)),
    deleteMarksBelow: statement<LogRange & { floor: number }>(['session', 'after', 'last', 'floor'], (p) =>
      q
        .deleteFrom('mark')
        .where('id', '>', p.after)
        .where('id', '<=', p.last)
        .where('session', '=', p.session)
        .where('mark', '<=', p.floor),
    ),
  };
}
