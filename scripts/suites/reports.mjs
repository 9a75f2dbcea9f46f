// Owns the counting: what the runners' JSON reports say, as passed, failed and skipped, and the closing table.
// Invariant: a run that did not end well never counts as free of failures, whatever its report says or lacks.

/**
 * @typedef {{ passed: number, failed: number, skipped: number }} Counts
 * @typedef {Counts & { name: string, durationMs: number, notes: string[] }} SuiteResult
 */

/** vitest's report. @param {unknown} report parsed, or null when there is none @param {boolean} endedWell the runner's exit code was 0 @returns {Counts} */
export function countVitest(report, endedWell) {
  if (!isRecord(report)) return brokenRun();
  const files = Array.isArray(report['testResults']) ? report['testResults'] : [];
  // A file that does not load has no tests to fail: it counts as one failure itself.
  const brokenFiles = files.filter(
    (file) =>
      isRecord(file) &&
      file['status'] === 'failed' &&
      !asList(file['assertionResults']).some((test) => isRecord(test) && test['status'] === 'failed'),
  ).length;
  const counts = {
    passed: asCount(report['numPassedTests']),
    failed: asCount(report['numFailedTests']) + brokenFiles,
    skipped: asCount(report['numPendingTests']) + asCount(report['numTodoTests']),
  };
  return withExit(counts, endedWell);
}

/** Playwright's report; a test that passed only at a second try is a failure. @param {unknown} report @param {boolean} endedWell @returns {Counts} */
export function countPlaywright(report, endedWell) {
  if (!isRecord(report) || !isRecord(report['stats'])) return brokenRun();
  const stats = report['stats'];
  const counts = {
    passed: asCount(stats['expected']),
    failed: asCount(stats['unexpected']) + asCount(stats['flaky']),
    skipped: asCount(stats['skipped']),
  };
  return withExit(counts, endedWell);
}

/** @param {readonly { name: string, passed: boolean }[]} results @returns {Counts} */
export function countChecks(results) {
  const passed = results.filter((result) => result.passed).length;
  return { passed, failed: results.length - passed, skipped: 0 };
}

/** @param {readonly Counts[]} results @returns {Counts} */
export function total(results) {
  return results.reduce(
    (sum, { passed, failed, skipped }) => ({ passed: sum.passed + passed, failed: sum.failed + failed, skipped: sum.skipped + skipped }),
    {
      passed: 0,
      failed: 0,
      skipped: 0,
    },
  );
}

/** The table, without the closing line. @param {readonly SuiteResult[]} results */
export function table(results) {
  const rows = [
    ['suite', 'passed', 'failed', 'skipped', 'seconds'],
    ...results.map(({ name, passed, failed, skipped, durationMs }) =>
      [name, passed, failed, skipped, (durationMs / 1000).toFixed(1)].map(String),
    ),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  '),
  );
  const notes = results.flatMap(({ name, notes: said }) => said.map((note) => `${name}: ${note}`));
  return [...lines, ...notes].join('\n');
}

/** The last line of every run. @param {Counts} counts */
export const closingLine = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed, ${skipped} skipped`;

/** @param {Counts} counts @param {boolean} endedWell */
const withExit = (counts, endedWell) => (endedWell || counts.failed > 0 ? counts : { ...counts, failed: 1 });

/** @returns {Counts} */
const brokenRun = () => ({ passed: 0, failed: 1, skipped: 0 });

/** @param {unknown} value @returns {value is Record<string, unknown>} */
const isRecord = (value) => typeof value === 'object' && value !== null;

/** @param {unknown} value @returns {unknown[]} */
const asList = (value) => (Array.isArray(value) ? value : []);

/** @param {unknown} value */
const asCount = (value) => (typeof value === 'number' ? value : 0);
