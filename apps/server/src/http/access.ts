// Owns the question "which Hosts and Origins do we answer to?". Pure. String equality only: every prefix, suffix or pattern
// test here has been somebody's hole (CVE-2026-40110, CVE-2025-30360).
import { isIPv6 } from 'node:net';
import { isLoopback, isWildcard } from '../settings.ts';

export interface AccessPolicy {
  /** Exact values of the Host header, lower case. */
  readonly hosts: ReadonlySet<string>;
  /** Exact values of the Origin header. */
  readonly origins: ReadonlySet<string>;
}

/** The names under which this computer alone reaches a server. */
const LOOPBACK_NAMES = ['127.0.0.1', 'localhost', '[::1]'] as const;
/** Browsers leave the scheme's own port out. */
const USUAL_PORT = { http: 80, https: 443 } as const;

/**
 * Allowed are COTG_PUBLIC_URL, COTG_ALLOWED_HOSTS, and with our own port the address that the server is bound to. One that is bound to loopback or to
 * every address answers to the loopback names, through which commands come, and to no other address: which of them are meant is for the owner to say.
 */
export function accessPolicy(options: {
  host: string;
  port: number;
  publicUrl?: string | undefined;
  allowedHosts?: readonly string[];
  /** Our own port speaks TLS: no page that was loaded without it is ours. */
  isTls?: boolean;
}): AccessPolicy {
  const hosts = new Set<string>();
  const origins = new Set<string>();
  const scheme = options.isTls === true ? 'https' : 'http';
  const names = new Set<string>(isLoopback(options.host) || isWildcard(options.host) ? LOOPBACK_NAMES : []);
  // As browsers write it.
  if (!isWildcard(options.host)) names.add(new URL(`http://${bracketed(options.host)}`).hostname);
  for (const name of names) {
    hosts.add(`${name}:${options.port}`);
    origins.add(`${scheme}://${name}:${options.port}`);
    if (options.port === USUAL_PORT[scheme]) {
      hosts.add(name);
      origins.add(`${scheme}://${name}`);
    }
  }
  if (options.publicUrl !== undefined) {
    const url = new URL(options.publicUrl);
    hosts.add(url.host);
    origins.add(url.origin);
  }
  for (const host of options.allowedHosts ?? []) {
    hosts.add(host);
    origins.add(`https://${host}`);
    // Behind a forward or a proxy only the owner knows what the page was loaded with.
    if (scheme === 'http') origins.add(`http://${host}`);
  }
  return { hosts, origins };
}

/** An address as it stands in a URL. */
export function bracketed(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}

/** All values of a header as they were sent: Node itself silently drops or joins repeated ones. */
export function headerValues(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() === name) values.push(rawHeaders[at + 1] ?? '');
  }
  return values;
}

/** Exactly one Host header, exactly one of ours. */
export function isAllowedHost(policy: AccessPolicy, rawHeaders: readonly string[]): boolean {
  const values = headerValues(rawHeaders, 'host');
  return values.length === 1 && policy.hosts.has(values[0] ?? '');
}

/** 'absent' is for the caller to judge: a script with the token has none, a browser's upgrade always has one. */
export function originState(policy: AccessPolicy, rawHeaders: readonly string[]): 'absent' | 'allowed' | 'refused' {
  const values = headerValues(rawHeaders, 'origin');
  if (values.length === 0) return 'absent';
  return values.length === 1 && policy.origins.has(values[0] ?? '') ? 'allowed' : 'refused';
}
