// Owns text on its way to the program: what a paste becomes, and pieces that fit one input. Pure.

/** xterm ctlseqs "bracketed paste mode": what stands between these is not typed but pasted. 0x9b is CSI in one character. */
export const PASTE_START = '\u001b[200~';
export const PASTE_END = '\u001b[201~';
// oxlint-disable-next-line no-control-regex -- control characters are what this is about.
const BRACKETS = /(?:\u001b\[|\u009b)20[01]~/g;
/** All but tab and Enter: a key is pressed, a pasted one would act without anybody having pressed it (Ctrl+C, Escape, Ctrl+D). */
// oxlint-disable-next-line no-control-regex -- as above.
const KEYS = /[\u0000-\u0008\u000a-\u000c\u000e-\u001f\u007f-\u009f]/g;

/**
 * A paste as the program gets it: line ends are what Enter sends, and brackets and control characters inside the text
 * are removed, so that nobody can end the paste early and have the rest typed as commands, nor have keys pressed.
 */
export function preparePaste(text: string, bracketed: boolean): string {
  let clean = text.replaceAll(/\r?\n/g, '\r');
  // Removing one may join the halves of another.
  for (let length = -1; length !== clean.length;) {
    length = clean.length;
    clean = clean.replaceAll(BRACKETS, '');
  }
  clean = clean.replaceAll(KEYS, '');
  return bracketed ? `${PASTE_START}${clean}${PASTE_END}` : clean;
}

/** Bytes of `text` in UTF-8. A lone surrogate becomes U+FFFD when encoded: three bytes, like other characters of its plane. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) bytes += characterBytes(character);
  return bytes;
}

/** Pieces of at most `maxBytes` of UTF-8, in order, none of them cut inside a character; none for empty text. */
export function splitText(text: string, maxBytes: number): readonly string[] {
  const pieces: string[] = [];
  let [from, at, bytes] = [0, 0, 0];
  for (const character of text) {
    const size = characterBytes(character);
    if (bytes + size > maxBytes) {
      pieces.push(text.slice(from, at));
      [from, bytes] = [at, 0];
    }
    at += character.length;
    bytes += size;
  }
  if (at > from) pieces.push(text.slice(from));
  return pieces;
}

function characterBytes(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  return code < 0x10000 ? 3 : 4;
}
