// Owns the redemption of a pairing code: the only call made before this device is known. Must not know pages.
import type { ApiErrorCode } from '@cotg/api/client';

const TIMEOUT_MS = 10_000;

/** How often it is asked whether somebody has decided. */
const ASK_EVERY_MS = 1000;

export type PairResult =
  | { readonly kind: 'paired' }
  | { readonly kind: 'waiting'; readonly request: string; readonly match: string }
  | { readonly kind: 'refused'; readonly text: string };

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
    case 'PAIRING_REFUSED':
      return `The computer said no. ${NEW_CODE}`;
    case 'TOO_MANY_REQUESTS':
      return 'Too many tries. Wait a minute, then try again.';
    case 'ORIGIN_REFUSED':
    case 'HOST_REFUSED':
      return 'The server does not accept this address. Open it at the address that it printed.';
    default:
      return 'Pairing did not work. Try again, or look at the server’s log.';
  }
}

/** Spends the code; a kept cookie is the answer, or a number to compare. Never rejects. */
export function redeemCode(code: string, name: string): Promise<PairResult> {
  return ask({ code, name });
}

/** Until somebody has compared the number: paired or refused. A short cut changes nothing. Never rejects. */
export async function awaitDecision(request: string, signal: AbortSignal): Promise<PairResult> {
  for (;;) {
    const result = await ask({ request });
    const isUndecided = result.kind === 'waiting' || (result.kind === 'refused' && result.text === NO_ANSWER);
    if (!isUndecided || signal.aborted) return result;
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
}

const NO_ANSWER = 'The server does not answer. Is it running, and this device on the same network?';

async function ask(body: { code: string; name: string } | { request: string }): Promise<PairResult> {
  let response: Response;
  try {
    response = await fetch('/api/pair', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      credentials: 'same-origin',
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    return { kind: 'refused', text: NO_ANSWER };
  }
  const answer = await textFields(response);
  if (response.status === 202 && answer['request'] !== undefined && answer['match'] !== undefined)
    return { kind: 'waiting', request: answer['request'], match: answer['match'] };
  if (response.ok) return { kind: 'paired' };
  const { code, detail } = answer;
  // It says how many tries are left.
  if (code === 'PAIRING_CODE_INVALID' && detail?.startsWith('Wrong code')) return { kind: 'refused', text: `${detail} ${NEW_CODE}` };
  return { kind: 'refused', text: pairErrorText(code) };
}

/** What stands as text in a JSON object; empty when the answer is none (a proxy's page). */
async function textFields(response: Response): Promise<Readonly<Record<string, string | undefined>>> {
  try {
    const answer: unknown = await response.json();
    if (typeof answer !== 'object' || answer === null) return {};
    return Object.fromEntries(Object.entries(answer).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
  } catch {
    return {};
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
