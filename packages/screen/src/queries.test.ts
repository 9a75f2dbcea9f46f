import { describe, expect, test } from 'vitest';
import { makeRandom } from '../test/support/random.ts';
import { allStreams } from '../test/support/streams.ts';
import { feed, makeEmulator } from '../test/support/terminal.ts';
import type { Emulator } from '../test/support/terminal.ts';
import { QUERIES, swallowQueries } from './queries.ts';
import { answerQueries, isFixedReply } from './replies.ts';
import { BACKGROUND_COLOR } from './state.ts';

const E = '\u001b';
const ST = `${E}\\`;

/** What xterm.js 6.0.0 answers, with window reports allowed. */
const ANSWERED = [
  [`${E}[c`, `${E}[?1;2c`],
  [`${E}[0c`, `${E}[?1;2c`],
  [`${E}[>c`, `${E}[>0;276;0c`],
  [`${E}[5n`, `${E}[0n`],
  [`${E}[3;4H${E}[6n`, `${E}[3;4R`],
  [`${E}[3;4H${E}[?6n`, `${E}[?3;4R`],
  [`${E}[4$p`, `${E}[4;2$y`],
  [`${E}[?2004$p`, `${E}[?2004;2$y`],
  [`${E}[?123456789$p`, `${E}[?123456789;0$y`],
  [`${E}[18t`, `${E}[8;24;80t`],
  [`${E}P$qm${ST}`, `${E}P1$r0m${ST}`],
  [`${E}P$q"p${ST}`, `${E}P1$r61;1"p${ST}`],
  [`${E}P$q"q${ST}`, `${E}P1$r0"q${ST}`],
  [`${E}P$qr${ST}`, `${E}P1$r1;24r${ST}`],
  [`${E}P$q q${ST}`, `${E}P1$r2 q${ST}`],
  [`${E}P$qwhatever is asked${ST}`, `${E}P0$r${ST}`],
] as const;

const UNANSWERED = [
  `${E}[=c`,
  `${E}[>q`,
  `${E}[x`,
  `${E}[?u`,
  `${E}[14t`,
  `${E}[20t`,
  `${E}[21t`,
  `${E}P+q544e${ST}`,
  `${E}]50;?${ST}`,
  `${E}]52;c;?${ST}`,
  '\u0005',
  `${E}Z`,
];
const COLORS = [`${E}]4;1;?${ST}`, `${E}]10;?${ST}`, `${E}]11;?\u0007`, `${E}]12;?${ST}`, `${E}]10;?;?${ST}`];

/** The palette's 256, and the three others. */
const COLOR_REPLIES = [...Array.from({ length: 256 }, (_, index) => `4;${index}`), '10', '11', '12'];

function replies(emulator: Emulator): string[] {
  const sent: string[] = [];
  emulator.terminal.onData((data) => sent.push(data));
  return sent;
}

describe('in a viewer', () => {
  test('S43, S44, S45: no query is answered, in any form', () => {
    const emulator = makeEmulator(80, 24);
    swallowQueries(emulator.terminal);
    const sent = replies(emulator);
    for (const query of [...ANSWERED.map(([query]) => query), ...UNANSWERED, ...COLORS]) feed(emulator, Buffer.from(query));
    expect(sent).toEqual([]);
  });

  test('S44, S45: whatever the output is made of, nothing comes out (seed 8)', () => {
    const random = makeRandom(8);
    const emulator = makeEmulator(80, 24);
    swallowQueries(emulator.terminal);
    const sent = replies(emulator);
    const of = (letters: string): string => letters.charAt(random.below(letters.length));
    const sequences = Array.from({ length: 30_000 }, () => {
      const parameters = Array.from({ length: random.below(3) }, () => random.pick([0, 1, 2, 5, 6, 14, 18, 21, 1004, 2026])).join(';');
      switch (random.below(3)) {
        case 0:
          return `${E}[${random.pick(['', '', '?', '>', '=', '<'])}${parameters}${random.pick(['', '', '$', '"', ' ', '!', '*', "'"])}${String.fromCharCode(0x40 + random.below(0x3f))}`;
        case 1:
          return `${E}P${parameters}${random.pick(['$', '+', ''])}${of('qrmyp')}${random.pick(['m', 'r', '"q', ' q', 'x'])}${ST}`;
        default:
          return `${E}]${random.below(120)};${random.pick(['?', '1;?', 'x;?', '#123456', '?;?'])}${ST}`;
      }
    });
    feed(emulator, Buffer.from(sequences.join('')));
    expect(sent).toEqual([]);
    // They do come out where they are not swallowed.
    const other = makeEmulator(80, 24);
    const otherSent = replies(other);
    feed(other, Buffer.from(sequences.join('')));
    expect(otherSent.length).toBeGreaterThan(100);
  });

  test('S45: a history full of queries replayed to three viewers types nothing', () => {
    const questions = ANSWERED.map(([query]) => query).join('text');
    for (const { cols, rows, bytes } of allStreams()) {
      for (let viewer = 0; viewer < 3; viewer += 1) {
        const emulator = makeEmulator(cols, rows, 0);
        swallowQueries(emulator.terminal);
        const sent = replies(emulator);
        feed(emulator, Buffer.concat([bytes.subarray(0, 30_000), Buffer.from(`\u0018${questions}`)]));
        expect(sent).toEqual([]);
      }
    }
  });

  test('what is no question still acts', () => {
    const emulator = makeEmulator(80, 24);
    swallowQueries(emulator.terminal);
    feed(emulator, Buffer.from(`${E}]4;1;#102030${ST}${E}]11;#405060${ST}${E}]2;title${ST}${E}[22;0t${E}[4h${E}[>4;1m${E}[5 q`));
    expect(emulator.palette.entries()).toEqual([
      { index: 1, rgb: [16, 32, 48] },
      { index: BACKGROUND_COLOR, rgb: [64, 80, 96] },
    ]);
    expect(emulator.terminal.modes.insertMode).toBe(true);
  });

  test('a colour is set by a sequence that asks for another one, as it is on the server', () => {
    const emulators = [makeEmulator(80, 24), makeEmulator(80, 24)] as const;
    swallowQueries(emulators[0].terminal);
    for (const emulator of emulators)
      feed(emulator, Buffer.from(`${E}]4;1;?;2;#102030;3;?${ST}${E}]10;#010203;?;#040506${ST}${E}]11;?;#070809${ST}`));
    expect(emulators[0].palette.entries()).toEqual(emulators[1].palette.entries());
    expect(emulators[0].palette.entries()).toHaveLength(3);
  });

  test('taken out again, the terminal answers as before', () => {
    const emulator = makeEmulator(80, 24);
    swallowQueries(emulator.terminal).dispose();
    const sent = replies(emulator);
    feed(emulator, Buffer.from(`${E}[c`));
    expect(sent).toEqual([`${E}[?1;2c`]);
    expect(QUERIES.length).toBeGreaterThan(20);
  });
});

describe('in the emulator that follows live output', () => {
  function open(colorOf?: (index: number) => readonly [number, number, number] | undefined): {
    readonly emulator: Emulator;
    readonly sent: string[];
  } {
    const emulator = makeEmulator(80, 24);
    const sent: string[] = [];
    answerQueries(emulator.terminal, { onReply: (reply) => sent.push(reply), ...(colorOf ? { colorOf } : {}) });
    return { emulator, sent };
  }

  test.each(ANSWERED)('%j is answered once', (query, reply) => {
    const { emulator, sent } = open();
    feed(emulator, Buffer.from(query));
    expect(sent).toEqual([reply]);
  });

  test('S43, S44: nothing else is answered', () => {
    const { emulator, sent } = open();
    for (const query of [...UNANSWERED, ...COLORS]) feed(emulator, Buffer.from(query));
    expect(sent).toEqual([]);
  });

  test('colours are answered where somebody knows them, also those that a program has set itself', () => {
    const { emulator, sent } = open((index) => (index === BACKGROUND_COLOR ? [1, 0x1a, 255] : index === 7 ? [0, 0, 0] : undefined));
    for (const query of [...COLORS, `${E}]4;7;?${ST}`]) feed(emulator, Buffer.from(query));
    expect(sent).toEqual([`${E}]11;rgb:0101/1a1a/ffff${ST}`, `${E}]11;rgb:0101/1a1a/ffff${ST}`, `${E}]4;7;rgb:0000/0000/0000${ST}`]);
  });

  test('S44: no reply contains a byte of the output, but for numbers (seed 9)', () => {
    const random = makeRandom(9);
    const { emulator, sent } = open(() => [1, 2, 3]);
    const secret = 'rm -rf ~;touch /tmp/x\r';
    for (let round = 0; round < 3000; round += 1) {
      const letters = String.fromCharCode(0x40 + random.below(0x3f));
      feed(
        emulator,
        Buffer.from(
          random.pick([
            `${E}]2;${secret}${ST}${E}[21t${E}[20t`,
            `${E}]50;${secret}${ST}${E}]50;?${ST}`,
            `${E}P$q${secret}${ST}`,
            `${E}P+q${Buffer.from(secret).toString('hex')}${ST}`,
            `${E}]4;1;${secret}${ST}${E}]4;1;?${ST}`,
            `${E}]10;${secret};?${ST}`,
            `${E}[${random.below(3000)}${random.pick(['', '$', ' '])}${letters}`,
            `${E}[?${random.below(3000)}${random.pick(['', '$'])}${letters}`,
            '\u0005',
          ]),
        ),
      );
    }
    expect(sent.length).toBeGreaterThan(100);
    for (const reply of sent) {
      expect(
        isFixedReply(reply) || COLOR_REPLIES.some((start) => reply === `${E}]${start};rgb:0101/0202/0303${ST}`),
        JSON.stringify(reply),
      ).toBe(true);
      expect(reply).not.toContain('rm');
    }
  });

  test.each([`${E}[1;2Rrm`, `rm${E}[0n`, `${E}[0n\r`, `${E}P1$rrm${ST}`, `${E}]lrm${ST}`, `${E}[I`, 'a', ''])(
    'S44: %j is no reply',
    (text) => {
      expect(isFixedReply(text)).toBe(false);
    },
  );
});
