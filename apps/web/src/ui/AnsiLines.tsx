// Owns a few lines of a screen drawn small, in their colours: text nodes in spans, nothing else.
import { For, Index } from 'solid-js';
import type { JSX } from 'solid-js';
import { parseAnsiLine } from './ansi-line.ts';
import type { AnsiPalette } from './ansi-line.ts';

export interface AnsiLinesProps {
  /** Text with SGR sequences, one string a line. */
  readonly lines: readonly string[];
  readonly palette: AnsiPalette;
}

export function AnsiLines(props: AnsiLinesProps): JSX.Element {
  return (
    <Index each={props.lines}>
      {(line) => (
        <span class="ansi-line">
          <For each={parseAnsiLine(line(), props.palette)}>{({ text, style }) => <span style={style}>{text}</span>}</For>
        </span>
      )}
    </Index>
  );
}
