// Owns the terminal's colours for a dark and a light page. Backgrounds equal the page's (styles/tokens.css).
import type { ITheme } from '@xterm/xterm';
import type { AnsiPalette, Rgb } from '../ui/ansi-line.ts';

export const DARK_THEME: ITheme = {
  background: '#0c1015',
  foreground: '#d7dde5',
  cursor: '#5ec8b0',
  cursorAccent: '#0c1015',
  selectionBackground: '#2b4a5a',
  black: '#1b222b',
  red: '#f07178',
  green: '#8fcf7f',
  yellow: '#e3b564',
  blue: '#6cb2f5',
  magenta: '#c792ea',
  cyan: '#5ec8b0',
  white: '#c3cbd5',
  brightBlack: '#6b7785',
  brightRed: '#ff8b92',
  brightGreen: '#a9e39a',
  brightYellow: '#f5cd84',
  brightBlue: '#8cc6ff',
  brightMagenta: '#dab0f7',
  brightCyan: '#84e0cb',
  brightWhite: '#f2f5f8',
};

export const LIGHT_THEME: ITheme = {
  background: '#fbfaf7',
  foreground: '#24292f',
  cursor: '#0f7b66',
  cursorAccent: '#fbfaf7',
  selectionBackground: '#cfe3dd',
  black: '#24292f',
  red: '#b3263a',
  green: '#2c7a2f',
  yellow: '#8a5b00',
  blue: '#1f5fae',
  magenta: '#8039a8',
  cyan: '#0f7b66',
  white: '#6a727b',
  brightBlack: '#57606a',
  brightRed: '#cf3a4c',
  brightGreen: '#3a8f3d',
  brightYellow: '#a06b00',
  brightBlue: '#2f74cc',
  brightMagenta: '#944fbc',
  brightCyan: '#15937a',
  brightWhite: '#8a929b',
};

/** The names of the first sixteen colours, in the order of their numbers. */
const NAMES = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'] as const;
const BRIGHT_NAMES = [
  'brightBlack',
  'brightRed',
  'brightGreen',
  'brightYellow',
  'brightBlue',
  'brightMagenta',
  'brightCyan',
  'brightWhite',
] as const;

/** For what is drawn like a terminal without one. */
export function paletteOf(theme: ITheme): AnsiPalette {
  return {
    foreground: rgbOf(theme.foreground),
    background: rgbOf(theme.background),
    colors: [...NAMES, ...BRIGHT_NAMES].map((name) => rgbOf(theme[name])),
  };
}

/** Of `#rrggbb`, as all of ours are. */
function rgbOf(color = '#000000'): Rgb {
  const value = Number.parseInt(color.slice(1), 16);
  return [value >> 16, (value >> 8) & 0xff, value & 0xff];
}
