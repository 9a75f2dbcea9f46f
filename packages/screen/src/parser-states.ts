// Owns the states that a terminal's parser goes through, as a table: the VT500 parser (https://vt100.net/emu/dec_ansi_parser) with the
// differences of xterm.js 6.0.0. Must not know what sequences mean.
//
// A step is the next state, and what becomes of the character: kept (a replay needs it), dropped (it has acted already, or never will), or
// the first of a new sequence. Characters are code points; 0xa0 stands for itself and all above.

/** Numbered as in xterm.js. */
export const GROUND = 0;
const ESCAPE = 1;
const ESCAPE_INTERMEDIATE = 2;
const CSI_ENTRY = 3;
const CSI_PARAM = 4;
const CSI_INTERMEDIATE = 5;
const CSI_IGNORE = 6;
const SOS_PM_APC_STRING = 7;
const OSC_STRING = 8;
const DCS_ENTRY = 9;
const DCS_PARAM = 10;
const DCS_IGNORE = 11;
const DCS_INTERMEDIATE = 12;
const DCS_PASSTHROUGH = 13;
const STATES = 14;

export const STATE_MASK = 0x0f;
export const KEEP = 0x10;
export const START = 0x20;

/** Characters told apart: 0x00-0x9f, and one for the rest. */
export const CLASSES = 0xa1;
export const NOT_ASCII = 0xa0;

/** Index: state * CLASSES + min(code point, NOT_ASCII). */
export function makeStepTable(): Uint8Array {
  // What is in no rule ends the sequence: nothing of it is left.
  const table = new Uint8Array(STATES * CLASSES).fill(GROUND);
  const on = (state: number, from: number, to: number, step: number): void => {
    table.fill(step, state * CLASSES + from, state * CLASSES + to + 1);
  };
  const everywhere = (from: number, to: number, step: number): void => {
    for (let state = GROUND; state < STATES; state += 1) on(state, from, to, step);
  };
  /** C0 controls but CAN, SUB and ESC. */
  const controls = (state: number, step: number): void => {
    on(state, 0x00, 0x17, step);
    on(state, 0x19, 0x19, step);
    on(state, 0x1c, 0x1f, step);
  };

  // Within ESC and CSI controls act at once, within strings they are ignored: either way a replay must not see them. DEL is ignored.
  for (let state = ESCAPE; state < DCS_PASSTHROUGH; state += 1) controls(state, state);
  for (let state = ESCAPE; state < STATES; state += 1) on(state, 0x7f, 0x7f, state);

  on(ESCAPE, 0x20, 0x2f, ESCAPE_INTERMEDIATE | KEEP);
  on(ESCAPE, 0x50, 0x50, DCS_ENTRY | KEEP);
  on(ESCAPE, 0x58, 0x58, SOS_PM_APC_STRING | KEEP);
  on(ESCAPE, 0x5b, 0x5b, CSI_ENTRY | KEEP);
  on(ESCAPE, 0x5d, 0x5d, OSC_STRING | KEEP);
  on(ESCAPE, 0x5e, 0x5f, SOS_PM_APC_STRING | KEEP);
  on(ESCAPE_INTERMEDIATE, 0x20, 0x2f, ESCAPE_INTERMEDIATE | KEEP);

  on(CSI_ENTRY, 0x20, 0x2f, CSI_INTERMEDIATE | KEEP);
  on(CSI_ENTRY, 0x30, 0x3f, CSI_PARAM | KEEP);
  on(CSI_PARAM, 0x20, 0x2f, CSI_INTERMEDIATE | KEEP);
  on(CSI_PARAM, 0x30, 0x3b, CSI_PARAM | KEEP);
  on(CSI_PARAM, 0x3c, 0x3f, CSI_IGNORE | KEEP);
  on(CSI_INTERMEDIATE, 0x20, 0x2f, CSI_INTERMEDIATE | KEEP);
  on(CSI_INTERMEDIATE, 0x30, 0x3f, CSI_IGNORE | KEEP);
  on(CSI_IGNORE, 0x20, 0x3f, CSI_IGNORE);
  on(CSI_IGNORE, NOT_ASCII, NOT_ASCII, CSI_IGNORE);

  on(SOS_PM_APC_STRING, 0x20, 0x7e, SOS_PM_APC_STRING);
  on(OSC_STRING, 0x20, 0x7f, OSC_STRING | KEEP);
  on(OSC_STRING, NOT_ASCII, NOT_ASCII, OSC_STRING | KEEP);
  on(OSC_STRING, 0x07, 0x07, GROUND);

  on(DCS_ENTRY, 0x20, 0x2f, DCS_INTERMEDIATE | KEEP);
  on(DCS_ENTRY, 0x30, 0x3f, DCS_PARAM | KEEP);
  on(DCS_ENTRY, 0x40, 0x7e, DCS_PASSTHROUGH | KEEP);
  on(DCS_PARAM, 0x20, 0x2f, DCS_INTERMEDIATE | KEEP);
  on(DCS_PARAM, 0x30, 0x3b, DCS_PARAM | KEEP);
  on(DCS_PARAM, 0x3c, 0x3f, DCS_IGNORE | KEEP);
  on(DCS_PARAM, 0x40, 0x7e, DCS_PASSTHROUGH | KEEP);
  on(DCS_INTERMEDIATE, 0x20, 0x2f, DCS_INTERMEDIATE | KEEP);
  on(DCS_INTERMEDIATE, 0x30, 0x3f, DCS_IGNORE | KEEP);
  on(DCS_INTERMEDIATE, 0x40, 0x7e, DCS_PASSTHROUGH | KEEP);
  on(DCS_IGNORE, 0x20, 0x7f, DCS_IGNORE);
  on(DCS_IGNORE, NOT_ASCII, NOT_ASCII, DCS_IGNORE);
  // The data of a device control string may hold controls.
  controls(DCS_PASSTHROUGH, DCS_PASSTHROUGH | KEEP);
  on(DCS_PASSTHROUGH, 0x20, 0x7e, DCS_PASSTHROUGH | KEEP);
  on(DCS_PASSTHROUGH, NOT_ASCII, NOT_ASCII, DCS_PASSTHROUGH | KEEP);

  // Anywhere: CAN, SUB and the other C1 controls end what was begun (as no rule does), these begin anew.
  everywhere(0x18, 0x18, GROUND);
  everywhere(0x1a, 0x1a, GROUND);
  everywhere(0x80, 0x9f, GROUND);
  everywhere(0x1b, 0x1b, ESCAPE | START);
  everywhere(0x90, 0x90, DCS_ENTRY | START);
  everywhere(0x98, 0x98, SOS_PM_APC_STRING | START);
  everywhere(0x9b, 0x9b, CSI_ENTRY | START);
  everywhere(0x9d, 0x9d, OSC_STRING | START);
  everywhere(0x9e, 0x9f, SOS_PM_APC_STRING | START);
  return table;
}
