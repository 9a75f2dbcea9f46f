import { expect, test } from 'vitest';
import { numbersWithTests, range } from '../faults/numbers.mjs';

/** Requirements that do not apply, and why. docs/security.md says the same. */
const EXCLUDED: Readonly<Record<number, string>> = {
  8: 'there are no passwords',
  26: 'there are no passkeys',
  40: 'no files are shown',
  41: 'there is no service worker yet',
  64: 'nothing is pushed',
  65: 'nothing is pushed',
};

/** Without a test so far. This list only shrinks: a number that has one must leave it. */
const NOT_YET: number[] = [];

test('every requirement of the security contract has a test that carries its number, or a reason why not', () => {
  const found = numbersWithTests('S');
  const missing = range(1, 70).filter((number) => !found.has(number) && EXCLUDED[number] === undefined);
  expect(missing).toEqual(NOT_YET);
  expect(Object.keys(EXCLUDED).filter((number) => found.has(Number(number)))).toEqual([]);
});
