// What a person sees and does around a cut of the connection.
import { expect, test } from '@playwright/test';
import { enter, expectLive, expectText, letIn, linesOf, openStage, picture, startSession, terminalOf, type } from './support/phone.ts';
import type { Stage } from './support/phone.ts';

let stage: Stage;
test.beforeEach(async () => {
  stage = await openStage();
});
test.afterEach(async () => {
  await stage[Symbol.asyncDispose]();
});

const sizeOf = async (id: string): Promise<readonly [cols: number, rows: number]> => {
  const { cols, rows } = (await (await stage.server.api(`/api/sessions/${id}`)).json()) as { cols: number; rows: number };
  return [cols, rows];
};

test('what is typed in a cut is shown to wait, and typed once when the server is back', async ({ page }) => {
  await letIn(page, stage);
  await startSession(page, 'bash --norc');
  await enter(page, 'echo before');
  await expectText(page, /^before$/m);
  await stage.server.kill('SIGKILL');
  await expect(terminalOf(page)).toHaveAttribute('data-state', 'reconnecting');
  await type(page, 'echo un');
  await expect(page.getByTestId('phase')).toHaveText('Reconnecting… 7 keys wait');
  await picture(page, 'keys-wait');
  await stage.server.start();
  await expectLive(page, 20_000);
  await enter(page, 'broken');
  await expectText(page, /^unbroken$/m);
  expect((await linesOf(page)).filter((line) => line === 'unbroken')).toHaveLength(1);
});

test('a page that sets the size keeps it when it is loaded again beside another device, and when the server is', async ({
  page,
  browser,
}) => {
  await letIn(page, stage);
  const id = await startSession(page, 'bash --norc');
  const size = await sizeOf(id);
  const context = await browser.newContext({ viewport: { width: 1100, height: 700 } });
  try {
    const desk = await context.newPage();
    await letIn(desk, stage);
    await desk.goto(`${stage.url}/s/${id}`);
    await expectLive(desk);
    await expect(terminalOf(desk)).toHaveAttribute('data-controller', 'false');
    await page.reload();
    await expectLive(page);
    await expect(terminalOf(page)).toHaveAttribute('data-controller', 'true');
    await stage.server.kill('SIGKILL');
    await stage.server.start();
    await expectLive(page, 20_000);
    await expectLive(desk, 20_000);
    await expect(terminalOf(page)).toHaveAttribute('data-controller', 'true');
    await expect(terminalOf(desk)).toHaveAttribute('data-controller', 'false');
    expect(await sizeOf(id)).toEqual(size);
  } finally {
    await context.close();
  }
});

test('a hidden page tries nothing, and is live again when it is shown', async ({ page }) => {
  await letIn(page, stage);
  await startSession(page, 'bash --norc');
  await enter(page, 'echo before');
  await expectText(page, /^before$/m);
  const show = (state: 'hidden' | 'visible'): Promise<void> =>
    page.evaluate((visibility) => {
      Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => visibility });
      document.dispatchEvent(new Event('visibilitychange'));
    }, state);
  await show('hidden');
  let attempts = 0;
  page.on('websocket', () => (attempts += 1));
  stage.proxy.cut();
  await expect(terminalOf(page)).toHaveAttribute('data-state', 'reconnecting');
  // Long enough for several attempts of a page that somebody looks at.
  await page.waitForTimeout(4000);
  expect(attempts).toBe(0);
  await show('visible');
  await expectLive(page);
  expect(attempts).toBe(1);
  await enter(page, 'echo after');
  await expectText(page, /^after$/m);
});
