// Owns a stream of what no recorded program does: every mode, set and reset, every kind of string, every screen, in an order made by chance
// (always the same), with text and resizes between. Each round uses every piece once.
import { makeRandom } from './random.ts';
import type { Random } from './random.ts';
import type { Resize, Stream } from './stream.ts';

const SEED = 20_260_801;
const ROUNDS = 14;
const COLS = 80;
const ROWS = 24;

const E = '\u001b';
const CSI = `${E}[`;
const ST = `${E}\\`;
const BEL = '\u0007';
const C1 = {
  csi: '\u009b',
  osc: '\u009d',
  dcs: '\u0090',
  st: '\u009c',
  apc: '\u009f',
  sos: '\u0098',
  nel: '\u0085',
  ind: '\u0084',
  hts: '\u0088',
};

/** Set and reset by chance. */
const PRIVATE_MODES = [1, 3, 6, 7, 9, 12, 25, 45, 66, 1000, 1002, 1003, 1004, 1006, 1016, 1048, 2004, 2026];
const SCREENS = [47, 1047, 1049];

const TEXTS = [
  'plain text, and some more of it, long enough to wrap when the terminal is narrow or the cursor is far to the right of it',
  'wide 漢字かな交じり文 한국어 and half ﾊﾝｶｸ',
  'marks e\u0301 a\u0308\u0323 o\u0302\u0301\u0300 n\u0303, zalgo z\u0351\u036b\u0343\u036a\u0302\u036b\u033d',
  'emoji 😀 👍🏽 👩‍👩‍👧‍👦 🇩🇪 ❤️ ✈️ 1️⃣ ☺',
  '“quotes” ‘of’ — all – kinds … • ‰ and\u2003spaces\u2009of\u00a0many',
  'right to left: שלום עליכם, مرحبا',
  '\u0301starts with a mark',
  'boxes ┌──┬──┐ │▒▒│░░│ └──┴──┘ ▁▂▃▄▅▆▇█',
];

type Piece = (random: Random) => string;
const text =
  (value: string): Piece =>
  () =>
    value;
const letter = (random: Random, letters: string): string => letters.charAt(random.below(letters.length));
const between = (random: Random, low: number, high: number): number => low + random.below(high - low + 1);

const COLORS: readonly Piece[] = [
  (r) => `${CSI}${between(r, 30, 37)};${between(r, 40, 47)}m`,
  (r) => `${CSI}${between(r, 90, 97)};${between(r, 100, 107)}m`,
  (r) => `${CSI}38;5;${r.below(256)};48;5;${r.below(256)}m`,
  (r) => `${CSI}38;2;${r.below(256)};${r.below(256)};${r.below(256)}m${CSI}48:2::${r.below(256)}:${r.below(256)}:${r.below(256)}m`,
  (r) => `${CSI}${r.pick([1, 2, 3, 4, 5, 7, 8, 9, 21, 53])}m`,
  (r) => `${CSI}4:${between(r, 0, 5)}m`,
  (r) => `${CSI}58:5:${r.below(256)}m`,
  (r) => `${CSI}58;2;${r.below(256)};${r.below(256)};${r.below(256)}m`,
  text(`${CSI}59m`),
  text(`${CSI}0m`),
  (r) => `${CSI}${r.pick([22, 23, 24, 25, 27, 28, 29, 39, 49, 55])}m`,
];

const MOVES: readonly Piece[] = [
  (r) => `${CSI}${between(r, 1, ROWS)};${between(r, 1, COLS)}H`,
  (r) => `${CSI}${between(r, 1, 9)}${letter(r, 'ABCDEFGad`eX@PLMSTIZ')}`,
  (r) => `${CSI}${r.below(4)}${r.pick(['J', 'K'])}`,
  (r) => `${CSI}?${r.below(3)}${r.pick(['J', 'K'])}`,
  (r) => `${CSI}${between(r, 1, 6)}${r.pick([' @', ' A', "'}", "'~"])}`,
  (r) => `${CSI}${between(r, 1, 12)};${between(r, 13, ROWS)}r`,
  text(`${CSI}r`),
  (r) => `${'-='.repeat(between(r, 1, 3))}${CSI}${between(r, 1, 100)}b`,
  (r) => '\r\n'.repeat(between(r, 1, 30)),
  text('\b\b\t\t\u000b\u000c'),
  text(`${E}D${E}E${E}M`),
  text(`${C1.ind}${C1.nel}`),
  text(`${E}#8`),
  text(`${CSI}2147483647S`),
];

const STATE: readonly Piece[] = [
  ...PRIVATE_MODES.flatMap((mode): Piece[] => [text(`${CSI}?${mode}h`), text(`${CSI}?${mode}l`)]),
  ...[4, 20].flatMap((mode): Piece[] => [text(`${CSI}${mode}h`), text(`${CSI}${mode}l`)]),
  ...SCREENS.flatMap((mode): Piece[] => [text(`${CSI}?${mode}h in the alternate screen`), text(`${CSI}?${mode}l`)]),
  text(`${CSI}?1;7;25;2004h`),
  (r) => `${CSI}${r.below(7)} q`,
  text(`${E}7`),
  text(`${E}8`),
  text(`${CSI}s${CSI}u`),
  text(`${E}=`),
  text(`${E}>`),
  (r) => `${CSI}${between(r, 2, 70)}G${r.pick([`${E}H`, C1.hts, `${CSI}g`])}`,
  text(`${CSI}3g`),
  (r) => `${E}${letter(r, '()*+-.')}${letter(r, '0AB4C5RQKYE6ZH7=')}`,
  text(`${E}(0lqqk${E})0\u000exx\u000fx`),
  text(`${E}n`),
  text(`${E}o`),
  text(`${E}%G`),
  text(`${CSI}1"q protected ${CSI}0"q`),
  text(`${CSI}1"q`),
  text(`${CSI}!p`),
  // A full reset, with a link alive that has a name.
  text(`${E}]8;id=kept;https://example.org/kept${ST}kept${E}c`),
];

const STRINGS: readonly Piece[] = [
  (r) => `${E}]0;title ${r.below(100)} é…${BEL}`,
  (r) => `${E}]${between(r, 1, 2)};name ${r.below(100)}${ST}`,
  (r) => `${CSI}22;${r.below(3)}t`,
  (r) => `${CSI}23;${r.below(3)}t`,
  (r) => `${E}]8;;https://example.org/${r.below(1000)}${ST}a link${E}]8;;${ST}`,
  (r) => `${E}]8;id=n${r.below(5)};https://example.org/named${BEL}a named link\r\nover two lines${E}]8;;${BEL}`,
  (r) => `${E}]8;x=1:id=open;file:///tmp/${r.below(3)};semi${ST}`,
  text(`${E}]8;;${ST}`),
  (r) => `${E}]4;${r.below(256)};#${between(r, 100_000, 999_999)};${r.below(256)};rgb:ff/80/00${ST}`,
  (r) => `${E}]${between(r, 10, 12)};#${between(r, 100_000, 999_999)}${BEL}`,
  (r) => `${E}]10;#102030;#405060;#708090${ST}${r.pick(['', `${E}]104;1;2${ST}`])}`,
  (r) => `${E}]${r.pick([104, 110, 111, 112])}${ST}`,
  text(`${E}]52;c;aGVsbG8=${BEL}`),
  text(`${C1.osc}2;by a C1 control${C1.st}`),
  text(`${E}P$qm${ST}`),
  text(`${E}Pq#0;2;0;0;0~~\n\n@@vv@@~~$${'-'.repeat(200)}${ST}`),
  text(`${C1.dcs}1;2|17/17${C1.st}`),
  text(`${E}P1;2:3<ignored all of it${ST}`),
  text(`${E}_an application's ${BEL} own \n string${ST}`),
  text(`${E}^private${ST}${E}Xstring${ST}`),
  text(`${C1.apc}ends with a letter: é not here`),
  text(`${E}]0;cancelled\u0018after`),
  text(`${E}]0;ended by another control ${C1.nel}after`),
];

const ODDITIES: readonly Piece[] = [
  // Controls inside a sequence act at once.
  text(`${CSI}3\n1\r;4\b4m`),
  text(`${E}\n[\t1m`),
  text(`${CSI}?2\u007f5l`),
  text(`${CSI}12${CSI}1m`),
  text(`${CSI}>4;1m${CSI}<u${CSI}=1;1u`),
  text(`${CSI}1;2<3m`),
  text(`${CSI}1 2m`),
  text(`${CSI}é`),
  text(`${CSI}${'1;'.repeat(40)}m`),
  text(`${CSI}4:3:2:1:5;38:2:1:2:3:4:5m`),
  text(`${C1.csi}31m`),
  text(`${CSI}c${CSI}6n${CSI}?1$p${E}Z`),
];

/** What is no UTF-8, between what is. */
const BROKEN: readonly (readonly number[])[] = [
  [0x61, 0xe2, 0x80, 0x62],
  [0xe2, 0x80, 0x98, 0xf0, 0x9f, 0x98],
  [0xc3, 0x28, 0xc0, 0x80, 0xff, 0xfe],
  [0xf5, 0x80, 0x80, 0x80, 0xed, 0xa0, 0x80],
  [0xef, 0xbb, 0xbf, 0xf4, 0x90, 0x80, 0x80],
  [0x1b, 0x5d, 0x30, 0x3b, 0xe2, 0x80, 0x1b, 0x5c],
  [0x9b, 0x33, 0x31, 0x6d, 0xc2],
];

const SIZES: readonly (readonly [number, number])[] = [
  [80, 60],
  [80, 24],
  [46, 60],
  [46, 30],
  [100, 30],
  [132, 43],
  [20, 10],
  [80, 24],
];

function makeSynthetic(): Stream {
  const random = makeRandom(SEED);
  const encoder = new TextEncoder();
  const parts: Uint8Array[] = [];
  const resizes: Resize[] = [];
  let length = 0;
  const add = (bytes: Uint8Array): void => {
    parts.push(bytes);
    length += bytes.length;
  };
  const pieces: readonly Piece[] = [...COLORS, ...COLORS, ...MOVES, ...MOVES, ...STATE, ...STRINGS, ...ODDITIES, ...TEXTS.map(text)];
  // The first thing that happens to many a terminal: it gets smaller, before its alternate screen was ever used.
  add(encoder.encode('a first line\r\n'));
  resizes.push({ offset: length, cols: COLS, rows: ROWS - 10 });
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const piece of shuffle(pieces, random)) {
      add(encoder.encode(piece(random)));
      if (random.below(2) === 0) add(encoder.encode(random.pick(TEXTS)));
      if (random.below(12) === 0) add(Uint8Array.from(random.pick(BROKEN)));
      if (random.below(40) === 0) {
        const [cols, rows] = random.pick(SIZES);
        resizes.push({ offset: length, cols, rows });
      }
      // Modes that would hide most of what follows do not last.
      if (random.below(20) === 0) add(encoder.encode(`${CSI}?6l${CSI}?7h${CSI}4l${CSI}r${E}(B\u000f`));
      // Most of the time on the normal screen, which has a history.
      if (random.below(30) === 0) add(encoder.encode(`${CSI}?1049l`));
    }
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return { name: 'synthetic', cols: COLS, rows: ROWS, bytes, resizes };
}

function shuffle<T>(values: readonly T[], random: Random): readonly T[] {
  const shuffled = [...values];
  for (let at = shuffled.length - 1; at > 0; at -= 1) {
    const other = random.below(at + 1);
    const [a, b] = [shuffled[at] as T, shuffled[other] as T];
    shuffled[at] = b;
    shuffled[other] = a;
  }
  return shuffled;
}

export const SYNTHETIC: Stream = makeSynthetic();
