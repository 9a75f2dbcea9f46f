// Owns what a label of a person's may hold: no control characters, no direction overrides. Pure.

/** '' when nothing is left. */
export function cleanLabel(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '').trim();
}
