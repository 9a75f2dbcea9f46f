// Owns the rows of a state as people read them: which rows are one line, and what stands in it in which look. Must not know the formats
// (text.ts, ansi.ts, html.ts).
import { DEFAULT_LOOK, isBareBlank, readLook } from './look.ts';
import type { Look } from './look.ts';
import { bufferInUse, CELL_WORDS, CODE_POINT_MASK, COMBINED_FLAG, WIDTH_SHIFT } from './state.ts';
import type { LineState, ScreenState } from './state.ts';

export interface RowsOptions {
  /** Lines above the screen; none by default, all that the state has with Infinity. */
  readonly scrollback?: number;
  /** Rows that go on in the next one are one line; true by default. Otherwise a line is a row, as on the screen. */
  readonly joinWrapped?: boolean;
  /** Blank lines at the end are lines too; false by default: those of a screen are what nobody has written to. */
  readonly keepBlankEnd?: boolean;
}

/** Characters that follow each other and look alike. */
export interface Span {
  readonly text: string;
  readonly look: Look;
}

/** Without the blanks at the end of a line that show nothing, and without blank lines at the end. */
export function readLines(state: ScreenState, options: RowsOptions = {}): readonly (readonly Span[])[] {
  const { lines: rows, base } = bufferInUse(state);
  const looks = new Looks();
  const lines: (readonly Span[])[] = [];
  let line = new LineBuilder();
  for (let y = Math.max(0, base - (options.scrollback ?? 0)); y < rows.length; y += 1) {
    const row = rows[y];
    if (!row) break;
    const next = rows[y + 1];
    const following = (options.joinWrapped ?? true) && next?.wrapped === true ? next : undefined;
    addRow(line, row, { cols: state.cols, looks, following });
    if (following) continue;
    lines.push(line.finish());
    line = new LineBuilder();
  }
  if (options.keepBlankEnd !== true) while (lines.length > 0 && lines.at(-1)?.length === 0) lines.pop();
  return lines;
}

interface RowContext {
  readonly cols: number;
  readonly looks: Looks;
  /** The row that this one goes on in: up to it, blanks count. */
  readonly following: LineState | undefined;
}

function addRow(line: LineBuilder, { cells, combined, extended }: LineState, { cols, looks, following }: RowContext): void {
  const texts = new Map(combined);
  const styles = new Map<number, number>();
  for (let at = 0; at < extended.length; at += 3) styles.set(extended[at] ?? 0, extended[at + 1] ?? 0);
  // A wide character that did not fit into the last column is in the following row: what it left behind is no blank.
  const end = following && widthOf(following.cells[0] ?? 0) === 2 && isEmpty(cells[(cols - 1) * CELL_WORDS] ?? 0) ? cols - 1 : cols;
  const filled = Math.min(end, cells.length / CELL_WORDS);
  let column = 0;
  while (column < filled) {
    const at = column * CELL_WORDS;
    const content = cells[at] ?? 0;
    line.add(textOf(content, texts.get(column)), looks.get(cells[at + 1] ?? 0, cells[at + 2] ?? 0, styles.get(column) ?? 0));
    column += Math.max(1, widthOf(content));
  }
  if (following && column < end) line.add(' '.repeat(end - column), DEFAULT_LOOK);
}

function widthOf(content: number): number {
  return content >>> WIDTH_SHIFT;
}

function isEmpty(content: number): boolean {
  return (content & (CODE_POINT_MASK | COMBINED_FLAG)) === 0;
}

function textOf(content: number, combined: string | undefined): string {
  if ((content & COMBINED_FLAG) !== 0) return combined ?? ' ';
  const codePoint = content & CODE_POINT_MASK;
  return codePoint === 0 ? ' ' : String.fromCodePoint(codePoint);
}

/** One object per look, so that looks are compared by identity. */
class Looks {
  readonly #looks = new Map<string, Look>([['0,0,0', DEFAULT_LOOK]]);

  get(fg: number, bg: number, ext: number): Look {
    const key = `${fg},${bg},${ext}`;
    let look = this.#looks.get(key);
    if (!look) this.#looks.set(key, (look = readLook(fg, bg, ext)));
    return look;
  }
}

class LineBuilder {
  readonly #spans: { text: string; readonly look: Look }[] = [];

  add(text: string, look: Look): void {
    const last = this.#spans.at(-1);
    if (last?.look === look) last.text += text;
    else this.#spans.push({ text, look });
  }

  finish(): readonly Span[] {
    for (let last = this.#spans.at(-1); last && isBareBlank(last.look); last = this.#spans.at(-1)) {
      last.text = last.text.replace(/ +$/, '');
      if (last.text !== '') break;
      this.#spans.pop();
    }
    return this.#spans;
  }
}
