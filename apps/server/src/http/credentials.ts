// Owns who a request comes from: the owner's token or a device's cookie. Tokens are compared as hashes in constant time and
// are never read from a URL.
import { createHash, timingSafeEqual } from 'node:crypto';
import { parseCookie } from 'cookie';
import type { Caller, DeviceRole } from '@cotg/api';
import { headerValues } from './access.ts';

/** Longer than any token or cookie of ours; what is longer is not hashed at all. */
const MAX_CREDENTIAL_CHARS = 4096;

export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

export interface KnownDevice {
  readonly id: string;
  readonly role: DeviceRole;
}

export interface Credentials {
  readonly ownerToken: string;
  readonly cookies: CookieNames;
  /** A device that is let in. */
  findDevice(tokenHash: Buffer): KnownDevice | undefined;
  /** A bearer token was wrong; may throw TOO_MANY_REQUESTS. */
  wrongToken?(address: string): void;
}

/** What callers have open now, so that it can be ended when they are let in no longer. */
export interface OpenThings {
  /** `end` is called, perhaps at once, when it must not be open any more; the answer says that it is closed. */
  opened(caller: Caller, end: (why: string) => void): () => void;
  /** The device asked for something. */
  seen(deviceId: string): void;
}

/** The name of a device's cookie on encrypted connections and on others. A browser keeps a `__Host-` cookie only when it is Secure. */
export interface CookieNames {
  readonly encrypted: string;
  readonly plain: string;
}

/** Plain connections have a cookie of their own under COTG_INSECURE alone: a cookie that was seen on the network must not open the encrypted way. */
export function cookieNamesFor(instance: string, isInsecure: boolean): CookieNames {
  const encrypted = `__Host-cotg-${instance}`;
  return { encrypted, plain: isInsecure ? `cotg-${instance}` : encrypted };
}

/** Undefined: there is none. `token` undefined: there is something that cannot be one of ours. */
function bearerToken(rawHeaders: readonly string[]): { readonly token: string | undefined } | undefined {
  const values = headerValues(rawHeaders, 'authorization');
  if (values.length === 0) return undefined;
  const value = values[0] ?? '';
  if (values.length > 1 || value.length > MAX_CREDENTIAL_CHARS) return { token: undefined };
  return { token: /^Bearer ([A-Za-z0-9_-]+)$/.exec(value)?.[1] };
}

/** `via` decides which other checks apply: a cookie is sent by any page, a header only by who knows the token. */
export type Identified = { readonly caller: Caller; readonly via: 'bearer' | 'cookie' };

/** Undefined: nobody we know. A wrong bearer token is never rescued by a cookie. */
export function identify(
  credentials: Credentials,
  rawHeaders: readonly string[],
  { address, isEncrypted }: { address: string; isEncrypted: boolean },
): Identified | undefined {
  const bearer = bearerToken(rawHeaders);
  if (bearer) {
    const found = bearer.token === undefined ? undefined : holderOf(credentials, bearer.token, address);
    if (!found) credentials.wrongToken?.(address);
    return found;
  }
  const token = cookieToken(credentials.cookies, rawHeaders, isEncrypted);
  return token === undefined ? undefined : deviceOf(credentials, token, address, 'cookie');
}

/** The device that this browser has been until now; it proves nothing that a request of another page would not prove, too. */
export function deviceOfCookie(credentials: Credentials, rawHeaders: readonly string[], isEncrypted: boolean): KnownDevice | undefined {
  const token = cookieToken(credentials.cookies, rawHeaders, isEncrypted);
  return token === undefined ? undefined : credentials.findDevice(hashToken(token));
}

function cookieToken(names: CookieNames, rawHeaders: readonly string[], isEncrypted: boolean): string | undefined {
  const cookies = headerValues(rawHeaders, 'cookie');
  const header = cookies[0] ?? '';
  if (cookies.length !== 1 || header.length > MAX_CREDENTIAL_CHARS) return undefined;
  const token = parseCookie(header)[isEncrypted ? names.encrypted : names.plain];
  return token === '' ? undefined : token;
}

function holderOf(credentials: Credentials, token: string, address: string): Identified | undefined {
  const isOwner = timingSafeEqual(hashToken(token), hashToken(credentials.ownerToken));
  return isOwner ? { caller: { kind: 'owner', address }, via: 'bearer' } : deviceOf(credentials, token, address, 'bearer');
}

function deviceOf(credentials: Credentials, token: string, address: string, via: 'bearer' | 'cookie'): Identified | undefined {
  const device = credentials.findDevice(hashToken(token));
  return device && { caller: { kind: 'device', deviceId: device.id, role: device.role, address }, via };
}
