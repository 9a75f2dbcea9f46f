// Owns a screen as plain text. Must not know looks: a blank in colour is a blank here.
import { readLines } from './rows.ts';
import type { RowsOptions } from './rows.ts';
import type { ScreenState } from './state.ts';

/** A string per line, without line ends and without blanks at the end. */
export function screenText(state: ScreenState, options: RowsOptions = {}): string[] {
  const lines = readLines(state, options).map((spans) =>
    spans
      .map(({ text }) => text)
      .join('')
      .replace(/ +$/, ''),
  );
  if (options.keepBlankEnd !== true) while (lines.at(-1) === '') lines.pop();
  return lines;
}
