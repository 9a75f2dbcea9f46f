// Owns: where in an append-only log a session's entries lie. The logs have no index, so a reader that looks for an offset would read
// every row of every session. A sparse list of (offset, row) per session, kept in memory, says from which row to look.
// Invariant: every entry with an offset >= x lies in a row >= rowBefore(x); every one with an offset <= x in a row <= rowAfter(x).

/** Rows of the log between two samples: passing over 1024 rows takes 2-4 ms, and a million rows cost about 1000 samples a session. */
const SAMPLE_ROWS = 1024;
/** Output of the session between two samples (bytes): rows of a flood hold up to 512 KiB each, so few of them are far. */
const SAMPLE_BYTES = 1024 * 1024;

export class PositionIndex {
  readonly #offsets: number[] = [];
  readonly #rows: number[] = [];
  readonly #spacing: number;
  #firstRow = 0;
  #lastRow = 0;

  constructor(spacing: number = SAMPLE_ROWS) {
    this.#spacing = spacing;
  }

  /** 0 when the log has nothing of this session. */
  get firstRow(): number {
    return this.#firstRow;
  }

  /** 0 when the log has nothing of this session. */
  get lastRow(): number {
    return this.#lastRow;
  }

  /** Rows and offsets must not go down from call to call. */
  add(offset: number, row: number): void {
    if (this.#firstRow === 0) this.#firstRow = row;
    this.#lastRow = row;
    const sampledRow = this.#rows.at(-1);
    const sampledOffset = this.#offsets.at(-1);
    if (sampledRow !== undefined && sampledOffset !== undefined) {
      if (row - sampledRow < this.#spacing && offset - sampledOffset < SAMPLE_BYTES) return;
    }
    this.#offsets.push(offset);
    this.#rows.push(row);
  }

  /** Entries before this offset are of no more use. */
  dropBefore(offset: number): void {
    const dropped = Math.max(0, this.#countBelow(offset) - 1);
    if (dropped === 0) return;
    this.#offsets.splice(0, dropped);
    this.#rows.splice(0, dropped);
    this.#firstRow = this.#rows[0] ?? this.#firstRow;
  }

  /** The rows up to this one are gone. */
  dropRows(last: number): void {
    if (this.#firstRow === 0 || this.#firstRow > last) return;
    const kept = this.#rows.findIndex((row) => row > last);
    const dropped = kept < 0 ? this.#rows.length : kept;
    this.#offsets.splice(0, dropped);
    this.#rows.splice(0, dropped);
    if (this.#lastRow <= last) this.#lastRow = 0;
    this.#firstRow = this.#lastRow === 0 ? 0 : last + 1;
  }

  /** Several entries may share an offset, so the sample must lie strictly before it. */
  rowBefore(offset: number): number {
    const at = this.#countBelow(offset) - 1;
    return this.#rows[at] ?? this.#firstRow;
  }

  rowAfter(offset: number): number {
    return this.#rows[this.#countBelow(offset + 1)] ?? this.#lastRow;
  }

  /** Number of samples with an offset < x. */
  #countBelow(offset: number): number {
    let low = 0;
    let high = this.#offsets.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#offsets[middle] ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
