// The page in a real Chromium under another name than this computer's own: over TLS with `cotg cert`, behind nginx, and in plain http, which it says.
import { X509Certificate } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { Page } from '@playwright/test';
import { freePort, makeCertificates } from '../../../testing/certificates.ts';
import { startNginx } from '../../../testing/nginx.ts';
import { eventually, makeDataDir, runCotg, startTestServer } from '../../../testing/start-server.ts';
import { enter, expectText, picture, startSession } from './support/phone.ts';
import { openTrustingBrowser } from './support/trusting-browser.ts';
import type { TrustingBrowser } from './support/trusting-browser.ts';

const NAME = 'box.test';
const missing = (process.env['COTG_TEST_MISSING'] ?? '').split(',');

let dataDir: string;
test.beforeEach(() => {
  dataDir = makeDataDir();
});
test.afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

function open(caFile?: string, size?: { width: number; height: number }): Promise<TrustingBrowser> {
  const { use } = test.info().project;
  const viewport = size ?? use.viewport;
  const { deviceScaleFactor, isMobile, hasTouch, launchOptions } = use;
  const context = { viewport, deviceScaleFactor, isMobile, hasTouch } as Parameters<typeof openTrustingBrowser>[0]['context'];
  return openTrustingBrowser({ launch: launchOptions ?? {}, context, name: NAME, ...(caFile === undefined ? {} : { caFile }) });
}

/** Opens the link that `cotg pair` prints, and arrives at the list. */
async function pair(page: Page): Promise<string> {
  const { stdout } = await runCotg(['pair', '--json', '--approve'], { dataDir, from: 'dist' });
  const { link } = JSON.parse(stdout) as { link: string };
  await page.goto(link);
  await expect(page.getByTestId('list')).toBeVisible();
  return link;
}

async function typeAndRead(page: Page): Promise<void> {
  await startSession(page);
  await enter(page, 'echo "the answer is $((6*7))"');
  await expectText(page, 'the answer is 42');
}

test('S3, S27, S35: over TLS with the CA of `cotg cert` a phone pairs by the printed link, types, reads and is put out; the policy refuses nothing', async () => {
  test.skip(missing.includes('certutil'), 'certutil is not installed');
  const certificates = await makeCertificates(dataDir, [NAME], 'dist');
  const port = await freePort();
  const origin = `https://${NAME}:${port}`;
  await using _server = await startTestServer({
    from: 'dist',
    dataDir,
    port,
    env: { ...certificates.settings, COTG_HOST: '0.0.0.0', COTG_PUBLIC_URL: origin, PS1: '$ ' },
  });
  {
    // Who has not installed the CA sees a warning of the browser, not our page.
    await using stranger = await open();
    await expect(stranger.page.goto(origin)).rejects.toThrow(/ERR_CERT_AUTHORITY_INVALID/);
  }
  await using phone = await open(certificates.caFile);
  const { page } = phone;
  expect(await pair(page)).toMatch(new RegExp(`^${origin}/pair#`));
  expect(new URL(page.url()).hash).toBe('');
  const cookies = await page.context().cookies();
  expect(cookies).toHaveLength(1);
  expect(cookies[0]).toMatchObject({ secure: true, httpOnly: true, sameSite: 'Strict', path: '/', domain: NAME });
  expect(cookies[0]?.name).toMatch(/^__Host-cotg-/);
  await typeAndRead(page);
  await expect(page.getByTestId('insecure')).toHaveCount(0);
  await picture(page, 'over-tls');
  // A certificate that is renewed meanwhile is noticed by nobody.
  await makeCertificates(dataDir, [NAME], 'dist');
  await enter(page, 'echo "and again $((40+2))"');
  await expectText(page, 'and again 42');
  await page.reload();
  await expectText(page, 'and again 42');
  // A command that looks up the certificate in the very moment in which it is replaced would have to be called again.
  const leaf = new X509Certificate(readFileSync(certificates.certFile)).toString();
  await eventually(
    () => readFileSync(join(dataDir, 'server.json'), 'utf8'),
    (info) => (JSON.parse(info) as { certificate: string }).certificate === leaf,
    { what: 'the renewed certificate is in use' },
  );
  expect((await runCotg(['devices', 'revoke-all'], { dataDir, from: 'dist' })).code).toBe(0);
  await expect(page.getByTestId('signed-out')).toBeVisible();
  expect(phone.trouble).toEqual([]);
});

test('S13, S27, S30: behind nginx, set up as the README says, a phone pairs, types and reads', async () => {
  test.skip(missing.includes('nginx') || missing.includes('certutil'), 'nginx or certutil is not installed');
  const certificates = await makeCertificates(dataDir, [NAME], 'dist');
  const port = await freePort();
  const origin = `https://${NAME}:${port}`;
  await using server = await startTestServer({
    from: 'dist',
    dataDir,
    env: { COTG_TRUSTED_PROXIES: '127.0.0.1', COTG_PUBLIC_URL: origin, PS1: '$ ' },
  });
  await using _nginx = await startNginx({ name: NAME, port, serverPort: server.port, ...certificates });
  await using phone = await open(certificates.caFile);
  const { page } = phone;
  await pair(page);
  await typeAndRead(page);
  expect((await page.context().cookies())[0]?.name).toMatch(/^__Host-cotg-/);
  expect(await page.evaluate(async () => (await fetch('/healthz')).headers.get('strict-transport-security'))).toBe('max-age=31536000');
  expect(phone.trouble).toEqual([]);
});

test('S27, S3: under COTG_INSECURE the page says all the time that it is not encrypted, before pairing and after', async () => {
  const port = await freePort();
  const origin = `http://${NAME}:${port}`;
  await using _server = await startTestServer({
    from: 'dist',
    dataDir,
    port,
    env: { COTG_HOST: '0.0.0.0', COTG_INSECURE: '1', COTG_PUBLIC_URL: origin, PS1: '$ ' },
  });
  await using phone = await open(undefined, { width: 390, height: 844 });
  const { page } = phone;
  const bar = page.getByTestId('insecure');
  const isWhole = async (): Promise<void> => {
    await expect(bar).toHaveText('Not encrypted: anyone on this network can read and type');
    // Its one line fits, and nothing lies over it or under it.
    const fits = await bar.evaluate((element) => {
      const box = element.getBoundingClientRect();
      const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
      const below = document.querySelector('.page')?.getBoundingClientRect();
      return {
        wide: element.scrollWidth <= element.clientWidth,
        top: top === element,
        below: (below?.top ?? 0) >= box.bottom - 0.5,
        bottom: (below?.bottom ?? 0) <= innerHeight + 0.5,
      };
    });
    expect(fits).toEqual({ wide: true, top: true, below: true, bottom: true });
  };
  await page.goto(`${origin}/pair`);
  await isWhole();
  await picture(page, 'insecure-pair');
  // The link opens a page of its own, as from a camera.
  await page.goto('about:blank');
  await pair(page);
  await isWhole();
  await picture(page, 'insecure-list');
  expect((await page.context().cookies())[0]).toMatchObject({ secure: false, httpOnly: true, sameSite: 'Strict' });
  await typeAndRead(page);
  await isWhole();
  await picture(page, 'insecure-session');
  expect(phone.trouble).toEqual([]);
});

test('S3: the server’s own word counts on an address that looks harmless', async ({ page }) => {
  await using server = await startTestServer({ from: 'dist', dataDir, env: { COTG_INSECURE: '1', PS1: '$ ' } });
  await pair(page);
  await expect(page.getByTestId('insecure')).toBeVisible();
  await server.kill('SIGTERM');
  await server.start({ COTG_INSECURE: '' });
  // The cookie of plain connections opens nothing now.
  await expect(page.getByTestId('signed-out')).toBeVisible();
});
