// Owns what an export looks like: plain text, text with colours, a page. Pure.
import { DEFAULT_THEME, screenAnsi, screenHtmlLines, screenText } from '@cotg/screen';
import type { LineFormat } from './history-lines.ts';

export type LinesFormatName = 'text' | 'ansi' | 'html';

export interface DocumentFormat extends LineFormat {
  readonly contentType: string;
  readonly head: (title: string) => string;
  readonly foot: string;
}

const DIM = '\u001b[2m';
const PLAIN = '\u001b[0m';
const ROWS = { scrollback: 0, keepBlankEnd: true } as const;

/** The reader's own colours, light or dark; those of the program on top. */
const THEME = { ...DEFAULT_THEME, foreground: 'CanvasText', background: 'Canvas' };

export const FORMATS: Readonly<Record<LinesFormatName, DocumentFormat>> = {
  text: {
    contentType: 'text/plain; charset=utf-8',
    head: () => '',
    foot: '',
    lines: (state) => screenText(state, ROWS),
    note: (text) => `[${text}]`,
  },
  ansi: {
    contentType: 'text/plain; charset=utf-8',
    head: () => '',
    foot: '',
    lines: (state) => screenAnsi(state, ROWS),
    note: (text) => `${DIM}[${text}]${PLAIN}`,
  },
  // Everything in one file, and nothing in it that acts.
  html: {
    contentType: 'text/html; charset=utf-8',
    head: (title) =>
      `<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n<title>${escapeText(title)}</title>\n<style>:root{color-scheme:light dark}body{margin:1rem}pre{margin:0;font:0.85rem/1.25 ui-monospace,monospace;white-space:pre-wrap}i{opacity:.6}</style>\n</head>\n<body><pre>`,
    foot: '</pre></body>\n</html>\n',
    lines: (state) => screenHtmlLines(state, { ...ROWS, theme: THEME }),
    note: (text) => `<i>[${escapeText(text)}]</i>`,
  },
};

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

function escapeText(text: string): string {
  return text.replaceAll(/[&<>]/g, (character) => ESCAPES[character] ?? '');
}
