// Owns hostile output: escape sequences, right and broken, in any order, and recordings of real programs with bytes changed.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { chance, mutateBytes, pick } from './case.ts';
import type { Random } from './case.ts';

const RECORDINGS = fileURLToPath(new URL('../../fixtures/recordings', import.meta.url));
const E = '\u001b';
const ENDS = ['\u0007', `${E}\\`, '\u009c', '\u0018', '\u001a', E, ''];
const TEXTS = [
  'a',
  'text ',
  '\r\n',
  '\n',
  '\t',
  '\b',
  'é',
  '宽字',
  '🙂',
  '👩‍👩‍👧',
  'e\u0301',
  '\u0301\u20dd',
  '\u200d',
  '\ufeff',
  '\u00a0',
  '\u2028',
  '\u202e',
];
/** Broken UTF-8: alone, cut, too long, halves of surrogate pairs, beyond the end. */
const BROKEN = [
  [0xff],
  [0xc3],
  [0xe2, 0x82],
  [0xf0, 0x9f, 0x99],
  [0xc0, 0x80],
  [0xe0, 0x80, 0xaf],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0x9b, 0x33, 0x31, 0x6d],
  [0x80],
];
const MODES = [1, 3, 4, 5, 6, 7, 9, 12, 20, 25, 45, 47, 66, 1000, 1002, 1003, 1004, 1006, 1016, 1047, 1048, 1049, 2004, 2026];
const CODES = [0, 1, 2, 4, 5, 7, 8, 9, 10, 11, 12, 50, 52, 104, 110, 111, 112, 133, 777, 1337];
const URLS = [
  'https://example.com/',
  'javascript:alert(1)',
  'file:///etc/passwd',
  'http://xn--e1awd7f.com/\u202e',
  `https://x/${'y'.repeat(3000)}`,
];

const number = (random: Random): string =>
  chance(random, 8) ? pick(random, ['', '99999', '2147483647', '4294967296', '99999999999999999999', '-1', ':']) : String(random.below(90));
const parameters = (random: Random): string =>
  Array.from({ length: random.below(chance(random, 20) ? 40 : 5) }, () => number(random)).join(chance(random, 8) ? ':' : ';');

const times = (random: Random, limit: number): number => 1 + random.below(chance(random, 50) ? limit * 50 : limit);

function sequence(random: Random): string | Uint8Array {
  const end = pick(random, ENDS);
  switch (random.below(16)) {
    case 0:
    case 1:
    case 2:
      return pick(random, TEXTS).repeat(times(random, 40));
    case 3:
      return Uint8Array.from(pick(random, BROKEN));
    case 4:
    case 5:
    case 6:
      return `${E}[${parameters(random)}${String.fromCharCode(0x40 + random.below(0x3f))}`;
    case 7:
      return `${E}[${pick(random, ['?', '>', '<', '=', '!', '$', '"', ' ', "'", '*', '#'])}${parameters(random)}${pick(random, ['', '$', ' '])}${String.fromCharCode(0x40 + random.below(0x3f))}`;
    case 8:
      return `${E}[?${pick(random, MODES)}${pick(random, ['h', 'l', 's', 'r', '$p'])}`;
    case 9:
      return `${E}]${pick(random, CODES)};${pick(random, ['?', 'x', '1;?', '1;#ff0080', 'c;eA==', 'rgb:ff/00/80', 'notify;a;b', '4;1;50', 'x'.repeat(times(random, 300))])}${end}`;
    case 10:
      return `${E}]8;${pick(random, ['', 'id=a', 'id=b'])};${pick(random, URLS)}${end}link${E}]8;;${E}\\`;
    case 11:
      return `${E}${pick(random, ['P', 'X', '^', '_', 'k'])}${pick(random, ['$q', '+q', '1;2q', 'q#0;2;0;0;0', ''])}${'~'.repeat(times(random, 200))}${end}`;
    case 12:
      return `${E}${pick(random, ['7', '8', 'D', 'E', 'H', 'M', 'N', 'O', 'Z', 'c', 'n', 'o', '=', '>', '#8', '(0', '(B', ')0', '*A', '%G', '%@', 'l', '|'])}`;
    case 13:
      return `${E}[${1 + random.below(30)};${1 + random.below(30)}r${E}[${random.below(40)};${random.below(100)}H${pick(random, TEXTS)}`;
    case 14:
      return random.bytes(times(random, 60));
    default:
      return String.fromCharCode(random.below(0x20));
  }
}

const soup = (random: Random): Buffer => Buffer.concat(Array.from({ length: times(random, 60) }, () => Buffer.from(sequence(random))));

/** Once per process: 6 MB. */
export function readRecordings(): readonly Buffer[] {
  return readdirSync(RECORDINGS)
    .filter((name) => name.endsWith('.bin') || name.endsWith('.bin.gz'))
    .toSorted()
    .map((name) => {
      const bytes = readFileSync(join(RECORDINGS, name));
      return name.endsWith('.gz') ? gunzipSync(bytes) : bytes;
    });
}

/** At most 300 kB, mostly some hundred bytes to some kilobytes. */
export function makeOutput(random: Random, recordings: readonly Buffer[]): Buffer {
  if (chance(random, 3)) return soup(random).subarray(0, 300_000);
  const recording = pick(random, recordings);
  const from = random.below(recording.length);
  const part = recording.subarray(from, from + random.below(chance(random, 5) ? 60_000 : 6000));
  const changed = chance(random, 4) ? part : mutateBytes(random, part, 200_000);
  return chance(random, 2) ? Buffer.concat([changed, soup(random)]).subarray(0, 300_000) : changed;
}
