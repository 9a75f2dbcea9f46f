// Owns driving the page: bundling it, putting it into a browser, and asking it about cuts of a stream.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from '@playwright/test';
import { build } from 'vite';
import { dumpScreen } from '../../src/dump.ts';
import { encodeState } from '../../src/encode.ts';
import { hashScreen } from '../../src/hash.ts';
import type { ScreenProblem } from '../../src/index.ts';
import type { Random } from '../support/random.ts';
import { chooseCuts } from '../support/round-trip.ts';
import type { Stream } from '../support/stream.ts';
import { feedRange, makeEmulator } from '../support/terminal.ts';
import type { Check, CheckResult, PageApi } from './protocol.ts';

/** A reference terminal in a page draws everything from the beginning: longer streams are cut to this. */
const MAX_STREAM_BYTES = 300 * 1024;
const REST_BYTES = 100 * 1024;

export interface PageBundle extends AsyncDisposable {
  readonly script: string;
}

/** One file in a temporary folder. */
export async function bundlePage(): Promise<PageBundle> {
  const folder = await mkdtemp(join(tmpdir(), 'screen-page-'));
  await build({
    configFile: false,
    logLevel: 'error',
    root: fileURLToPath(new URL('.', import.meta.url)),
    build: {
      outDir: folder,
      emptyOutDir: true,
      minify: false,
      lib: { entry: fileURLToPath(new URL('page.ts', import.meta.url)), formats: ['iife'], name: 'screenPage', fileName: () => 'page.js' },
    },
  });
  return {
    script: join(folder, 'page.js'),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

export async function openPage(page: Page, bundle: PageBundle): Promise<void> {
  await page.setContent('<!doctype html><html lang="en"><body></body></html>');
  await page.addScriptTag({ path: bundle.script });
}

export function askSelfTest(page: Page): Promise<ScreenProblem | null> {
  return page.evaluate(() => (globalThis as unknown as { fidelity: PageApi }).fidelity.selfTest());
}

export async function loadStream(page: Page, { bytes, ...rest }: Stream): Promise<void> {
  await page.evaluate((message) => (globalThis as unknown as { fidelity: PageApi }).fidelity.load(message), {
    ...rest,
    bytes: Buffer.from(bytes).toString('base64'),
  });
}

export interface PageOutcome {
  readonly cuts: number;
  readonly failures: readonly { readonly stream: string; readonly cut: number; readonly problems: readonly string[] }[];
  readonly times: readonly CheckResult[];
}

export async function pageRoundTrips(
  page: Page,
  whole: Stream,
  options: { readonly cuts: number; readonly random: Random },
): Promise<PageOutcome> {
  const { random } = options;
  const stream = shorten(whole);
  const checks = makeChecks(stream, chooseCuts(stream, options.cuts, random), random);
  await loadStream(page, stream);
  const failures: { stream: string; cut: number; problems: readonly string[] }[] = [];
  const times: CheckResult[] = [];
  for (const check of checks) {
    const result = await page.evaluate((given) => (globalThis as unknown as { fidelity: PageApi }).fidelity.check(given), check);
    times.push(result);
    if (result.problems.length > 0) failures.push({ stream: stream.name, cut: check.cut, problems: result.problems });
  }
  return { cuts: checks.length, failures, times };
}

function shorten(stream: Stream): Stream {
  const bytes = stream.bytes.subarray(0, MAX_STREAM_BYTES);
  return { ...stream, bytes, resizes: stream.resizes.filter(({ offset }) => offset <= bytes.length) };
}

/** One headless emulator goes through the stream and leaves its state at each offset that is asked for. */
function makeChecks(stream: Stream, cuts: readonly number[], random: Random): readonly Check[] {
  const ranges = cuts.map((cut) => ({ cut, end: Math.min(stream.bytes.length, cut + 1 + random.below(REST_BYTES)) }));
  const emulator = makeEmulator(stream.cols, stream.rows);
  const states = new Map<number, { readonly blob: string; readonly hash: string }>();
  let at = 0;
  for (const offset of [...new Set(ranges.flatMap(({ cut, end }) => [cut, end]))].sort((a, b) => a - b)) {
    feedRange(emulator, stream, { from: at, to: offset, chunking: () => 4095 });
    at = offset;
    const blob = encodeState(dumpScreen(emulator.terminal, { tail: emulator.scanner.tail(), palette: emulator.palette.entries() }));
    states.set(offset, { blob: Buffer.from(blob).toString('base64'), hash: hashScreen(emulator.terminal) });
  }
  return ranges.map(({ cut, end }, index) => {
    const [first, last] = [states.get(cut), states.get(end)];
    if (!first || !last) throw new Error('a state is missing');
    return { cut, ...first, end, endBlob: last.blob, endHash: last.hash, fresh: index % 4 === 3, seed: random.below(1_000_000) };
  });
}
