// Part of `pnpm bench:resume`: how long a page takes to show 10 MB that are sent to it as bytes, at this machine's speed and at a quarter of
// it. The product sends a screen instead; this is what that saves, and the bound for those who ask for bytes. Prints, never fails.
import { chromium } from '@playwright/test';
import { bundlePage, loadStream, openPage } from './browser/harness.ts';
import type { PageApi } from './browser/protocol.ts';
import { recordings } from './support/streams.ts';

const TOTAL_BYTES = 10_000_000;
const RUNS = 3;
const STREAMS = ['git-log-p', 'ink-agent', 'ls-lR'];
const CHROMIUM_FLAGS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync'],
];

await using bundle = await bundlePage();
const browser = await chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: CHROMIUM_FLAGS });
try {
  for (const stream of recordings().filter(({ name }) => STREAMS.includes(name))) {
    const times = Math.max(1, Math.round(TOTAL_BYTES / stream.bytes.length));
    for (const slowdown of [1, 4]) {
      const page = await browser.newPage({ viewport: { width: 1400, height: 1300 } });
      await openPage(page, bundle);
      await loadStream(page, stream);
      const devtools = await page.context().newCDPSession(page);
      await devtools.send('Emulation.setCPUThrottlingRate', { rate: slowdown });
      const runs: number[] = [];
      for (let n = 0; n < RUNS; n += 1) {
        runs.push(await page.evaluate((given) => (globalThis as unknown as { fidelity: PageApi }).fidelity.replay(given), times));
      }
      const middle = runs.toSorted((a, b) => a - b)[Math.floor(RUNS / 2)] ?? Number.NaN;
      const megabytes = ((times * stream.bytes.length) / 1e6).toFixed(1);
      console.log(
        `${stream.name.padEnd(12)} ${megabytes.padStart(5)} MB as bytes into a page, CPU / ${slowdown}: median ${(middle / 1000).toFixed(2)} s of ${RUNS}`,
      );
      await page.close();
    }
  }
} finally {
  await browser.close();
}
