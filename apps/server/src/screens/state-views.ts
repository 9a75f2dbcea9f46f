// Owns what is made of a terminal's state for those who ask: the bytes a viewer gets, the rows a script gets. Pure; serves a live
// emulator and a stored state alike, so that a session that sleeps is looked at without waking it.
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { decodeState, encodeState, MAX_STATE_BYTES, screenAnsi, screenText } from '@cotg/screen';
import type { ScreenState } from '@cotg/screen';
import type { RowsReply } from './messages.ts';

/** A snapshot is made for every attach on a slow phone link: level 6 costs about a millisecond and is within 3 % of the best. */
const DEFLATE_LEVEL = 6;

export type ScreenRows = Pick<RowsReply, 'cols' | 'rows' | 'cursor' | 'lines'>;

/** deflate-raw. Throws ScreenError SCREEN_TOO_LARGE. */
export function packState(state: ScreenState): Uint8Array {
  return deflateRawSync(encodeState(state), { level: DEFLATE_LEVEL });
}

/** Throws what zlib or decodeState throw when it is not a state of ours. */
export function unpackState(bytes: Uint8Array): ScreenState {
  return decodeState(inflateRawSync(bytes, { maxOutputLength: MAX_STATE_BYTES }));
}

export function rowsOf(state: ScreenState, format: 'text' | 'ansi'): ScreenRows {
  const { x, y } = state.active === 'normal' ? state.normal : state.alternate;
  const lines = (format === 'text' ? screenText : screenAnsi)(state, { joinWrapped: false });
  return { cols: state.cols, rows: state.rows, cursor: { x, y, visible: !state.modes.cursorHidden }, lines };
}
