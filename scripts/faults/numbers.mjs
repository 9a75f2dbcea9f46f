// Owns the question which numbered promises have a test: a test begins its name with the numbers, "F23: …", "S14, S42: …".
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../bootstrap/clone.mjs';

const TITLE = /\b(?:test|it)(?:\.\w+(?:\([^)]*\))?)*\(\s*['"`]((?:[FS]\d+(?:, )?)+):/g;

/** @param {string} folder @returns {string[]} */
function testFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules' || entry.name === 'dist') return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return testFiles(path);
    return /\.(?:test|e2e)\.tsx?$/.test(entry.name) ? [path] : [];
  });
}

/**
 * @param {'F' | 'S'} letter
 * @returns {Set<number>}
 */
export function numbersWithTests(letter) {
  const found = new Set();
  for (const path of ['apps', 'packages', 'testing', 'scripts'].flatMap((folder) => testFiles(join(ROOT, folder)))) {
    for (const match of readFileSync(path, 'utf8').matchAll(TITLE)) {
      for (const number of (match[1] ?? '').split(', ')) if (number.startsWith(letter)) found.add(Number(number.slice(1)));
    }
  }
  return found;
}

/** @param {number} from @param {number} to */
export const range = (from, to) => Array.from({ length: to - from + 1 }, (_, at) => from + at);
