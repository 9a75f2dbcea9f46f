// Owns the redemption of a pairing code: the only call made before this device is known. Must not know pages.
import type { ApiErrorCode } from '@cotg/api/client';

const TIMEOUT_MS = 10_000;

export type PairResult = { readonly kind: 'paired' } | { readonly kind: 'refused'; readonly text: string };

const NEW_CODE = 'Run ./cotg pair on your computer for a new one.';

/** One line a person can act on. */
export function pairErrorText(code: string | undefined): string {
  switch (code as ApiErrorCode | undefined) {
    case 'PAIRING_CODE_INVALID':
      return `This code is not valid. ${NEW_CODE}`;
    case 'PAIRING_CODE_EXPIRED':
      return `This code has expired. ${NEW_CODE}`;
    case 'PAIRING_CODE_USED':
      return `This code was already used. ${NEW_CODE}`;
    case 'TOO_MANY_REQUESTS':
      return 'Too many tries. Wait a minute, then try again.';
    case 'ORIGIN_REFUSED':
    case 'HOST_REFUSED':
      return 'The server does not accept this address. Open it at the address that it printed.';
    default:
      return 'Pairing did not work. Try again, or look at the server’s log.';
  }
}

/** Spends the code; a kept cookie is the answer. Never rejects. */
export async function redeemCode(code: string, name: string): Promise<PairResult> {
  let response: Response;
  try {
    response = await fetch('/api/pair', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code, name }),
      credentials: 'same-origin',
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    return { kind: 'refused', text: 'The server does not answer. Is it running, and this device on the same network?' };
  }
  if (response.ok) {
    await response.body?.cancel();
    return { kind: 'paired' };
  }
  return { kind: 'refused', text: pairErrorText(await problemCode(response)) };
}

/** The code of a problem document; undefined when the answer is none (a proxy's page). */
async function problemCode(response: Response): Promise<string | undefined> {
  try {
    const problem: unknown = await response.json();
    if (typeof problem === 'object' && problem !== null && 'code' in problem && typeof problem.code === 'string') return problem.code;
    return undefined;
  } catch {
    return undefined;
  }
}

/** What the code looks like in a link: /pair#CODE. Undefined without one. */
export function codeInHash(hash: string): string | undefined {
  const text = hash.replace(/^#/, '');
  try {
    return decodeURIComponent(text).trim() || undefined;
  } catch {
    return text || undefined;
  }
}

/** A name by which the owner knows this device in a list: "Android phone", "Firefox on Linux". */
export function deviceName(userAgent: string): string {
  if (/iPhone/.test(userAgent)) return 'iPhone';
  if (/iPad/.test(userAgent)) return 'iPad';
  if (/Android/.test(userAgent)) return /Mobile/.test(userAgent) ? 'Android phone' : 'Android tablet';
  const browser = /Firefox\//.test(userAgent)
    ? 'Firefox'
    : /Edg\//.test(userAgent)
      ? 'Edge'
      : /Chrome\//.test(userAgent)
        ? 'Chrome'
        : /Safari\//.test(userAgent)
          ? 'Safari'
          : 'Browser';
  const system = /Mac OS X/.test(userAgent)
    ? 'Mac'
    : /Windows/.test(userAgent)
      ? 'Windows'
      : /CrOS/.test(userAgent)
        ? 'ChromeOS'
        : /Linux/.test(userAgent)
          ? 'Linux'
          : undefined;
  return system === undefined ? browser : `${browser} on ${system}`;
}
