// Owns the parsing of single setting values: durations, sizes, addresses, commands. Pure.
import { isIPv6 } from 'node:net';

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** Shorter would be a busy loop or a mistake. */
const MIN_DURATION_MS = 1000;
export const MIB = 1024 * 1024;

/** `90s`, `5m`, `24h`, `0` = never. Milliseconds. Undefined when it is not a duration of at least 1 s. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text);
  if (!match) return undefined;
  const ms = Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
  return ms >= MIN_DURATION_MS ? Math.round(ms) : undefined;
}

/** A command is an argument vector: a JSON array of strings, or words separated by blanks. Never a shell line. */
export function parseCommand(text: string): string[] | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  if (!trimmed.startsWith('[')) return trimmed.split(/\s+/);
  try {
    const parsed: unknown = JSON.parse(trimmed);
    const isArgv = Array.isArray(parsed) && parsed.length > 0 && parsed.every((word) => typeof word === 'string' && !word.includes('\0'));
    return isArgv ? (parsed as string[]) : undefined;
  } catch {
    return undefined;
  }
}

/** Addresses that only this computer can reach. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** Every address of this computer. */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || (isIPv6(host) && /^[0:]+$/.test(host));
}
