// Owns how a mark is written to its row and read back.
import type { Selectable } from 'kysely';
import { assertNever } from '../assert-never.ts';
import { StorageError } from '../errors.ts';
import { MARK_KIND } from './schema.ts';
import type { MarkTable } from './schema.ts';
import type { EndReason, MarkEntry, RunState } from './types.ts';

export type MarkRow = Selectable<MarkTable>;

const NO_COLUMNS = { cols: null, rows: null, run: null, lost_bytes: null, detail: null };

/** The details of an `exit` mark, as JSON. The names are part of the format. */
interface ExitDetail {
  readonly state: RunState;
  readonly reason: EndReason;
  readonly exitCode: number | null;
  readonly signal: string | null;
}

export function markToRow(id: number, session: number, entry: MarkEntry): MarkRow {
  const row = { id, session, mark: entry.mark, off: entry.offset, at: entry.at, kind: MARK_KIND[entry.kind], ...NO_COLUMNS };
  switch (entry.kind) {
    case 'time':
      return row;
    case 'resize':
      return { ...row, cols: entry.cols, rows: entry.rows };
    case 'seam':
      return { ...row, run: entry.run, detail: entry.note };
    case 'gap':
      return { ...row, lost_bytes: entry.lostBytes };
    case 'exit': {
      const detail: ExitDetail = { state: entry.state, reason: entry.reason, exitCode: entry.exitCode, signal: entry.signal };
      return { ...row, run: entry.run, detail: JSON.stringify(detail) };
    }
    default:
      return assertNever(entry);
  }
}

/** Throws JOURNAL_DAMAGED for a row that no version of the program has written. */
export function rowToMark(row: MarkRow): MarkEntry {
  const mark = { offset: row.off, mark: row.mark, at: row.at };
  switch (row.kind) {
    case MARK_KIND.time:
      return { kind: 'time', ...mark };
    case MARK_KIND.resize:
      return { kind: 'resize', ...mark, cols: required(row, 'cols'), rows: required(row, 'rows') };
    case MARK_KIND.seam:
      return { kind: 'seam', ...mark, run: required(row, 'run'), note: row.detail ?? '' };
    case MARK_KIND.gap:
      return { kind: 'gap', ...mark, lostBytes: required(row, 'lost_bytes') };
    case MARK_KIND.exit:
      return { kind: 'exit', ...mark, run: required(row, 'run'), ...parseExit(row) };
    default:
      throw damaged(row, `kind ${row.kind}`);
  }
}

function required(row: MarkRow, column: 'cols' | 'rows' | 'run' | 'lost_bytes'): number {
  const value = row[column];
  if (value === null) throw damaged(row, `${column} is missing`);
  return value;
}

function parseExit(row: MarkRow): ExitDetail {
  try {
    // Written by markToRow and by nothing else: the shape is ours.
    return JSON.parse(row.detail ?? '') as ExitDetail;
  } catch (cause) {
    throw damaged(row, 'detail', cause);
  }
}

function damaged(row: MarkRow, what: string, cause?: unknown): StorageError {
  return new StorageError('JOURNAL_DAMAGED', `mark ${row.mark} of session key ${row.session} cannot be read: ${what}`, { cause });
}
