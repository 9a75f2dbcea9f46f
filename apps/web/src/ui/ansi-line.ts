// Owns turning one line with SGR sequences (ECMA-48 8.3.117, xterm ctlseqs) into pieces of text with a style each. Pure. For small
// pictures of a screen; a terminal is drawn by the emulator.
//
// The line comes from a program: whatever is no SGR is text, and text never is anything else. Control characters and marks that
// turn the direction of writing are left out.
import type { JSX } from 'solid-js';

/** A phone shows about fifty; colour sequences take several times that. */
const MAX_LINE_CHARS = 2000;
/** WCAG 2.2 AA, as in the terminal: programs choose colours without knowing our background. */
const MINIMUM_CONTRAST = 4.5;
const CONTRAST_STEP = 0.1;
/** Colours from here on are a cube of 6 x 6 x 6 (xterm's 256colres), then 24 greys. */
const CUBE_FIRST = 16;
const GREY_FIRST = 232;
const CUBE_LEVELS = [0, 95, 135, 175, 215, 255] as const;

// oxlint-disable no-control-regex -- sequences begin with one.
const SGR = /\u001b\[([0-9;:]*)m/g;
/** A line that was cut to a length may end inside a sequence. */
const CUT_SGR = /\u001b\[?[0-9;:]*$/;
// oxlint-enable no-control-regex
const INVISIBLE = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

export type Rgb = readonly [red: number, green: number, blue: number];

/** Colours of a theme: the two defaults and the first sixteen. */
export interface AnsiPalette {
  readonly foreground: Rgb;
  readonly background: Rgb;
  readonly colors: readonly Rgb[];
}

export interface AnsiSpan {
  readonly text: string;
  readonly style: JSX.CSSProperties;
}

interface Look {
  foreground: Rgb | undefined;
  background: Rgb | undefined;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underlined: boolean;
  inverse: boolean;
  hidden: boolean;
  struck: boolean;
}

const plainLook = (): Look => ({
  foreground: undefined,
  background: undefined,
  bold: false,
  dim: false,
  italic: false,
  underlined: false,
  inverse: false,
  hidden: false,
  struck: false,
});

export function parseAnsiLine(line: string, palette: AnsiPalette): readonly AnsiSpan[] {
  const bounded = line.slice(0, MAX_LINE_CHARS).replace(CUT_SGR, '');
  const spans: AnsiSpan[] = [];
  let look = plainLook();
  // Text and parameters in turn: the pattern has one group.
  bounded.split(SGR).forEach((part, index) => {
    if (index % 2 === 1) {
      look = applySgr(look, part, palette);
      return;
    }
    const text = part.replaceAll(INVISIBLE, '');
    if (text !== '') spans.push({ text: look.hidden ? ' '.repeat(text.length) : text, style: styleOf(look, palette) });
  });
  return spans;
}

function applySgr(before: Look, parameters: string, palette: AnsiPalette): Look {
  let look = { ...before };
  const codes = parameters.split(';');
  for (let at = 0; at < codes.length; at += 1) {
    // 4:3 is a curly underline: a line under it, here.
    const [code = '', style] = (codes[at] ?? '').split(':');
    const number = Number(code);
    if (number === 38 || number === 48 || number === 58) {
      const { color, used } = readColor(codes.slice(at + 1), palette);
      if (number === 38) look.foreground = color ?? look.foreground;
      if (number === 48) look.background = color ?? look.background;
      at += used;
    } else if (number === 0) look = plainLook();
    else applyCode(look, number, style !== '0', palette);
  }
  return look;
}

function applyCode(look: Look, code: number, isOn: boolean, { colors }: AnsiPalette): void {
  if (code >= 30 && code <= 37) look.foreground = colors[code - 30];
  else if (code >= 40 && code <= 47) look.background = colors[code - 40];
  else if (code >= 90 && code <= 97) look.foreground = colors[code - 90 + 8];
  else if (code >= 100 && code <= 107) look.background = colors[code - 100 + 8];
  switch (code) {
    case 1:
      look.bold = true;
      return;
    case 2:
      look.dim = true;
      return;
    case 3:
      look.italic = true;
      return;
    case 4:
      look.underlined = isOn;
      return;
    case 7:
      look.inverse = true;
      return;
    case 8:
      look.hidden = true;
      return;
    case 9:
      look.struck = true;
      return;
    case 22:
      look.bold = false;
      look.dim = false;
      return;
    case 23:
      look.italic = false;
      return;
    case 24:
      look.underlined = false;
      return;
    case 27:
      look.inverse = false;
      return;
    case 28:
      look.hidden = false;
      return;
    case 29:
      look.struck = false;
      return;
    case 39:
      look.foreground = undefined;
      return;
    case 49:
      look.background = undefined;
  }
}

/** What follows 38, 48 or 58: `5 ; number` or `2 ; red ; green ; blue`. */
function readColor(codes: readonly string[], palette: AnsiPalette): { readonly color: Rgb | undefined; readonly used: number } {
  const byte = (at: number): number => Math.min(255, Number(codes[at] ?? '0') || 0);
  if (codes[0] === '5') return { color: paletteColor(byte(1), palette), used: 2 };
  if (codes[0] === '2') return { color: [byte(1), byte(2), byte(3)], used: 4 };
  return { color: undefined, used: 0 };
}

function paletteColor(index: number, { colors }: AnsiPalette): Rgb | undefined {
  if (index < CUBE_FIRST) return colors[index];
  if (index >= GREY_FIRST) {
    const level = 8 + (index - GREY_FIRST) * 10;
    return [level, level, level];
  }
  const place = index - CUBE_FIRST;
  const level = (digit: number): number => CUBE_LEVELS[digit % 6] ?? 0;
  return [level(Math.floor(place / 36)), level(Math.floor(place / 6)), level(place)];
}

function styleOf(look: Look, palette: AnsiPalette): JSX.CSSProperties {
  const front = look.foreground ?? palette.foreground;
  const back = look.background ?? palette.background;
  const [color, background] = look.inverse ? [back, front] : [front, back];
  const style: JSX.CSSProperties = {};
  if (look.inverse || look.foreground || look.background) style.color = css(readable(color, background));
  if (look.inverse || look.background) style['background-color'] = css(background);
  if (look.bold) style['font-weight'] = 'bold';
  if (look.dim) style.opacity = 0.7;
  if (look.italic) style['font-style'] = 'italic';
  const lines = [...(look.underlined ? ['underline'] : []), ...(look.struck ? ['line-through'] : [])];
  if (lines.length > 0) style['text-decoration-line'] = lines.join(' ');
  return style;
}

/** The colour, moved towards black or white until it can be read. */
function readable(color: Rgb, background: Rgb): Rgb {
  const goal = contrast([255, 255, 255], background) >= contrast([0, 0, 0], background) ? 255 : 0;
  let mixed = color;
  for (let share = CONTRAST_STEP; share <= 1 && contrast(mixed, background) < MINIMUM_CONTRAST; share += CONTRAST_STEP) {
    const mix = (level: number): number => Math.round(level + (goal - level) * share);
    mixed = [mix(color[0]), mix(color[1]), mix(color[2])];
  }
  return mixed;
}

/** WCAG 2.2, contrast ratio: 1 to 21. */
function contrast(a: Rgb, b: Rgb): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((one, other) => other - one);
  return ((light ?? 0) + 0.05) / ((dark ?? 0) + 0.05);
}

function luminance([red, green, blue]: Rgb): number {
  const linear = (level: number): number => (level <= 10 ? level / 255 / 12.92 : ((level / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

function css([red, green, blue]: Rgb): string {
  return `rgb(${red} ${green} ${blue})`;
}
