// `pnpm test:faults`: every test whose name carries the number of a fault ("F23: …"), with the full counts (COTG_FAULTS=full), and its account in
// docs/faults.md. Options: --quick (the counts of `npm test`), --seed N, --numbers 1,4,33 (those alone: the rows of the others stay as they are, each with
// the run that it comes from). Exits with 1 when a test failed.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs, stripVTControlCharacters } from 'node:util';
import { ROOT } from './bootstrap/clone.mjs';

/** A thousand kills of a server take a quarter of an hour. */
const TEST_TIMEOUT_MS = 3_600_000;
/** Of one bit, in the database and in its log each; recovery.fault.test.ts adds its own to the three thousand. */
const FLIPS = 1000;

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    numbers: { type: 'string' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000_000)) },
  },
});
const numbers = flags.numbers?.split(',').map(Number) ?? null;
if (numbers?.some((number) => !Number.isInteger(number) || number < 1)) throw new Error('--numbers takes numbers of faults: 1,4,33');
const NAMED = numbers === null ? '(^| )F[0-9]+(, F[0-9]+)*:' : `(^| |, )F(?:${numbers.join('|')})(?:, F[0-9]+)*:`;
const folder = mkdtempSync(join(tmpdir(), 'faults-'));
const results = join(folder, 'results.json');
const command = [
  'vitest',
  'run',
  '-t',
  NAMED,
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${results}`,
  `--testTimeout=${TEST_TIMEOUT_MS}`,
  // Kills and floods mostly wait: for a moment at random, for a process that starts.
  '--maxWorkers=3',
];
const env = {
  ...process.env,
  // As in `npm test`: what one process has compiled the next need not.
  COTG_TEST_COMPILE_CACHE: join(folder, 'compiled'),
  COTG_SEED: flags.seed,
  COTG_TEST_SEED: flags.seed,
  ...(flags.quick ? {} : { COTG_FAULTS: 'full', COTG_TEST_FLIPS: String(FLIPS) }),
};
console.log(`seed ${flags.seed}, ${flags.quick ? 'quick' : 'full'} counts`);
const run = spawnSync('pnpm', ['exec', ...command], {
  cwd: ROOT,
  env,
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'inherit'],
  maxBuffer: 2 ** 28,
});
process.stdout.write(run.stdout);

/** @type {{ testResults: { name: string, assertionResults: { fullName: string, title: string, status: string, duration?: number | null }[] }[] }} */
const report = JSON.parse(readFileSync(results, 'utf8'));
rmSync(folder, { recursive: true });
const rows = report.testResults
  .flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status, title }) => status !== 'skipped' && status !== 'pending' && /^F\d/.test(title))
      .map(({ title, status, duration }) => ({ file: relative(ROOT, name), title, status, seconds: (duration ?? 0) / 1000 })),
  )
  .map((row) => ({
    ...row,
    numbers: (/^((?:F\d+(?:, )?)+):/.exec(row.title)?.[1] ?? '').split(', ').map((number) => Number(number.slice(1))),
  }))
  .toSorted((a, b) => (a.numbers[0] ?? 0) - (b.numbers[0] ?? 0) || (a.title < b.title ? -1 : 1));
const failed = rows.filter(({ status }) => status !== 'passed');

/** What the tests measured, as they said it: figures stand in the run's own words. */
const measured = [
  ...new Set(
    stripVTControlCharacters(run.stdout)
      .split('\n')
      .filter(
        (line) =>
          !line.startsWith('stdout |') &&
          /\b(kills|truncations|page faults|cuts|flips|sessions of|clients|echoes|clients at)\b.*:/.test(line) &&
          !line.includes('✓'),
      ),
  ),
];
const git = (/** @type {string[]} */ args) => spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' }).stdout.trim();
const cell = (/** @type {string} */ text) => text.replaceAll('|', '\\|');
const counts = flags.quick ? 'quick' : 'full';
const commit = `${git(['rev-parse', '--short', 'HEAD'])}${git(['status', '--porcelain']) === '' ? '' : ' with changes'}`;
const thisRun = `${commit}, ${new Date().toISOString().slice(0, 10)}, seed ${flags.seed}, ${counts}`;
const path = join(ROOT, 'docs', 'faults.md');
const before = numbers === null || !existsSync(path) ? '' : readFileSync(path, 'utf8');

/** Rows and measurements of earlier runs that this one has not replaced. */
const ran = new Set(rows.flatMap((row) => row.numbers));
const earlier = before.split('\n').filter((line) => {
  const cellOfNumbers = /^\| ((?:\d+(?:, )?)+) \|/.exec(line)?.[1];
  return cellOfNumbers !== undefined && !cellOfNumbers.split(', ').some((number) => ran.has(Number(number)));
});
const earlierMeasured = before.split('\n').filter((line) => line.startsWith('- '));
const table = [
  ...earlier,
  ...rows.map(
    ({ numbers: own, title, status, seconds, file }) =>
      `| ${own.join(', ')} | ${cell(title.replace(/^[^:]*: /, ''))} | ${status} | ${seconds.toFixed(1)} | \`${file}\` | ${thisRun} |`,
  ),
].toSorted((a, b) => Number.parseInt(a.slice(2), 10) - Number.parseInt(b.slice(2), 10));
const notPassed = table.filter((row) => !/ \| passed \| [\d.]+ \| `/.test(row)).length;
writeFileSync(
  path,
  `# Faults: the last runs

${table.length} tests, ${notPassed} failed. Each row says the commit, the date, the seed and the counts of its run. All again: \`pnpm test:faults\`; some of them: \`pnpm test:faults --numbers 1,4,33 --seed N\`; the rows of the others stay. \`scripts/faults/registry.test.ts\` lists the numbers and fails for any without a test.

| fault | promise and how it is tried | result | seconds | where | run |
|---|---|---|---|---|---|
${table.join('\n')}

What the tests measured:

${[...earlierMeasured, ...measured.map((line) => `- ${line.trim()} (${commit})`)].join('\n')}
`,
);
console.log(`${rows.length - failed.length} passed, ${failed.length} failed; written to docs/faults.md`);
process.exitCode = failed.length > 0 || rows.length === 0 || run.status !== 0 ? 1 : 0;
