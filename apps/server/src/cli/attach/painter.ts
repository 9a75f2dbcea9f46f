// Owns what the person's terminal shows: the session's screen, or the part of it that fits, and one line of ours when there is something to say.
// Must not know connections.
//
// Invariant: a frame is painted only when the one before was taken: a slow terminal, or a slow line to it, gets fewer frames and never a queue.
import { paintModes, paintRows, plainLine } from '@cotg/screen';
import type { PaintModes, ScreenState } from '@cotg/screen';
import type { OwnTerminal } from './own-terminal.ts';

/** Between two frames (ms): a key's echo is at once, a flood is 60 pictures a second. */
const FRAME_MS = 16;
/** A program that began an update (mode 2026) and does not end it is shown all the same after so long (ms). */
const MAX_UPDATE_MS = 150;

const CSI = '\u001b[';
/** Terminals that know mode 2026 show a frame in one step; the others ignore it. */
const BEGIN = `${CSI}?2026h${CSI}?25l`;
const END = `${CSI}?2026l`;
const STATUS_LOOK = `${CSI}0;7m`;
const PLAIN = `${CSI}0m`;

export interface PainterOptions {
  readonly terminal: Pick<OwnTerminal, 'cols' | 'rows' | 'isIdle' | 'write'>;
  /** The screen as it is now. */
  readonly state: () => ScreenState;
  /** What is to be said under it now. */
  readonly status: () => string | undefined;
}

export class Painter {
  readonly #options: PainterOptions;
  #rows: string[] = [];
  #modes: Partial<PaintModes> = {};
  #cursor = '';
  #title: string | undefined;
  #size = '';
  #place = { top: 0, left: 0 };
  #timer: ReturnType<typeof setTimeout> | undefined;
  #paintedMs = Number.NEGATIVE_INFINITY;
  #updateSinceMs: number | undefined;
  #isDue = false;
  #isStopped = false;

  constructor(options: PainterOptions) {
    this.#options = options;
  }

  /** Something has changed. */
  changed(): void {
    if (this.#isStopped || this.#timer !== undefined) return;
    if (!this.#options.terminal.isIdle) {
      this.#isDue = true;
      return;
    }
    const waitMs = this.#paintedMs + FRAME_MS - performance.now();
    if (waitMs <= 0) this.#paint();
    else this.#later(waitMs);
  }

  /** Whatever stands there, everything is painted. */
  paintAnew(): void {
    this.#rows = [];
    this.#modes = {};
    this.#cursor = '';
    this.changed();
  }

  bell(): void {
    if (!this.#isStopped) this.#write('\u0007');
  }

  title(text: string): void {
    const title = plainLine(text);
    if (this.#isStopped || title === this.#title) return;
    this.#title = title;
    this.#write(`\u001b]2;${title}\u001b\\`);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #later(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.changed();
    }, ms);
  }

  #write(text: string): void {
    this.#options.terminal.write(text, () => {
      if (!this.#isDue || this.#isStopped) return;
      this.#isDue = false;
      this.changed();
    });
  }

  #paint(): void {
    const state = this.#options.state();
    const now = performance.now();
    if (state.modes.synchronizedOutput) {
      this.#updateSinceMs ??= now;
      if (now - this.#updateSinceMs < MAX_UPDATE_MS) {
        this.#later(FRAME_MS);
        return;
      }
    } else this.#updateSinceMs = undefined;
    this.#paintedMs = now;
    const frame = this.#frame(state);
    if (frame !== '') this.#write(`${BEGIN}${frame}${END}`);
  }

  /** Empty when it would change nothing. */
  #frame(state: ScreenState): string {
    const { cols, rows } = this.#options.terminal;
    const status = this.#options.status();
    const height = status === undefined ? rows : Math.max(1, rows - 1);
    const view = this.#follow(state, cols, height);
    const next = paintRows(state, { ...view, width: cols, height });
    if (status !== undefined && rows > 1) next.push(`${STATUS_LOOK}${plainLine(status).slice(0, cols).padEnd(cols)}${PLAIN}`);
    let out = '';
    if (this.#size !== `${cols}x${rows}`) {
      // What a terminal does with its content when its size changes is its own affair.
      this.#size = `${cols}x${rows}`;
      this.#rows = [];
      out += `${PLAIN}${CSI}2J`;
    }
    next.forEach((row, y) => {
      if (row !== this.#rows[y]) out += `${CSI}${y + 1};1H${row}`;
    });
    this.#rows = next;
    const isWhole = view.top === 0 && view.left === 0;
    const modes = paintModes(state, { mouse: isWhole });
    for (const [name, bytes] of Object.entries(modes) as [keyof PaintModes, string][]) if (this.#modes[name] !== bytes) out += bytes;
    this.#modes = modes;
    const cursor = this.#cursorOf(state, view, { cols, height });
    const isSame = out === '' && cursor === this.#cursor;
    this.#cursor = cursor;
    return isSame ? '' : `${out}${cursor}`;
  }

  /** Of a larger screen the part with the cursor is shown, and it moves no more than it must. */
  #follow(state: ScreenState, width: number, height: number): { readonly top: number; readonly left: number } {
    const { x, y } = state[state.active];
    const along = (from: number, at: number, room: number, all: number): number =>
      Math.max(0, Math.min(Math.max(Math.min(from, at), at - room + 1), all - room));
    this.#place = {
      top: along(this.#place.top, y, height, state.rows),
      left: along(this.#place.left, Math.min(x, state.cols - 1), width, state.cols),
    };
    return this.#place;
  }

  #cursorOf(state: ScreenState, view: { top: number; left: number }, room: { cols: number; height: number }): string {
    const { x, y } = state[state.active];
    // Behind the last column it waits for the next character.
    const [row, column] = [y - view.top, Math.min(x, state.cols - 1) - view.left];
    const isShown = !state.modes.cursorHidden && row >= 0 && row < room.height && column >= 0 && column < room.cols;
    return isShown ? `${CSI}${row + 1};${column + 1}H${CSI}?25h` : `${CSI}?25l`;
  }
}
