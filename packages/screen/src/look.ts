// Owns what the attribute words of a cell mean to a reader's eye. Must not know cells or formats.
import { EXTENDED_FLAG } from './state.ts';

/** null: the default colour. Below 256: of the palette. Else RGB + red, green, blue. */
export type Color = number | null;
export const RGB = 0x100_0000;

export const UNDERLINES = ['none', 'single', 'double', 'curly', 'dotted', 'dashed'] as const;
export type Underline = (typeof UNDERLINES)[number];

export interface Look {
  readonly foreground: Color;
  readonly background: Color;
  /** null: that of the text. */
  readonly underlineColor: Color;
  readonly underline: Underline;
  readonly bold: boolean;
  readonly dim: boolean;
  readonly italic: boolean;
  readonly blink: boolean;
  readonly inverse: boolean;
  readonly invisible: boolean;
  readonly strikethrough: boolean;
  readonly overline: boolean;
}

const COLOR_MODE = 0x300_0000;
const COLOR_RGB = 0x300_0000;
/** SGR 59 of xterm.js 6.0.0: the text's colour. */
const NO_UNDERLINE_COLOR = 0x3ff_ffff;

export function readLook(fg: number, bg: number, ext: number): Look {
  const hasExtended = (bg & EXTENDED_FLAG) !== 0;
  const style = hasExtended ? UNDERLINES[(ext >>> 26) & 7] : undefined;
  const underlineWord = ext & 0x3ff_ffff;
  return {
    foreground: readColor(fg),
    background: readColor(bg),
    underlineColor: hasExtended && underlineWord !== NO_UNDERLINE_COLOR ? readColor(underlineWord) : null,
    underline: (fg & 0x1000_0000) === 0 ? 'none' : (style ?? 'single'),
    bold: (fg & 0x800_0000) !== 0,
    dim: (bg & 0x800_0000) !== 0,
    italic: (bg & 0x400_0000) !== 0,
    blink: (fg & 0x2000_0000) !== 0,
    inverse: (fg & 0x400_0000) !== 0,
    invisible: (fg & 0x4000_0000) !== 0,
    strikethrough: (fg & 0x8000_0000) !== 0,
    overline: (bg & 0x4000_0000) !== 0,
  };
}

function readColor(word: number): Color {
  const mode = word & COLOR_MODE;
  if (mode === 0) return null;
  return mode === COLOR_RGB ? RGB + (word & 0xff_ffff) : word & 0xff;
}

export const DEFAULT_LOOK: Look = readLook(0, 0, 0);

/** Whether a blank in this look shows nothing. */
export function isBareBlank(look: Look): boolean {
  return look.background === null && !look.inverse && look.underline === 'none' && !look.strikethrough && !look.overline;
}
