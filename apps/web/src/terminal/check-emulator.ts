// Owns the question whether screens can be put into this page's emulator: it depends on insides of one version of xterm.js.
import { selfTest } from '@cotg/screen';
import type { ScreenProblem } from '@cotg/screen';
import { version } from '@xterm/xterm/package.json';
import { makeXterm } from './create-terminal.ts';

/** Of the emulators made for the question: its screens have a dozen lines. */
const SCROLLBACK_LINES = 50;

/** null: they can. Takes some milliseconds. */
export function checkEmulator(): ScreenProblem | null {
  return selfTest({ version, makeTerminal: (size) => makeXterm({ ...size, scrollback: SCROLLBACK_LINES }) });
}
