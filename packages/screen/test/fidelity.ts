// The long form of the property this package is for: `node test/fidelity.ts [--cuts N] [--page-cuts N] [--seed N] [--only NAME] [--no-browser]`.
// Every recording and a synthetic stream, cut by chance and around each resize; each cut restored into a fresh and into a used emulator, and
// into the Terminal of a real Chromium (CHROMIUM, else /usr/bin/chromium). Prints what it measured, failures and the seed; exits with 1 when
// anything differed, and when no browser could be asked.
import { parseArgs } from 'node:util';
import { deflateRawSync } from 'node:zlib';
import { chromium } from '@playwright/test';
import { encodeState } from '../src/encode.ts';
import type { ScreenState } from '../src/state.ts';
import { askSelfTest, bundlePage, openPage, pageRoundTrips } from './browser/harness.ts';
import { makeRandom } from './support/random.ts';
import { roundTrips } from './support/round-trip.ts';
import type { Stream } from './support/stream.ts';
import { allStreams } from './support/streams.ts';

const { values: flags } = parseArgs({
  options: {
    cuts: { type: 'string', default: '200' },
    'page-cuts': { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000_000)) },
    only: { type: 'string' },
    'no-browser': { type: 'boolean', default: false },
  },
});
const cuts = Number(flags.cuts);
const pageCuts = Number(flags['page-cuts']);
const seed = Number(flags.seed);
const streams = allStreams().filter(({ name }) => flags.only === undefined || name === flags.only);
/** What each failure says first is enough to look for; the rest is in a run with --only. */
const SHOWN_FAILURES = 5;

interface Totals {
  cuts: number;
  comparisons: number;
  failures: number;
}

const CHROMIUM_FLAGS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync'],
];

console.log(`seed ${seed}, ${streams.length} streams`);
const headless = runHeadless();
const page = flags['no-browser'] ? { cuts: 0, comparisons: 0, failures: 0 } : await runPage();
const failed = headless.failures + page.failures > 0 || headless.cuts === 0 || (!flags['no-browser'] && page.cuts === 0);
console.log(
  `headless: ${headless.cuts} cuts, ${headless.comparisons} comparisons, ${headless.failures} failures; ` +
    `browser: ${page.cuts} cuts, ${page.failures} failures; seed ${seed}; ${failed ? 'FAILED' : 'passed'}`,
);
process.exitCode = failed ? 1 : 0;

function runHeadless(): Totals {
  const totals: Totals = { cuts: 0, comparisons: 0, failures: 0 };
  const sizes = { screen: [] as number[], full: [] as number[], thousand: [] as number[] };
  const times = { dump: [] as number[], restore: [] as number[] };
  const thousandTimes = { dump: [] as number[], restore: [] as number[] };
  const measured = (
    _stream: Stream,
    blob: Uint8Array,
    state: ScreenState,
    time: { readonly dump: number; readonly restore: number },
  ): void => {
    const isThousand = state.normal.base >= 1000;
    sizes.full.push(deflateRawSync(blob).length);
    if (isThousand) sizes.thousand.push(deflateRawSync(blob).length);
    sizes.screen.push(deflateRawSync(encodeState(withoutScrollback(state))).length);
    for (const name of ['dump', 'restore'] as const) (isThousand ? thousandTimes : times)[name].push(time[name]);
  };
  streams.forEach((stream, index) => {
    const started = performance.now();
    const outcome = roundTrips(stream, { cuts, random: makeRandom(seed + index), measured });
    totals.cuts += outcome.cuts;
    totals.comparisons += outcome.comparisons;
    totals.failures += outcome.failures.length;
    report(stream.name, outcome.cuts, outcome.failures.length, started);
    for (const { cut, when, differences } of outcome.failures.slice(0, SHOWN_FAILURES))
      console.log(`  at ${cut}, ${when}: ${differences.join('\n    ')}`);
  });
  console.log(
    `deflated, bytes: screen ${spread(sizes.screen)}; with all its lines ${spread(sizes.full)}; with 1000 lines ${spread(sizes.thousand)}`,
  );
  console.log(`ms: dump + encode ${quantiles(times.dump)}, with 1000 lines ${quantiles(thousandTimes.dump)}`);
  console.log(`ms: decode + restore ${quantiles(times.restore)}, with 1000 lines ${quantiles(thousandTimes.restore)}`);
  return totals;
}

/** What dumpScreen gives with `scrollback: 0`, from a state that has it. */
function withoutScrollback(state: ScreenState): ScreenState {
  const { lines, base } = state.normal;
  return { ...state, normal: { ...state.normal, lines: lines.slice(base), base: 0, savedY: Math.max(0, state.normal.savedY - base) } };
}

async function runPage(): Promise<Totals> {
  const totals: Totals = { cuts: 0, comparisons: 0, failures: 0 };
  await using bundle = await bundlePage();
  const browser = await chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: CHROMIUM_FLAGS });
  try {
    // Room for the largest recording: rows out of sight are not drawn.
    const page = await browser.newPage({ viewport: { width: 1400, height: 1300 } });
    page.on('pageerror', (error) => {
      totals.failures += 1;
      console.log(`  an error in the page: ${error.stack ?? error.message}`);
    });
    await openPage(page, bundle);
    const problem = await askSelfTest(page);
    if (problem) {
      totals.failures += 1;
      console.log(`  the self-test says ${JSON.stringify(problem)}`);
    }
    const restore: number[] = [];
    for (const [index, stream] of streams.entries()) {
      const started = performance.now();
      const outcome = await pageRoundTrips(page, stream, { cuts: pageCuts, random: makeRandom(seed + 1000 + index) });
      totals.cuts += outcome.cuts;
      totals.failures += outcome.failures.length;
      restore.push(...outcome.times.map(({ decodeMs, restoreMs, paintMs }) => decodeMs + restoreMs + paintMs));
      report(`${stream.name} in the browser`, outcome.cuts, outcome.failures.length, started);
      for (const { cut, problems } of outcome.failures.slice(0, SHOWN_FAILURES)) console.log(`  at ${cut}: ${problems.join('\n    ')}`);
    }
    console.log(`ms in the browser: decode + restore + frame ${quantiles(restore)}`);
    return totals;
  } finally {
    await browser.close();
  }
}

function report(name: string, count: number, failures: number, started: number): void {
  console.log(`${name}: ${count} cuts, ${failures} failures, ${Math.round(performance.now() - started)} ms`);
}

function spread(values: readonly number[]): string {
  return `median ${quantile(values, 0.5)}, max ${quantile(values, 1)} (n = ${values.length})`;
}

function quantiles(values: readonly number[]): string {
  return `p50 ${quantile(values, 0.5).toFixed(2)}, p99 ${quantile(values, 0.99).toFixed(2)}`;
}

function quantile(values: readonly number[], at: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(at * sorted.length))] ?? 0;
}
