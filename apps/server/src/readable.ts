// Owns making text of strangers harmless in a log: what a terminal would act on is spelled out. Pure.

/** C0 and C1 controls, DEL, direction overrides and other invisible ones, line and paragraph separators (Unicode Cc, Cf, Zl, Zp). */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** Deeper than anything we log. */
const MAX_DEPTH = 6;

const spelled = (character: string): string => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;

/** Line ends stay: a stack has them, and both formats of the log show them inside quotation marks. */
function readableText(text: string): string {
  return text.replace(INVISIBLE, (character) => (character === '\n' ? character : spelled(character)));
}

/** The same value with every text in it made readable, names of fields too. */
export function readable(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return readableText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '…';
  if (Array.isArray(value)) return value.map((item) => readable(item, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [readableText(name), readable(item, depth + 1)]));
}

export function readableFields(fields: object): Record<string, unknown> {
  return readable(fields) as Record<string, unknown>;
}
