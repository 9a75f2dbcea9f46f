// Owns reading a stored state back; the layout is described in encode.ts. What comes in may be damaged or hostile: every number is checked
// before it is used, and no more memory is taken than the blob's size justifies.
import { ByteReader, corrupt } from './bytes.ts';
import { MAX_STATE_BYTES, MAX_STATE_CELLS, STATE_LAYOUT } from './encode.ts';
import { ScreenError } from './errors.ts';
import { headFromJson } from './head.ts';
import type { BufferHead } from './head.ts';
import {
  CELL_WORDS,
  COMBINED_FLAG,
  EMULATOR_VERSION,
  EXTENDED_FLAG,
  MAX_CELL_CHARS,
  MAX_COLS,
  MAX_COMBINED_COLUMN,
  MAX_LINES,
  MAX_LINK_CHARS,
  MAX_TAIL_BYTES,
  WIDTH_SHIFT,
} from './state.ts';
import type { BufferState, CombinedCell, LineState, ScreenState } from './state.ts';

const MAX_VERSION_CHARS = 64;
/** Links are by far the largest part of it, and quoting can double their addresses. */
const MAX_HEAD_CHARS = 2 * MAX_LINK_CHARS + 4 * 1024 * 1024;
const MAX_CODE_POINT = 0x10_ffff;
const MAX_WIDTH = 2;

/** Throws ScreenError SCREEN_VERSION, SCREEN_CORRUPT or SCREEN_TOO_LARGE. */
export function decodeState(bytes: Uint8Array): ScreenState {
  if (bytes.length > MAX_STATE_BYTES) throw new ScreenError('SCREEN_TOO_LARGE', `${bytes.length} bytes are no state`);
  const reader = new ByteReader(bytes);
  const layout = reader.varint();
  if (layout !== STATE_LAYOUT) throw wrongVersion(`layout ${layout}, expected ${STATE_LAYOUT}`);
  const emulator = reader.text(MAX_VERSION_CHARS, 'version');
  if (emulator !== EMULATOR_VERSION) throw wrongVersion(`emulator ${emulator}, expected ${EMULATOR_VERSION}`);
  const head = headFromJson(reader.text(MAX_HEAD_CHARS, 'head'));
  const sequence = reader.block(MAX_TAIL_BYTES, 'tail').slice();
  const character = reader.block(3, 'unfinished character').slice();
  const tables: Tables = { attributes: readPairs(reader), extended: readPairs(reader), cellsLeft: MAX_STATE_CELLS };
  const normal = readBuffer(reader, head.normal, head, tables);
  const alternate = readBuffer(reader, head.alternate, head, tables);
  if (normal.lines.length === 0) throw corrupt('the normal screen has no lines');
  if (head.active === 'alternate' && alternate.lines.length === 0) throw corrupt('the alternate screen is in use and has no lines');
  if (reader.remaining > 0) throw corrupt(`${reader.remaining} bytes follow its end`);
  return { ...head, emulator, normal, alternate, tail: { sequence, character } };
}

function wrongVersion(message: string): ScreenError {
  return new ScreenError('SCREEN_VERSION', `the state is of another version: ${message}`, { hint: 'Rebuild it from the journal.' });
}

interface Tables {
  readonly attributes: Uint32Array;
  readonly extended: Uint32Array;
  cellsLeft: number;
}

function readPairs(reader: ByteReader): Uint32Array {
  const pairs = new Uint32Array(reader.count(MAX_STATE_CELLS, 'table') * 2);
  for (let at = 0; at < pairs.length; at += 1) pairs[at] = reader.varint();
  return pairs;
}

function readBuffer(
  reader: ByteReader,
  head: BufferHead,
  size: { readonly cols: number; readonly rows: number },
  tables: Tables,
): BufferState {
  const count = reader.count(MAX_LINES, 'lines');
  // The cursor and every row of the screen must exist: the emulator does not check.
  if (count > 0 && head.base + size.rows > count) throw corrupt(`${count} lines, but a screen from ${head.base}`);
  const lines: LineState[] = [];
  for (let index = 0; index < count; index += 1) lines.push(readLine(reader, size.cols, tables));
  return { ...head, lines };
}

const NO_EXTENDED = new Uint32Array(0);

function readLine(reader: ByteReader, cols: number, tables: Tables): LineState {
  const header = reader.varint();
  const wrapped = (header & 1) === 1;
  const hasExtras = (header & 2) === 2;
  const length = (header & 4) === 4 ? reader.upTo(MAX_COLS, 'line length') : cols;
  const count = Math.floor(header / 8);
  if (count > length || count > reader.remaining) throw corrupt(`${count} cells in a line of ${length}`);
  tables.cellsLeft -= count;
  if (tables.cellsLeft < 0) throw new ScreenError('SCREEN_TOO_LARGE', `more than ${MAX_STATE_CELLS} cells`);
  const cells = new Uint32Array(count * CELL_WORDS);
  for (let at = 0; at < cells.length;) {
    const attribute = reader.upTo(tables.attributes.length / 2 - 1, 'attribute') * 2;
    const fg = tables.attributes[attribute] ?? 0;
    const bg = tables.attributes[attribute + 1] ?? 0;
    const run = reader.upTo((cells.length - at) / CELL_WORDS, 'run');
    if (run === 0) throw corrupt('an empty run');
    for (const end = at + run * CELL_WORDS; at < end; at += CELL_WORDS) {
      cells[at] = readCharacter(reader);
      cells[at + 1] = fg;
      cells[at + 2] = bg;
    }
  }
  const combined = hasExtras ? readCombined(reader) : [];
  const extended = hasExtras ? readExtended(reader, count, tables.extended) : NO_EXTENDED;
  requireExtras(cells, combined, extended);
  return { cells, length, wrapped, combined, extended };
}

function readCharacter(reader: ByteReader): number {
  const value = reader.varint();
  // One byte: that character, of width 1.
  if (value >= 0x20 && value <= 0x7e) return (1 << WIDTH_SHIFT) | value;
  const codePoint = Math.floor(value / 8);
  const width = (value >> 1) & 3;
  if (width > MAX_WIDTH || !isPrintable(codePoint)) throw corrupt(`a cell of ${codePoint}, width ${width}`);
  return (width << WIDTH_SHIFT) | ((value & 1) === 1 ? COMBINED_FLAG : 0) | codePoint;
}

/** Nothing (0), or what the emulator prints: no controls, no halves of a surrogate pair. */
function isPrintable(codePoint: number): boolean {
  if (codePoint < 0x20) return codePoint === 0;
  return codePoint <= MAX_CODE_POINT && !(codePoint >= 0x7f && codePoint < 0xa0) && !(codePoint >= 0xd800 && codePoint <= 0xdfff);
}

function readCombined(reader: ByteReader): readonly CombinedCell[] {
  const combined: CombinedCell[] = [];
  for (let left = reader.count(MAX_COMBINED_COLUMN + 1, 'combined cells'); left > 0; left -= 1) {
    const column = reader.upTo(MAX_COMBINED_COLUMN, 'column');
    combined.push([column, reader.text(MAX_CELL_CHARS, 'cell')]);
  }
  return combined;
}

/** The emulator reads the text and the extended attributes of a cell that says it has some without asking whether they are there. */
function requireExtras(cells: Uint32Array, combined: readonly CombinedCell[], extended: Uint32Array): void {
  let columns: Set<number> | undefined;
  let next = 0;
  for (let at = 0; at < cells.length; at += CELL_WORDS) {
    const column = at / CELL_WORDS;
    if (((cells[at + 2] ?? 0) & EXTENDED_FLAG) !== 0) {
      if (extended[next] !== column) throw corrupt('an extended cell without its attributes');
      next += 3;
    }
    if (((cells[at] ?? 0) & COMBINED_FLAG) === 0) continue;
    columns ??= new Set(combined.map(([known]) => known));
    if (!columns.has(column)) throw corrupt('a combined cell without its text');
  }
  if (next !== extended.length) throw corrupt('extended attributes without a cell');
}

/** Columns ascend and have cells: a few bytes never become many entries. */
function readExtended(reader: ByteReader, cells: number, table: Uint32Array): Uint32Array {
  const extended: number[] = [];
  let next = 0;
  for (let left = reader.count(cells, 'extended cells'); left > 0; left -= 1) {
    const column = reader.upTo(cells - 1, 'column');
    if (column < next) throw corrupt('extended cells out of order');
    next = column + reader.upTo(cells - column, 'run');
    const attribute = reader.upTo(table.length / 2 - 1, 'extended attribute') * 2;
    for (let at = column; at < next; at += 1) extended.push(at, table[attribute] ?? 0, table[attribute + 1] ?? 0);
  }
  return Uint32Array.from(extended);
}
