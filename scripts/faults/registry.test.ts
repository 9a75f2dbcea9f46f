import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../bootstrap/clone.mjs';

/** Faults with a promise of their own; a test that injects one begins its name with the number: "F23: …", "F14, F42: …". */
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);
const WANTED = [1, ...range(3, 54), ...range(56, 58)];

/** Without a test so far. This list only shrinks: a number that has one must leave it. */
const NOT_YET: number[] = [];

function testFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules' || entry.name === 'dist') return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? testFiles(path) : /\.(?:test|e2e)\.tsx?$/.test(entry.name) ? [path] : [];
  });
}

function numbersWithTests(): Set<number> {
  const found = new Set<number>();
  for (const path of ['apps', 'packages', 'testing'].flatMap((folder) => testFiles(join(ROOT, folder)))) {
    for (const match of readFileSync(path, 'utf8').matchAll(/\b(?:test|it)(?:\.\w+(?:\([^)]*\))?)*\(\s*['"`]((?:F\d+(?:, )?)+):/g)) {
      for (const number of (match[1] ?? '').split(', ')) found.add(Number(number.slice(1)));
    }
  }
  return found;
}

test('every fault with a promise has a test that carries its number, but for those listed as missing', () => {
  const found = numbersWithTests();
  expect(found.size).toBeGreaterThan(10);
  expect(WANTED.filter((number) => !found.has(number))).toEqual(NOT_YET);
});
