// Owns the bytes of keys that a phone's keyboard lacks, and Ctrl applied to those it has. Pure; codes of xterm ctlseqs, "PC-Style Function Keys".

export type BarKey = 'escape' | 'tab' | 'enter' | 'interrupt' | 'up' | 'down' | 'left' | 'right';

export interface KeyModes {
  /** DECCKM: arrows are SS3 sequences instead of CSI. */
  readonly applicationCursor: boolean;
  readonly ctrl: boolean;
}

const ARROWS = { up: 'A', down: 'B', right: 'C', left: 'D' } as const;
const CTRL_MODIFIER = '1;5';

export function bytesOfKey(key: BarKey, modes: KeyModes): string {
  switch (key) {
    case 'escape':
      return '\u001b';
    case 'tab':
      return '\t';
    case 'enter':
      return '\r';
    case 'interrupt':
      return '\u0003';
    default:
      if (modes.ctrl) return `\u001b[${CTRL_MODIFIER}${ARROWS[key]}`;
      return `\u001b${modes.applicationCursor ? 'O' : '['}${ARROWS[key]}`;
  }
}

/** Ctrl codes of characters that are not letters, as on a PC keyboard in xterm. */
const CTRL_CODES: Readonly<Record<string, string>> = {
  ' ': '\u0000',
  '@': '\u0000',
  '2': '\u0000',
  '[': '\u001b',
  '3': '\u001b',
  '\\': '\u001c',
  '4': '\u001c',
  ']': '\u001d',
  '5': '\u001d',
  '^': '\u001e',
  '6': '\u001e',
  _: '\u001f',
  '/': '\u001f',
  '7': '\u001f',
  '?': '\u007f',
  '8': '\u007f',
};

/** One typed character with Ctrl held; other texts are returned as they are. */
export function withCtrl(text: string): string {
  if (/^[a-zA-Z]$/.test(text)) return String.fromCharCode(text.toUpperCase().charCodeAt(0) - 0x40);
  return CTRL_CODES[text] ?? text;
}
