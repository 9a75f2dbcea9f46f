// Owns a screen as text with its colours and styles, for a terminal: SGR of ECMA-48 and xterm ctlseqs, and nothing else. Links, titles and
// cursor movements are left out on purpose: what was shown may be shown again, but must not act.
import { DEFAULT_LOOK, RGB, UNDERLINES } from './look.ts';
import type { Color, Look } from './look.ts';
import { readLines } from './rows.ts';
import type { RowsOptions } from './rows.ts';
import type { ScreenState } from './state.ts';

const CSI = '\u001b[';
const RESET = `${CSI}0m`;

/** A string per line, without line ends; each begins and ends in the default look. */
export function screenAnsi(state: ScreenState, options: RowsOptions = {}): string[] {
  return readLines(state, options).map((spans) => {
    let line = '';
    for (const { text, look } of spans) line += look === DEFAULT_LOOK ? text : `${sgr(look)}${text}${RESET}`;
    return line;
  });
}

/** The bytes that set this look on a terminal in the default one; empty for that. */
export function sgr(look: Look): string {
  const parameters: string[] = [];
  if (look.bold) parameters.push('1');
  if (look.dim) parameters.push('2');
  if (look.italic) parameters.push('3');
  if (look.underline !== 'none') parameters.push(look.underline === 'single' ? '4' : `4:${UNDERLINES.indexOf(look.underline)}`);
  if (look.blink) parameters.push('5');
  if (look.inverse) parameters.push('7');
  if (look.invisible) parameters.push('8');
  if (look.strikethrough) parameters.push('9');
  if (look.overline) parameters.push('53');
  parameters.push(...color(look.foreground, 30), ...color(look.background, 40), ...extended(look.underlineColor, 58));
  return parameters.length === 0 ? '' : `${CSI}${parameters.join(';')}m`;
}

/** `base`: 30 for the foreground, 40 for the background. */
function color(value: Color, base: number): readonly string[] {
  if (value !== null && value < 8) return [String(base + value)];
  if (value !== null && value < 16) return [String(base + 60 + value - 8)];
  return extended(value, base + 8);
}

function extended(value: Color, code: number): readonly string[] {
  if (value === null) return [];
  if (value < RGB) return [`${code};5;${value}`];
  const rgb = value - RGB;
  return [`${code};2;${rgb >>> 16};${(rgb >>> 8) & 0xff};${rgb & 0xff}`];
}
