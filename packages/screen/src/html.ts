// Owns a screen as a piece of HTML that needs nothing around it: one <pre>, spans with styles of their own, text escaped. Links are left out
// on purpose: where they lead is for the viewer to check.
import { RGB } from './look.ts';
import type { Color, Look } from './look.ts';
import { readLines } from './rows.ts';
import type { RowsOptions, Span } from './rows.ts';
import { BACKGROUND_COLOR, FOREGROUND_COLOR } from './state.ts';
import type { ScreenState } from './state.ts';

export interface HtmlTheme {
  /** CSS colours. */
  readonly foreground: string;
  readonly background: string;
  /** The first 16 of the palette. */
  readonly colors: readonly string[];
}

/** The colours of xterm.js where no theme is set. */
export const DEFAULT_THEME: HtmlTheme = {
  foreground: '#ffffff',
  background: '#000000',
  colors: [
    ...['#2e3436', '#cc0000', '#4e9a06', '#c4a000', '#3465a4', '#75507b', '#06989a', '#d3d7cf'],
    ...['#555753', '#ef2929', '#8ae234', '#fce94f', '#729fcf', '#ad7fa8', '#34e2e2', '#eeeeec'],
  ],
};

/** Levels of the 6 x 6 x 6 colours from 16 on (xterm's 256colres). */
const CUBE_LEVELS = [0, 95, 135, 175, 215, 255];
const CUBE_FIRST = 16;
const GREY_FIRST = 232;

/** A piece of HTML per line, without line ends. */
export function screenHtmlLines(state: ScreenState, options: RowsOptions & { readonly theme?: HtmlTheme } = {}): string[] {
  const palette = new Palette(state, options.theme ?? DEFAULT_THEME);
  return readLines(state, options).map((spans) => spans.map((span) => spanHtml(span, palette)).join(''));
}

/** `<pre>…</pre>`, its lines ended by line feeds. Colours that a program has set win over the theme. */
export function screenHtml(state: ScreenState, options: RowsOptions & { readonly theme?: HtmlTheme } = {}): string {
  const palette = new Palette(state, options.theme ?? DEFAULT_THEME);
  const lines = screenHtmlLines(state, options);
  return `<pre style="margin:0;color:${palette.foreground};background:${palette.background}">${lines.join('\n')}\n</pre>`;
}

class Palette {
  readonly foreground: string;
  readonly background: string;
  readonly #theme: HtmlTheme;
  readonly #set: ReadonlyMap<number, string>;

  constructor(state: ScreenState, theme: HtmlTheme) {
    this.#theme = theme;
    this.#set = new Map(state.palette.map(({ index, rgb: [red, green, blue] }) => [index, css(red, green, blue)]));
    this.foreground = this.#set.get(FOREGROUND_COLOR) ?? escapeHtml(theme.foreground);
    this.background = this.#set.get(BACKGROUND_COLOR) ?? escapeHtml(theme.background);
  }

  css(color: Color): string | null {
    if (color === null) return null;
    if (color >= RGB) return css((color >>> 16) & 0xff, (color >>> 8) & 0xff, color & 0xff);
    const known = this.#set.get(color) ?? this.#theme.colors[color];
    if (known !== undefined) return escapeHtml(known);
    if (color >= GREY_FIRST) {
      const level = 8 + (color - GREY_FIRST) * 10;
      return css(level, level, level);
    }
    const index = color - CUBE_FIRST;
    return css(cube(Math.floor(index / 36)), cube(Math.floor(index / 6) % 6), cube(index % 6));
  }
}

function cube(level: number): number {
  return CUBE_LEVELS[level] ?? 0;
}

function css(red: number, green: number, blue: number): string {
  return `#${[red, green, blue].map((value) => value.toString(16).padStart(2, '0')).join('')}`;
}

function spanHtml({ text, look }: Span, palette: Palette): string {
  const style = styleOf(look, palette);
  return style === '' ? escapeHtml(text) : `<span style="${style}">${escapeHtml(text)}</span>`;
}

function styleOf(look: Look, palette: Palette): string {
  const styles: string[] = [];
  const foreground = palette.css(look.foreground);
  const background = palette.css(look.background);
  if (look.inverse) styles.push(`color:${background ?? palette.background}`, `background:${foreground ?? palette.foreground}`);
  else {
    if (foreground !== null) styles.push(`color:${foreground}`);
    if (background !== null) styles.push(`background:${background}`);
  }
  if (look.bold) styles.push('font-weight:bold');
  if (look.dim) styles.push('opacity:.5');
  if (look.italic) styles.push('font-style:italic');
  if (look.invisible) styles.push('color:transparent');
  const decorations = [
    ...(look.underline === 'none' ? [] : ['underline']),
    ...(look.overline ? ['overline'] : []),
    ...(look.strikethrough ? ['line-through'] : []),
  ];
  if (decorations.length > 0) styles.push(`text-decoration-line:${decorations.join(' ')}`);
  if (look.underline !== 'none' && look.underline !== 'single') {
    styles.push(`text-decoration-style:${look.underline === 'curly' ? 'wavy' : look.underline}`);
  }
  const underlineColor = palette.css(look.underlineColor);
  if (look.underline !== 'none' && underlineColor !== null) styles.push(`text-decoration-color:${underlineColor}`);
  return styles.join(';');
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? '');
}
