// Owns what a label of a person's may hold: no control characters, no direction overrides, no ends of lines, no halves of characters. Pure.

/** '' when nothing is left. */
export function cleanLabel(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, '').trim();
}
