import { describe, expect, test } from 'vitest';
import { makeTerminal } from '../test/support/terminal.ts';
import { watchFacts } from './facts.ts';
import type { FactsWatch, ScreenFact } from './facts.ts';
import { MAX_PLAIN_CHARS, plainLine } from './plain.ts';
import { coreOf } from './xterm-internals.ts';

interface Stage {
  readonly facts: ScreenFact[];
  readonly watch: FactsWatch;
  readonly feed: (text: string) => void;
  /** The clock goes on (ms). */
  readonly pass: (ms: number) => void;
}

function open(): Stage {
  const terminal = makeTerminal(80, 24);
  const facts: ScreenFact[] = [];
  let time = 1_000_000;
  const watch = watchFacts(terminal, { now: () => time, onFact: (fact) => facts.push(fact) });
  return {
    facts,
    watch,
    feed: (text) => coreOf(terminal)._inputHandler.parse(Buffer.from(text)),
    pass: (ms) => {
      time += ms;
    },
  };
}

const attention = (title: string, body: string, suppressed = 0): ScreenFact => ({ kind: 'attention', title, body, suppressed });

describe('what a program tells people beside its screen', () => {
  test('bells, notifications and titles become facts', () => {
    const { facts, feed } = open();
    feed('\u0007\u001b]9;build done\u0007\u001b]777;notify;Claude;needs you; now\u001b\\\u001b]2;working\u0007');
    expect(facts).toEqual([
      { kind: 'bell', count: 1 },
      attention('', 'build done'),
      attention('Claude', 'needs you; now'),
      { kind: 'title', title: 'working' },
    ]);
  });

  test('a bell that ends a string is no bell', () => {
    const { facts, feed } = open();
    feed('\u001b]0;title\u0007\u001b]52;c;\u0007');
    expect(facts.filter(({ kind }) => kind === 'bell')).toEqual([]);
  });

  test('progress and the other commands of ConEmu are no notifications, text that begins with a number is one', () => {
    const { facts, feed } = open();
    feed('\u001b]9;4;1;50\u0007\u001b]9;4\u0007\u001b]9;12\u0007\u001b]777;precmd\u0007');
    expect(facts).toEqual([]);
    feed('\u001b]9;3 tests failed\u0007');
    expect(facts).toEqual([attention('', '3 tests failed')]);
  });

  test('a notification with one text has no title', () => {
    const { facts, feed } = open();
    feed('\u001b]777;notify;only this\u0007\u001b]777;notify\u0007');
    expect(facts).toEqual([attention('', 'only this'), attention('', '')]);
  });

  test('S46: control and direction characters are taken out, and length is limited', () => {
    const { facts, feed } = open();
    feed(`\u001b]2;a\u202eb\u2066c\u200f d\u2028e\u0007\u001b]9;${'x'.repeat(100_000)}\u0007`);
    expect(facts).toEqual([{ kind: 'title', title: 'abc d e' }, attention('', 'x'.repeat(MAX_PLAIN_CHARS))]);
  });

  test('after its end nothing is told', () => {
    const { facts, feed, watch } = open();
    watch.dispose();
    feed('\u0007\u001b]9;x\u0007\u001b]2;y\u0007');
    expect(facts).toEqual([]);
  });
});

describe('a flood', () => {
  test('S47: of bells is told once a second, with their number', () => {
    const { facts, feed, pass, watch } = open();
    for (let n = 0; n < 100_000; n += 1) feed('\u0007');
    expect(facts).toEqual([{ kind: 'bell', count: 1 }]);
    expect(watch.flush()).toBe(1000);
    pass(1000);
    expect(watch.flush()).toBeNull();
    expect(facts).toEqual([
      { kind: 'bell', count: 1 },
      { kind: 'bell', count: 99_999 },
    ]);
  });

  test('S47: of titles is told ten times a second, and the last one always', () => {
    const { facts, feed, pass, watch } = open();
    for (let n = 0; n < 1000; n += 1) {
      feed(`\u001b]2;title ${n}\u0007`);
      pass(1);
    }
    expect(facts).toHaveLength(10);
    feed('\u001b]2;title 1000\u0007');
    expect(watch.flush()).toBeNull();
    feed('\u001b]2;title 1001\u0007');
    expect(watch.flush()).toBe(100);
    pass(100);
    expect(watch.flush()).toBeNull();
    expect(facts.at(-1)).toEqual({ kind: 'title', title: 'title 1001' });
  });

  test('of one title again and again is told once', () => {
    const { facts, feed, pass, watch } = open();
    for (let n = 0; n < 100; n += 1) {
      feed('\u001b]0;same\u0007');
      pass(50);
      watch.flush();
    }
    expect(facts).toEqual([{ kind: 'title', title: 'same' }]);
  });

  test('S47: of notifications is held to three, and one more in ten seconds each, and those that were not told are counted', () => {
    const { facts, feed, pass } = open();
    for (let n = 0; n < 50; n += 1) feed(`\u001b]9;note ${n}\u0007`);
    expect(facts.map((fact) => (fact.kind === 'attention' ? fact.body : ''))).toEqual(['note 0', 'note 1', 'note 2']);
    pass(10_000);
    feed('\u001b]9;later\u0007\u001b]9;too soon\u0007');
    expect(facts.slice(3)).toEqual([attention('', 'later', 47)]);
    pass(3_600_000);
    for (let n = 0; n < 10; n += 1) feed(`\u001b]9;note ${n}\u0007`);
    expect(facts).toHaveLength(7);
    expect(facts[4]).toEqual(attention('', 'note 0', 1));
  });
});

describe('one plain line', () => {
  test.each([
    ['ends of lines and tabs become one blank', 'a\r\n\tb', 'a b'],
    ['escape sequences lose what makes them act', '\u001b[31mred\u001b[0m', '[31mred [0m'],
    ['separators too', 'a\u2028b\u2029c', 'a b c'],
    ['overrides go', '\u202egnp.exe', 'gnp.exe'],
    ['emoji that are joined stay', '👩‍👩‍👧', '👩‍👩‍👧'],
    ['half a surrogate pair goes', 'a\ud83d b', 'a b'],
    ['nothing stays nothing', ' \u0000\u0007 ', ''],
  ])('S46: %s', (_name, text, expected) => {
    expect(plainLine(text)).toBe(expected);
  });

  test('is never cut inside a character', () => {
    const line = plainLine(`${'x'.repeat(MAX_PLAIN_CHARS - 1)}😀`);
    expect(line).toBe('x'.repeat(MAX_PLAIN_CHARS - 1));
  });
});
