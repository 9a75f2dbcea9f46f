// The browser tests: a phone-sized Chromium against the real server and host. Started by `npm test` (scripts/test.mjs), which names the browser.
// Invariant: no retries: a test that passes only at a second try has found something.
import { defineConfig } from '@playwright/test';

/** One test at a time: each starts a server, a host and a browser, and two cores are the smallest machine we support. */
const WORKERS = 1;
/** The longest one prints numbered lines for 30 s while the server is killed three times. */
const TEST_TIMEOUT_MS = 180_000;
/** A page that has to notice a silent network may take 10 s by contract. */
const EXPECT_TIMEOUT_MS = 15_000;

export default defineConfig({
  testMatch: '*.e2e.ts',
  outputDir: 'test-results/e2e',
  workers: WORKERS,
  retries: 0,
  timeout: TEST_TIMEOUT_MS,
  expect: { timeout: EXPECT_TIMEOUT_MS },
  forbidOnly: process.env['CI'] !== undefined,
  reporter: 'list',
  use: {
    trace: 'off',
    video: 'off',
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      // Without the last five Chromium looks for updates and accounts on the network, which tests neither have nor want.
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  projects: [
    // Screens restored in the page's own terminal, against the headless one.
    { name: 'screen', testDir: 'packages/screen/test/browser' },
    {
      name: 'phone',
      testDir: 'apps/web/e2e',
      // A common Android phone, but for its 2.625 device pixels per point: above 2 an emulated Chromium leaves WebGL canvases black.
      use: { viewport: { width: 412, height: 839 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
    },
  ],
});
