// Owns what all targets of the fuzz share: randomness per case that can be repeated, changes to bytes and to JSON, what no answer may hold.
import { makeRandom } from '@cotg/pty/testing';
import type { Random } from '@cotg/pty/testing';
import type { TestServer } from '../start-server.ts';

export type { Random } from '@cotg/pty/testing';

/** What one case found wrong, in words; nothing where all was well. */
export type Findings = readonly string[];

export interface FuzzStage {
  readonly server: TestServer;
  readonly hostSecret: string;
  /** Sessions that hostile requests may do anything to; they run `cat`. */
  readonly victims: readonly string[];
  /** A folder for what the targets write themselves. */
  readonly work: string;
}

export interface FuzzTarget extends AsyncDisposable {
  readonly name: string;
  /** Cases that run at the same time. */
  readonly parallel: number;
  run(random: Random): Promise<Findings>;
}

/** The same numbers for the same case, whatever ran before it. */
export function randomOf(seed: number, target: string, index: number): Random {
  let mixed = seed >>> 0;
  for (const text of [target, String(index)])
    for (let at = 0; at < text.length; at += 1) mixed = Math.imul(mixed ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return makeRandom(mixed);
}

export function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.below(list.length)] as T;
}

export const chance = (random: Random, oneIn: number): boolean => random.below(oneIn) === 0;

const INTERESTING_BYTES = [0x00, 0x07, 0x0a, 0x0d, 0x18, 0x1a, 0x1b, 0x3b, 0x5b, 0x7f, 0x80, 0x9b, 0x9c, 0xc0, 0xc2, 0xed, 0xf0, 0xff];

/** One to eight changes: bytes flipped, put in, taken out, repeated, moved. */
export function mutateBytes(random: Random, bytes: Uint8Array, maxBytes = 1_000_000): Buffer {
  let out = Buffer.from(bytes);
  for (let left = 1 + random.below(8); left > 0; left -= 1) {
    const at = random.below(out.length + 1);
    const length = Math.min(out.length - at, 1 + random.below(pick(random, [4, 64, 1024])));
    const part = out.subarray(at, at + length);
    switch (random.below(6)) {
      case 0:
        if (at < out.length) out[at] = (out[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 1:
        if (at < out.length) out[at] = pick(random, INTERESTING_BYTES);
        break;
      case 2:
        out = Buffer.concat([out.subarray(0, at), random.bytes(1 + random.below(16)), out.subarray(at)]);
        break;
      case 3:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at + length)]);
        break;
      case 4:
        out = Buffer.concat([out.subarray(0, at), ...Array.from({ length: 1 + random.below(20) }, () => part), out.subarray(at)]);
        break;
      default: {
        const to = random.below(out.length + 1);
        out = Buffer.concat([out.subarray(0, to), part, out.subarray(to)]);
      }
    }
    if (out.length > maxBytes) out = out.subarray(0, maxBytes);
  }
  return out;
}

/** None of them is the name of a program. */
const ODD_TEXTS = [
  '',
  ' ',
  '\u0000',
  '\u001b]2;x\u0007',
  '$(id)',
  '; id',
  "' OR 1=1 --",
  '../../../../etc/passwd',
  '--option=x',
  '__proto__',
  '\ud800',
  '\u202egnp',
  '🙂'.repeat(70),
  '%00',
  'x'.repeat(300),
  '9007199254740993',
];
const ODD_NUMBERS = [0, -1, 1, 0.5, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 53), 1e308, 65_536, 1001];

export function oddValue(random: Random, depth = 0): unknown {
  switch (random.below(depth > 2 ? 5 : 8)) {
    case 0:
      return null;
    case 1:
      return chance(random, 2);
    case 2:
      return pick(random, ODD_NUMBERS);
    case 3:
    case 4:
      return chance(random, 30) ? 'y'.repeat(random.below(100_000)) : pick(random, ODD_TEXTS);
    case 5:
      return Array.from({ length: random.below(5) }, () => oddValue(random, depth + 1));
    case 6:
      // As JSON has it: an own property of that name.
      return JSON.parse(`{"__proto__":${JSON.stringify(oddValue(random, depth + 1))},"constructor":{"prototype":{"x":1}}}`) as unknown;
    default:
      return { [pick(random, ODD_TEXTS)]: oddValue(random, depth + 1), type: oddValue(random, depth + 1) };
  }
}

/** Some value in it is another one, missing, or more. */
export function mutateJson(random: Random, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || chance(random, 6)) return oddValue(random);
  if (Array.isArray(value)) {
    const list = value as readonly unknown[];
    if (list.length === 0 || chance(random, 4)) return [...list, oddValue(random)];
    const at = random.below(list.length);
    return list.map((item, index) => (index === at ? mutateJson(random, item) : item));
  }
  const entries = Object.entries(value);
  if (entries.length === 0 || chance(random, 5)) return { ...value, [pick(random, ['extra', 'id', 'toString', ''])]: oddValue(random) };
  const at = random.below(entries.length);
  if (chance(random, 5)) return Object.fromEntries(entries.filter((_entry, index) => index !== at));
  return Object.fromEntries(entries.map(([key, item], index) => [key, index === at ? mutateJson(random, item) : item]));
}

/** Programs that a hostile request may start. */
export const HARMLESS_COMMANDS: readonly (readonly string[])[] = [['cat'], ['true'], ['false'], ['cat', '-'], ['./is-not-there;$(id)']];

const STACK = /\n\s+at .{1,200}\.[jt]s:\d+/;

/** What must not stand in any answer. */
export function leaksIn(text: string, { server, hostSecret }: Pick<FuzzStage, 'server' | 'hostSecret'>): Findings {
  const found: string[] = [];
  if (text.includes(server.token)) found.push('an answer holds the owner token');
  if (text.includes(hostSecret)) found.push('an answer holds the host’s secret');
  if (STACK.test(text) || text.includes(String.raw`\n    at `)) found.push(`an answer holds a stack: ${text.slice(0, 300)}`);
  return found;
}
