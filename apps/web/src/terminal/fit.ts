// Owns how a grid of cells and the room on the glass fit each other. Pure; lengths in CSS pixels.

/** The limits of the wire; below the lower ones programs draw nothing useful. */
const MIN_COLS = 10;
const MIN_ROWS = 2;
const MAX_CELLS_PER_SIDE = 1000;
/** Cell sizes are measured with small errors: half a pixel over the whole row must not cost a column. */
const TOLERANCE_PX = 0.5;
/** Below this nobody can read, and browsers may refuse to draw. */
const MIN_FONT_PX = 4;

export interface Size {
  readonly cols: number;
  readonly rows: number;
}

export interface Box {
  readonly width: number;
  readonly height: number;
}

/** The largest grid of such cells that fits the room. */
export function fitGrid(room: Box, cell: Box): Size {
  return {
    cols: clamp(Math.floor((room.width + TOLERANCE_PX) / cell.width), MIN_COLS),
    rows: clamp(Math.floor((room.height + TOLERANCE_PX) / cell.height), MIN_ROWS),
  };
}

function clamp(value: number, min: number): number {
  return Math.min(MAX_CELLS_PER_SIDE, Math.max(min, Number.isFinite(value) ? value : min));
}

/** Font size at which `cols` columns fit the width, at most `fontPx`; `cellWidth` is a cell's width at `fontPx`. */
export function fontForColumns(cols: number, room: Box, cellWidth: number, fontPx: number): number {
  const needed = cols * cellWidth;
  if (needed <= room.width + TOLERANCE_PX) return fontPx;
  // Steps of a quarter pixel: every other size would be measured anew for nothing.
  return Math.max(MIN_FONT_PX, Math.floor(((fontPx * room.width) / needed) * 4) / 4);
}

/**
 * How far a grid taller than its room slides up: not at all while the row of the cursor is visible without, else to the end, unless the
 * cursor is above that.
 */
export function slideForCursor(
  grid: { readonly height: number; readonly rowHeight: number },
  roomHeight: number,
  cursorTop: number,
): number {
  const hidden = grid.height - roomHeight;
  if (hidden <= 0 || cursorTop + grid.rowHeight <= roomHeight) return 0;
  return Math.max(0, Math.min(hidden, cursorTop));
}
