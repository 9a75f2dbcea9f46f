// What hostile output may make of the emulator that answers for a session: requirements 43, 44, 46 to 48, and a row each of the published holes
// of other terminals (SECURITY 5.2).
import { readFileSync } from 'node:fs';
import { makeRandom } from '@cotg/pty/testing';
import { expect, test } from 'vitest';
import { makeEmulator } from './emulator.ts';
import type { Emulator } from './emulator.ts';
import type { ScreenFact } from '@cotg/screen';

const E = '\u001b';
const ST = `${E}\\`;
const BEL = '\u0007';
/** Every reply there is: letters of ours, numbers, nothing else. Spelled out here, not taken from the code. */
const REPLIES =
  // oxlint-disable-next-line no-control-regex -- replies are made of them.
  /^(?:\u001b\[(?:\?1;2c|>0;276;0c|0n|\??\d+;\d+R|\??\d+;[0-4]\$y|8;\d+;\d+t)|\u001bP[01]\$r(?:[\d;]*(?:m|r| q|"q|"p))?\u001b\\)*$/;

interface Stage {
  readonly emulator: Emulator;
  readonly facts: ScreenFact[];
  /** What was answered. */
  readonly ask: (text: string) => Promise<string>;
}

function open(): Stage {
  const facts: ScreenFact[] = [];
  const emulator = makeEmulator({ cols: 80, rows: 24, scrollback: 1000, offset: 0, onFact: (fact) => facts.push(fact) });
  return {
    emulator,
    facts,
    async ask(text) {
      await emulator.write(Buffer.from(text));
      return new TextDecoder().decode(emulator.takeReplies());
    },
  };
}

const COMMAND = 'touch /tmp/pwned';

test.each([
  ['CVE-2022-45063: a font that was set is not told (OSC 50)', `${E}]50;i$(${COMMAND})${BEL}${E}]50;?${BEL}${E}]50;#1${ST}`, ''],
  ['CVE-2008-2383: an unknown setting that is asked for is not echoed (DECRQSS)', `${E}P$q${COMMAND}\n${ST}`, `${E}P0$r${ST}`],
  ['CVE-2021-33477: no reply ends a line (ESC G Q of rxvt)', `${E}GQ${E}G1;2Q${E}[7n`, ''],
  ['CVE-2024-38396: no title is told (CSI 21 t, CSI 20 t)', `${E}]2;${COMMAND}\r${BEL}${E}]1;${COMMAND}${BEL}${E}[21t${E}[20t`, ''],
  [
    'GHSA-hfcw-j543-xjp3: a title with control bytes is not told',
    `${E}]2;a\u0001\u009b${COMMAND}\u0085${ST}${E}[21t${E}[22;2t${E}[23;2t${E}[21t`,
    '',
  ],
  [
    'GHSA-jq43-q8mx-r7mq: neither are names of terminal capabilities (XTGETTCAP)',
    `${E}P+q${Buffer.from(COMMAND).toString('hex')}${ST}`,
    '',
  ],
  ['CVE-2015-8971: no command of a terminal’s own is run (ESC } of Terminology)', `${E}}tq${COMMAND}\u0000${E}}gs\u0000`, ''],
  ['the answerback is empty', `\u0005${E}[0;0;0x`, ''],
  [
    'colours that were set are not told (OSC 4, 10, 11, 12)',
    `${E}]4;1;${COMMAND}${BEL}${E}]4;1;?${BEL}${E}]10;?${BEL}${E}]11;${COMMAND};?${ST}${E}]12;?${BEL}`,
    '',
  ],
])('S44: %s', async (_name, output, reply) => {
  const { emulator, ask } = open();
  expect(await ask(output)).toBe(reply);
  emulator.dispose();
});

test('S43: the clipboard is neither told nor set (OSC 52), nor files taken (OSC 1337)', async () => {
  const { emulator, facts, ask } = open();
  const text = Buffer.from(COMMAND).toString('base64');
  expect(await ask(`${E}]52;c;?${BEL}${E}]52;p;${text}${ST}${E}]52;;?${ST}${E}]1337;File=name=eA==;inline=1:${text}${BEL}`)).toBe('');
  expect(facts).toEqual([]);
  emulator.dispose();
});

test('S44: no reply holds a byte of the output but numbers, whatever is asked (20,000 questions, seed 44)', async () => {
  const random = makeRandom(44);
  const { emulator, ask } = open();
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)] as T;
  const words = ['rm', ';', '\r', '\n', '$(x)', '`x`', '\u009b', '\u0003', 'é', '?', '1', ':', '"', ' ', '/'];
  const junk = (): string => Array.from({ length: random.below(6) }, () => pick(words)).join('');
  let answered = 0;
  for (let round = 0; round < 200; round += 1) {
    const output = Array.from({ length: 100 }, () => {
      const number = pick([0, 1, 2, 4, 5, 6, 10, 11, 12, 14, 18, 20, 21, 25, 50, 52, 1004, 2004, 2026, 99_999_999_999]);
      const letter = String.fromCharCode(0x40 + random.below(0x3f));
      return pick([
        `${E}[${pick(['', '?', '>', '=', '<'])}${number}${pick(['', ';1', ':2'])}${pick(['', '$', '"', ' ', '!', '*', '#', "'"])}${letter}`,
        `${E}P${pick(['', '1;'])}${pick(['$q', '+q', '+Q', '$t'])}${pick(['m', 'r', '"p', '"q', ' q', junk()])}${pick([ST, '\u009c', '\u0018'])}`,
        `${E}]${number};${pick(['?', '1;?', junk(), `${junk()};?`])}${pick([BEL, ST])}`,
        `${E}${pick(['X', '^', '_', 'k'])}${junk()}${ST}`,
        `${E}${letter}`,
        '\u0005',
        junk(),
      ]);
    }).join('');
    const replies = await ask(output);
    answered += replies.length;
    expect(replies).toMatch(REPLIES);
  }
  expect(answered).toBeGreaterThan(1000);
  emulator.dispose();
});

test('S46: a title that comes back with a stored screen is cleaned and cut like one that is set', async () => {
  const first = open();
  await first.ask(`${E}]2;a\u202eb\u2066c \u200f${'x'.repeat(5000)}${BEL}`);
  const cleaned = first.emulator.title();
  expect(cleaned).toMatch(/^abc x+$/);
  expect(cleaned).toHaveLength(256);
  const second = open();
  await second.emulator.restore(first.emulator.screen.dump(), first.emulator.screen.offset);
  expect(second.emulator.title()).toBe(cleaned);
  expect(second.facts).toEqual([]);
  for (const { emulator } of [first, second]) emulator.dispose();
});

test('S47: 300,000 bells, titles and notifications make a handful of facts, and none of them waits in memory', async () => {
  const { emulator, facts } = open();
  const piece = Buffer.from(Array.from({ length: 1000 }, (_, n) => `${BEL}${E}]2;title ${n}${BEL}${E}]9;note ${n}${BEL}`).join(''));
  const since = performance.now();
  for (let round = 0; round < 100; round += 1) await emulator.write(piece);
  const tenths = Math.ceil((performance.now() - since) / 100);
  const count = (kind: ScreenFact['kind']): number => facts.filter((fact) => fact.kind === kind).length;
  expect(count('title')).toBeLessThanOrEqual(tenths + 1);
  expect(count('bell')).toBeLessThanOrEqual(tenths / 10 + 2);
  expect(count('attention')).toBeLessThanOrEqual(4 + tenths / 100);
  emulator.dispose();
});

test('S47: CVE-2000-0476: a flood of asked-for sizes changes none', async () => {
  const { emulator, ask } = open();
  await ask(Array.from({ length: 20_000 }, (_, n) => `${E}[8;${n % 300};${n % 500}t${E}[4;9999;9999t${E}[9;1t${E}[?3h${E}[?3l`).join(''));
  expect(await ask(`${E}[18t`)).toBe(`${E}[8;24;80t`);
  const { cols, rows } = emulator.screen.dump({ scrollback: 0 });
  expect([cols, rows]).toEqual([80, 24]);
  emulator.dispose();
});

test('S48: CVE-2021-27135: a million combining marks on one character stay one cell of bounded size, in the state too', async () => {
  const { emulator, ask } = open();
  for (let round = 0; round < 10; round += 1) await ask(`x${'\u0301\u20dd\ufe0f'.repeat(100_000)}`);
  const { normal } = emulator.screen.dump();
  expect(normal.lines.flatMap(({ combined }) => combined.map(([, text]) => text.length)).every((length) => length <= 128)).toBe(true);
  const copy = open();
  await copy.emulator.restore(emulator.screen.dump(), emulator.screen.offset);
  expect(copy.emulator.hash()).toBe(emulator.hash());
  for (const each of [emulator, copy.emulator]) each.dispose();
});

test('S42, S46: CVE-2026-47090: links never leave the screen as sequences: rows with colours hold colours only', async () => {
  const { emulator, ask } = open();
  await ask(`${E}]8;;https://example.com/${ST}link${E}]8;;${ST} ${E}]8;id=x;javascript:alert(1)${BEL}other${E}]8;;${BEL}`);
  const text = [...emulator.rows('ansi').lines, ...emulator.preview()].join('\n');
  expect(text).toContain('link');
  // oxlint-disable-next-line no-control-regex -- what is left must be SGR.
  expect(text.replaceAll(/\u001b\[[\d;:]*m/g, '')).not.toMatch(/[\u001b\u009b\u009d]/);
  expect(text).not.toContain('javascript:');
  emulator.dispose();
});

test('S44: CVE-2019-0542: both emulators are the one pinned version, long past the hole', () => {
  for (const [file, name] of [
    ['../../package.json', '@xterm/headless'],
    ['../../../web/package.json', '@xterm/xterm'],
  ] as const) {
    const manifest = JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')) as { dependencies: Record<string, string> };
    expect(manifest.dependencies[name]).toBe('catalog:');
  }
  const catalog = readFileSync(new URL('../../../../pnpm-workspace.yaml', import.meta.url), 'utf8');
  for (const name of ['@xterm/headless', '@xterm/xterm']) expect(catalog).toContain(`'${name}': 6.0.0`);
});
