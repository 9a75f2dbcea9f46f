// Letting a second device in from the first one's page, by the same number on both, and out again. Real server, real pages.
import { expect, test } from '@playwright/test';
import type { Page } from '@playwright/test';
import { expectLive, letIn, linesOf, openStage, startSession, terminalOf, type } from './support/phone.ts';
import { runCotg } from '../../../testing/start-server.ts';

/** Counts what the content security policy refuses, from before the page's first script. */
async function watchViolations(page: Page): Promise<() => Promise<number>> {
  await page.addInitScript(() => {
    Object.assign(window, { violations: 0 });
    document.addEventListener('securitypolicyviolation', () => {
      Object.assign(window, { violations: (window as unknown as { violations: number }).violations + 1 });
    });
  });
  return () => page.evaluate(() => (window as unknown as { violations: number }).violations);
}

test('S19, S20, S22, S35: a phone lets a tablet in by code and number, and out within a second', async ({ page, browser }, info) => {
  await using stage = await openStage();
  const violations = await watchViolations(page);
  await letIn(page, stage);
  await page.getByTestId('devices').tap();
  await expect(page.getByTestId('device-card')).toHaveCount(1);
  await page.screenshot({ path: info.outputPath('devices.png') });
  await page.getByTestId('add-device').tap();
  const code = await page.getByTestId('pair-code').textContent();
  await expect(page.getByTestId('qr')).toBeVisible();
  await expect(page.getByTestId('only-here')).toBeVisible();
  await page.screenshot({ path: info.outputPath('add-device.png') });

  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, hasTouch: true });
  const tablet = await context.newPage();
  const otherViolations = await watchViolations(tablet);
  await tablet.goto(`${stage.url}/pair`);
  await tablet.locator('input[name=name]').fill('Kitchen tablet');
  // As a person types it: no dash, small letters.
  await tablet.locator('input[name=code]').pressSequentially((code ?? '').replace('-', '').toLowerCase());
  await tablet.screenshot({ path: info.outputPath('pair.png') });
  await tablet.locator('input[name=code]').press('Enter');
  const match = await tablet.getByTestId('pair-match').textContent();
  expect(match).toMatch(/^\d{4}$/);
  await tablet.screenshot({ path: info.outputPath('pair-match.png') });
  await expect(page.getByTestId('match')).toHaveText(match ?? '');
  await expect(page.getByTestId('add-device-page')).toContainText('“Kitchen tablet” at 127.0.0.1');
  await page.screenshot({ path: info.outputPath('approve.png') });
  await page.getByTestId('approve').tap();
  await expect(page.getByTestId('added')).toBeVisible();
  await expect(tablet.getByTestId('list')).toBeVisible();

  // It types into a session; then it is out.
  await startSession(tablet);
  await type(tablet, 'echo from-the-tablet');
  await expect(terminalOf(tablet)).toContainText('from-the-tablet');
  await page.getByRole('button', { name: 'Done' }).tap();
  await expect(page.getByTestId('device-card')).toHaveCount(2);
  await page.screenshot({ path: info.outputPath('two-devices.png') });
  const stored = (): Promise<string[]> => tablet.evaluate(() => Object.keys(localStorage));
  expect(await stored()).not.toEqual([]);
  await page.getByRole('button', { name: 'Revoke “Kitchen tablet”' }).tap();
  const since = Date.now();
  await page.getByTestId('dialog-yes').tap();
  await expect(tablet.getByTestId('signed-out')).toBeVisible({ timeout: 10_000 });
  // Cut and asked anew: five times the promise of a second.
  expect(Date.now() - since).toBeLessThan(5000);
  // What it had seen is none of its business any more, also behind a reload.
  await expect.poll(stored).toEqual([]);
  await tablet.reload();
  await expect(tablet.getByTestId('signed-out')).toBeVisible();
  await expect.poll(stored).toEqual([]);
  await expect(page.getByTestId('device-card')).toHaveCount(1);
  expect([await violations(), await otherViolations()]).toEqual([0, 0]);
  await context.close();
});

test('S25: a device that may only look sees the terminal and can neither type nor let others in', async ({ page }) => {
  await using stage = await openStage();
  const created = await stage.server.api('/api/sessions', {
    method: 'POST',
    body: JSON.stringify({ command: ['bash', '--norc'], cols: 60, rows: 20 }),
  });
  const { id } = (await created.json()) as { id: string };
  const { stdout } = await runCotg(['pair', '--json', '--approve', '--role', 'watch'], { dataDir: stage.server.dataDir, from: 'dist' });
  await page.goto(`${stage.url}/pair${new URL((JSON.parse(stdout) as { link: string }).link).hash}`);
  await page.locator(`[data-session="${id}"] [data-testid=open-session]`).tap();
  await expectLive(page);
  await expect(page.getByTestId('sized-elsewhere')).toHaveText('This device may only look');
  for (const button of ['keyboard', 'take-control', 'end-session', 'key-bar']) await expect(page.getByTestId(button)).toHaveCount(0);
  // What the terminal says by itself, that it is looked at and where a mouse is, is nothing that anybody tried to type.
  const input = JSON.stringify({ data: "printf '\\033[?1004h\\033[?1003h\\033[?1006h%s' reporting\r" });
  await stage.server.api(`/api/sessions/${id}/input`, { method: 'POST', body: input });
  await expect.poll(() => linesOf(page)).toContainEqual(expect.stringMatching(/^reporting/));
  await terminalOf(page).locator('textarea').focus();
  for (const x of [100, 150, 200]) await page.mouse.move(x, 200);
  await terminalOf(page).locator('textarea').blur();
  expect(await page.getByTestId('toast').count()).toBe(0);
  // However it is typed.
  await terminalOf(page).locator('textarea').focus();
  await page.keyboard.press('x');
  await expect(page.getByTestId('toast')).toHaveText('This device may only look.');
  const screen = await (await stage.server.api(`/api/sessions/${id}/screen?format=text`)).text();
  expect(screen).not.toContain('x');
  await page.getByTestId('back').tap();
  await expect(page.getByTestId('new-session')).toHaveCount(0);
  await page.getByTestId('devices').tap();
  await expect(page.getByTestId('device-card')).toHaveCount(1);
  await expect(page.getByTestId('add-device')).toHaveCount(0);
});
