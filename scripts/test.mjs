// `npm test [-- unit | e2e | check | -t NAME …]`: sets up what the tests need, runs every suite there is and closes with `N passed, N failed, N skipped`.
// It must not know single tests. Invariant: a suite that fails, hangs or runs nothing makes the run fail, and no process outlives it.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runChecks } from './check.mjs';
import { runCommand } from './suites/command.mjs';
import { canLook, endMarked, leftovers } from './suites/leftovers.mjs';
import { closingLine, countChecks, countPlaywright, countVitest, table, total } from './suites/reports.mjs';
import { select } from './suites/selection.mjs';
import { adviceFor, provideTools } from './suites/tools.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const REPORTS = join(ROOT, 'test-results');

/** Time-outs of the suites: several times what each took on two cores, so that a run that hangs ends and still says so. */
const BUILD_TIMEOUT_MS = 10 * 60_000;
const UNIT_TIMEOUT_MS = 50 * 60_000;
const E2E_TIMEOUT_MS = 20 * 60_000;

const selection = select(process.argv.slice(2));
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(name, () => stop.abort(new Error(`stopped by ${name}`)));
const { signal } = stop;

// Short: a Unix socket's path has room for 107 bytes, and data directories of tests lie in here.
const temporary = mkdtempSync(join(tmpdir(), 'cotg-'));
const mark = { variable: 'COTG_TEST_RUN', value: randomBytes(8).toString('hex'), folder: temporary };
/** @type {NodeJS.ProcessEnv} */
const env = {
  ...process.env,
  TURBO_TELEMETRY_DISABLED: '1',
  TURBO_NO_UPDATE_NOTIFIER: '1',
  DO_NOT_TRACK: '1',
  [mark.variable]: mark.value,
  TMPDIR: temporary,
  // Tests start some thousand processes from the sources: what one has compiled the next need not, half of what a start costs. For those alone:
  // the runner's own processes end threads at any moment.
  COTG_TEST_COMPILE_CACHE: join(temporary, 'compiled'),
};

/** @type {import('./suites/reports.mjs').SuiteResult[]} */
const results = [];

try {
  mkdirSync(REPORTS, { recursive: true });
  for (const suite of selection.suites) {
    console.log(`\n=== ${suite}`);
    const started = performance.now();
    const { counts, notes } = await run(suite);
    if (counts.passed + counts.failed === 0 && !selection.filtered) {
      counts.failed = 1;
      notes.push('ran no test at all');
    }
    results.push({ name: suite, ...counts, notes, durationMs: performance.now() - started });
  }
} catch (error) {
  if (!signal.aborted) throw error;
  results.push({ name: 'run', passed: 0, failed: 1, skipped: 0, notes: [String(signal.reason)], durationMs: 0 });
} finally {
  results.push(await judgeLeftovers());
  rmSync(temporary, { recursive: true, force: true });
}
if (
  selection.filtered &&
  !signal.aborted &&
  !results.some(({ name, passed, failed }) => (name === 'unit' || name === 'e2e') && passed + failed > 0)
) {
  results.push({ name: 'filter', passed: 0, failed: 1, skipped: 0, notes: ['no test has that name'], durationMs: 0 });
}
const sum = total(results);
console.log(`\n${table(results)}\n`);
console.log(closingLine(sum));
process.exitCode = sum.failed === 0 ? 0 : 1;

/** @param {import('./suites/selection.mjs').SuiteName} suite @returns {Promise<{ counts: import('./suites/reports.mjs').Counts, notes: string[] }>} */
async function run(suite) {
  switch (suite) {
    case 'build': {
      const { code } = await node(['node_modules/turbo/bin/turbo', 'run', 'build', '--output-logs=errors-only'], BUILD_TIMEOUT_MS);
      return { counts: countChecks([{ name: 'build', passed: code === 0 }]), notes: [] };
    }
    case 'check':
      return { counts: countChecks(await runChecks([], { signal, env })), notes: [] };
    case 'unit': {
      // Here, too, some tests need a program from the system; without it they are skipped and counted.
      await provideTools({ env: process.env, signal, cwd: ROOT });
      const report = join(REPORTS, 'unit.json');
      rmSync(report, { force: true });
      const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`, '--passWithNoTests'];
      const { code, timedOut } = await node(
        ['node_modules/vitest/vitest.mjs', 'run', ...reporters, ...selection.unitArgs],
        UNIT_TIMEOUT_MS,
      );
      return { counts: countVitest(readReport(report), code === 0), notes: timedOut ? ['took too long and was ended'] : [] };
    }
    default:
      return runBrowserTests();
  }
}

async function runBrowserTests() {
  const { chromium, missing } = await provideTools({ env: process.env, signal, cwd: ROOT });
  const notes = missing.length > 0 ? [adviceFor(missing)] : [];
  for (const note of notes) console.error(note);
  if (chromium === null) return { counts: { passed: 0, failed: 1, skipped: 0 }, notes };
  const report = join(REPORTS, 'e2e.json');
  rmSync(report, { force: true });
  const needs = { CHROMIUM: chromium, COTG_TEST_MISSING: missing.join(','), PLAYWRIGHT_JSON_OUTPUT_FILE: report };
  const args = [
    'node_modules/@playwright/test/cli.js',
    'test',
    '--reporter=list,json',
    ...(selection.filtered ? ['--pass-with-no-tests'] : []),
    ...selection.e2eArgs,
  ];
  const { code, timedOut } = await node(args, E2E_TIMEOUT_MS, needs);
  if (timedOut) notes.push('took too long and was ended');
  return { counts: countPlaywright(readReport(report), code === 0), notes };
}

/** The last test of every run: no process is left behind. @returns {Promise<import('./suites/reports.mjs').SuiteResult>} */
async function judgeLeftovers() {
  const started = performance.now();
  const name = 'leftovers';
  if (!canLook) return { name, passed: 0, failed: 0, skipped: 1, notes: ['cannot be looked for without /proc'], durationMs: 0 };
  const left = await leftovers(mark);
  const notes = left.map(({ pid, command }) => `process ${pid} was left behind and is ended: ${command.slice(0, 200)}`);
  await endMarked(mark);
  const failed = left.length === 0 ? 0 : 1;
  return { name, passed: 1 - failed, failed, skipped: 0, notes, durationMs: performance.now() - started };
}

/** @param {string[]} args @param {number} timeoutMs @param {NodeJS.ProcessEnv} [more] */
function node(args, timeoutMs, more = {}) {
  return runCommand(process.execPath, args, { cwd: ROOT, env: { ...env, ...more }, timeoutMs, signal });
}

/** @param {string} path @returns {unknown} null when the runner wrote none, or half of one */
function readReport(path) {
  if (!existsSync(path)) return null;
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    console.error(`${path}: ${String(error)}`);
    return null;
  }
}
