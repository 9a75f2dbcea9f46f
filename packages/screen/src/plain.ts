// Owns making one short line for people out of what a program sent: a title, a notification. It goes into lists, pushes and other people's
// notification centres, where a control character could act and a direction mark could turn the text around.

/** UTF-16 units. */
export const MAX_PLAIN_CHARS = 256;
/** More than this is not looked at: what is stripped can be no reason to search through megabytes. */
const MAX_READ_CHARS = 4096;

/** C0, DEL, C1, line and paragraph separators. */
const CONTROLS = /[\p{Cc}\u2028\u2029]+/gu;
/** Direction marks, embeddings, overrides and isolates; joiners and other invisible format characters stay, emoji need them. */
const DIRECTIONS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
/** Halves of surrogate pairs. */
const HALVES = /\p{Cs}/gu;

/** Controls become one blank each run, direction marks nothing; trimmed, at most MAX_PLAIN_CHARS, never cut inside a character. */
export function plainLine(text: string): string {
  const line = text.slice(0, MAX_READ_CHARS).replaceAll(CONTROLS, ' ').replaceAll(DIRECTIONS, '').replaceAll(HALVES, '').trim();
  if (line.length <= MAX_PLAIN_CHARS) return line;
  return line.slice(0, MAX_PLAIN_CHARS).replaceAll(HALVES, '').trimEnd();
}
