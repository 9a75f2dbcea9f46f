// States of a headless emulator in the Terminal of a real browser: the short form, some cuts of every recording. The long one is in
// test/fidelity.ts.
import { expect, test } from '@playwright/test';
import { makeRandom } from '../support/random.ts';
import { allStreams } from '../support/streams.ts';
import { askSelfTest, bundlePage, openPage, pageRoundTrips } from './harness.ts';
import type { PageBundle } from './harness.ts';

const SEED = 1;
const CUTS = 2;

// Room for the largest recording: rows out of sight are not drawn.
test.use({ viewport: { width: 1400, height: 1300 }, deviceScaleFactor: 1, isMobile: false, hasTouch: false });

let bundle: PageBundle;
test.beforeAll(async () => {
  bundle = await bundlePage();
});
test.afterAll(async () => {
  await bundle[Symbol.asyncDispose]();
});

test('the self-test passes in a browser', async ({ page }) => {
  await openPage(page, bundle);
  expect(await askSelfTest(page)).toBeNull();
});

test('a screen restored in a browser, fresh or used, is drawn like one that was never cut and goes on like the emulator on the server', async ({
  page,
}) => {
  await openPage(page, bundle);
  const random = makeRandom(SEED);
  for (const stream of allStreams()) {
    const { cuts, failures } = await pageRoundTrips(page, stream, { cuts: CUTS, random });
    expect(cuts).toBeGreaterThan(0);
    expect(failures, `${stream.name}, seed ${SEED}`).toEqual([]);
  }
});
