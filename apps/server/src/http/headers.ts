// Owns the headers that stand on every answer, errors and refused upgrades included.

/**
 * Nothing may run, style or be loaded but our own files: the page turns what its terminal would write into style elements into
 * constructed sheets. Markup becomes elements through one policy only, the app's own compiled templates.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "manifest-src 'self'",
  "worker-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types cotg-templates',
].join('; ');

export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'x-frame-options': 'DENY',
};

/** A year, for this name alone: what else lies under the domain is not ours to decide. */
const STRICT_TRANSPORT = 'max-age=31536000';
/** A browser would keep the word for every port of this computer, other people's servers included. */
const NEVER_STRICT: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** All headers of an answer; `host` is what the request called us. */
export function headersFor(connection: { isEncrypted: boolean; host: string | undefined }): Readonly<Record<string, string>> {
  const name = (connection.host ?? '').replace(/:\d+$/, '');
  if (!connection.isEncrypted || NEVER_STRICT.has(name)) return SECURITY_HEADERS;
  return { ...SECURITY_HEADERS, 'strict-transport-security': STRICT_TRANSPORT };
}

export const NO_STORE = 'no-store';
