import headless from '@xterm/headless';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { makeTerminal } from '../test/support/terminal.ts';
import { selfTest } from './self-test.ts';
import type { SelfTestOptions } from './self-test.ts';
import { EMULATOR_VERSION } from './state.ts';
import { coreOf, missingInternals } from './xterm-internals.ts';

const installed = (name: string): string => {
  const { version } = JSON.parse(readFileSync(createRequire(import.meta.url).resolve(`${name}/package.json`), 'utf8')) as {
    readonly version: string;
  };
  return version;
};

const good: SelfTestOptions = { version: EMULATOR_VERSION, makeTerminal: ({ cols, rows }) => makeTerminal(cols, rows) };

test('the emulators that are installed, on both ends, are the ones these states are for', () => {
  expect(installed('@xterm/headless')).toBe(EMULATOR_VERSION);
  expect(installed('@xterm/xterm')).toBe(EMULATOR_VERSION);
  expect(selfTest(good)).toBeNull();
});

test('another version is a problem with a code', () => {
  expect(selfTest({ ...good, version: '6.1.0-beta.1' })).toMatchObject({
    code: 'EMULATOR_VERSION',
    hint: expect.stringContaining('6.0.0') as string,
  });
});

test('a private name that is gone is a problem with a code, and is named', () => {
  const problem = selfTest({
    ...good,
    makeTerminal: ({ cols, rows }) => {
      const terminal = makeTerminal(cols, rows);
      Reflect.deleteProperty(coreOf(terminal)._inputHandler, '_windowTitle');
      return terminal;
    },
  });
  expect(problem).toMatchObject({ code: 'EMULATOR_INTERNALS', message: expect.stringContaining('_inputHandler._windowTitle') as string });
  expect(missingInternals(makeTerminal(80, 24))).toEqual([]);
});

test('a terminal without the widths of Unicode 11 is a problem with a code', () => {
  const problem = selfTest({ ...good, makeTerminal: (size) => new headless.Terminal({ ...size, allowProposedApi: true }) });
  expect(problem).toMatchObject({ code: 'UNICODE_VERSION' });
});

test('an emulator that goes on in another way after a restore is a problem with a code', () => {
  let made = 0;
  const problem = selfTest({
    ...good,
    makeTerminal: ({ cols, rows }) => {
      const terminal = makeTerminal(cols, rows);
      made += 1;
      // As if DECRC had been changed.
      if (made === 2) terminal.parser.registerEscHandler({ final: '8' }, () => true);
      return terminal;
    },
  });
  expect(problem).toMatchObject({ code: 'ROUND_TRIP' });
});

test('one that throws is a problem too, not an exception', () => {
  const problem = selfTest({
    ...good,
    makeTerminal: ({ cols, rows }) => {
      const terminal = makeTerminal(cols, rows);
      coreOf(terminal)._inputHandler.parse = () => {
        throw new Error('no more');
      };
      return terminal;
    },
  });
  expect(problem).toMatchObject({ code: 'ROUND_TRIP', message: expect.stringContaining('no more') as string });
});
