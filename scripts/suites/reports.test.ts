import { expect, test } from 'vitest';
import { closingLine, countChecks, countPlaywright, countVitest, table, total } from './reports.mjs';

const vitestReport = { numPassedTests: 5, numFailedTests: 0, numPendingTests: 2, numTodoTests: 1, testResults: [] };
const playwrightReport = { stats: { expected: 3, unexpected: 0, flaky: 0, skipped: 1 } };

test('the counts of the runners are taken over', () => {
  expect(countVitest(vitestReport, true)).toEqual({ passed: 5, failed: 0, skipped: 3 });
  expect(countPlaywright(playwrightReport, true)).toEqual({ passed: 3, failed: 0, skipped: 1 });
  expect(
    countChecks([
      { name: 'lint', passed: true },
      { name: 'types', passed: false },
    ]),
  ).toEqual({ passed: 1, failed: 1, skipped: 0 });
});

test('a runner that ended badly has failed, whatever it counted', () => {
  expect(countVitest(vitestReport, false).failed).toBe(1);
  expect(countPlaywright(playwrightReport, false).failed).toBe(1);
  expect(countVitest({ ...vitestReport, numFailedTests: 2 }, false).failed).toBe(2);
});

test('a runner without a report has failed', () => {
  expect(countVitest(null, true).failed).toBe(1);
  expect(countPlaywright({}, true).failed).toBe(1);
});

test('a file that did not load counts as a failure', () => {
  const broken = { status: 'failed', assertionResults: [] };
  const failing = { status: 'failed', assertionResults: [{ status: 'failed' }] };
  expect(countVitest({ ...vitestReport, numFailedTests: 1, testResults: [broken, failing] }, false).failed).toBe(2);
});

test('a test that passed at a second try has failed', () => {
  expect(countPlaywright({ stats: { expected: 3, unexpected: 0, flaky: 1, skipped: 0 } }, true).failed).toBe(1);
});

test('the closing line sums all suites', () => {
  expect(
    closingLine(
      total([
        { passed: 1, failed: 0, skipped: 2 },
        { passed: 3, failed: 1, skipped: 0 },
      ]),
    ),
  ).toBe('4 passed, 1 failed, 2 skipped');
});

test('the table lines up and ends with the notes', () => {
  const lines = table([{ name: 'unit', passed: 120, failed: 0, skipped: 1, durationMs: 12_340, notes: ['a note'] }]).split('\n');
  expect(lines[0]?.length).toBe(lines[1]?.length);
  expect(lines).toContain('unit: a note');
});
