// Owns which links of a program's output may be opened: plain web addresses whose host is what it seems. Pure.

/** Longer ones carry data, not addresses. */
const MAX_LINK_CHARS = 2048;
/** Control characters, and the marks that turn the direction of text and so hide what an address is. */
const DECEPTIVE = /[\p{Cc}\p{Cf}\u2028\u2029]/u;

export interface SafeLink {
  readonly href: string;
  readonly host: string;
}

/** Undefined for what must not be opened. Internationalised hosts are refused: letters of other scripts look alike. */
export function safeLink(text: string): SafeLink | undefined {
  if (text.length > MAX_LINK_CHARS || DECEPTIVE.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined;
  if (url.username !== '' || url.password !== '') return undefined;
  if (url.hostname.split('.').some((label) => label.startsWith('xn--'))) return undefined;
  return { href: url.href, host: url.host };
}
