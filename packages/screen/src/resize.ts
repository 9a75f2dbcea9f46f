// Owns changing the size of an emulator, with two defects of xterm.js 6.0.0 mended. Both ends must use it, or they come apart.
//
// 1. Rows taken away before the first use of the alternate screen leave its ring of lines at the old length, and the alternate screen then
//    grows a scrollback. 2. (Browser) After a resize the renderer's default letter spacing is stale and every span gets its own: twice the
//    HTML. May go when xterm.js is mended.
import { coreOf } from './xterm-internals.ts';
import type { ScreenTerminal } from './xterm-internals.ts';

/** At once, in the middle of whatever is queued: call it in the callback of a `write` to keep the order. Sizes are the caller's to check. */
export function resizeScreen(terminal: ScreenTerminal, cols: number, rows: number): void {
  if (terminal.cols !== cols || terminal.rows !== rows) terminal.resize(cols, rows);
  const core = coreOf(terminal);
  const { lines } = core.buffers.alt;
  if (lines.length === 0) lines.maxLength = terminal.rows;
  core._renderService?._renderer.value?._setDefaultSpacing?.();
}
