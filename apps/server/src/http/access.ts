// Owns the question "which Hosts and Origins do we answer to?". Pure. String equality only: every prefix, suffix or pattern
// test here has been somebody's hole (CVE-2026-40110, CVE-2025-30360).
import { isLoopback } from '../settings.ts';

export interface AccessPolicy {
  /** Exact values of the Host header, lower case. */
  readonly hosts: ReadonlySet<string>;
  /** Exact values of the Origin header. */
  readonly origins: ReadonlySet<string>;
}

/** Allowed are the loopback names with our port while bound to loopback, COTG_PUBLIC_URL, and COTG_ALLOWED_HOSTS. */
export function accessPolicy(options: {
  host: string;
  port: number;
  publicUrl?: string | undefined;
  allowedHosts?: readonly string[];
}): AccessPolicy {
  const hosts = new Set<string>();
  const origins = new Set<string>();
  if (isLoopback(options.host)) {
    for (const name of ['127.0.0.1', 'localhost', '[::1]']) {
      hosts.add(`${name}:${options.port}`);
      origins.add(`http://${name}:${options.port}`);
      // Browsers leave the scheme's own port out.
      if (options.port === 80) {
        hosts.add(name);
        origins.add(`http://${name}`);
      }
    }
  }
  if (options.publicUrl !== undefined) {
    const url = new URL(options.publicUrl);
    hosts.add(url.host);
    origins.add(url.origin);
  }
  for (const host of options.allowedHosts ?? []) {
    hosts.add(host);
    origins.add(`http://${host}`);
    origins.add(`https://${host}`);
  }
  return { hosts, origins };
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
