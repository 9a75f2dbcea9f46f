// Owns what the words after `npm test --` mean: which suites run, and what is handed on to their runners.

export const SUITES = /** @type {const} */ (['build', 'check', 'unit', 'e2e']);

/**
 * @typedef {(typeof SUITES)[number]} SuiteName
 * @typedef {{ suites: SuiteName[], unitArgs: string[], e2eArgs: string[], filtered: boolean }} Selection
 */

/**
 * `npm test` runs all suites; `-- unit` or `-- check e2e` those named; `-- [suites] -t NAME` and any other words go to the runners of unit and e2e
 * (Playwright calls vitest's `-t` `-g`). With words for the runners and no suite named, build, unit and e2e run.
 * @param {string[]} args
 * @returns {Selection}
 */
export function select(args) {
  const firstOther = args.findIndex((arg) => !isSuite(arg));
  const named = /** @type {SuiteName[]} */ (firstOther === -1 ? args : args.slice(0, firstOther));
  const handedOn = firstOther === -1 ? [] : args.slice(firstOther);
  const filtered = handedOn.length > 0;
  /** @type {readonly SuiteName[]} */
  const byDefault = filtered ? ['unit', 'e2e'] : SUITES;
  const wanted = new Set(named.length > 0 ? named : byDefault);
  // The browser tests run what was built.
  if (wanted.has('e2e')) wanted.add('build');
  const e2eArgs = handedOn.map((arg) =>
    arg === '-t' || arg === '--testNamePattern' ? '-g' : arg.replace(/^--testNamePattern=/, '--grep='),
  );
  return { suites: SUITES.filter((suite) => wanted.has(suite)), unitArgs: handedOn, e2eArgs, filtered };
}

/** @param {string} word @returns {word is SuiteName} */
const isSuite = (word) => SUITES.includes(/** @type {SuiteName} */ (word));
