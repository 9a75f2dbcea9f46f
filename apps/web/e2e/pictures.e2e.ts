// The pictures of the README, made from the real thing: COTG_PICTURES=docs/images pnpm test -- e2e
import { expect, test } from '@playwright/test';
import { expectLive, expectText, letIn, openStage, picture, terminalOf } from './support/phone.ts';

test.use({ colorScheme: 'dark' });

test('the list, a session and a lost server, as the README shows them', async ({ page }) => {
  await using stage = await openStage();
  const start = async (name: string, command: string[]): Promise<string> => {
    const response = await stage.server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ name, command, cwd: '/tmp' }) });
    return ((await response.json()) as { id: string }).id;
  };
  await start('api server', ['bash', '-c', 'echo listening; exec sleep 1000']);
  await start('tests', ['bash', '-c', 'echo "42 passed"; exit 0']);
  const id = await start('build', [
    'bash',
    '-c',
    String.raw`for i in $(seq 1 34); do printf '\033[32m✓\033[0m step %2d of 34 \033[2m%s\033[0m\n' $i "packages/$i"; done; printf '\033[1;33mwarning\033[0m: 1 file is larger than 500 kB\n\033[1mbuilt in 3.4 s\033[0m\n$ '; exec cat`,
  ]);
  await letIn(page, stage);
  await expect(page.getByTestId('session-card')).toHaveCount(3);
  await picture(page, 'list');
  await page.locator(`[data-testid=session-card][data-session="${id}"]`).getByTestId('open-session').tap();
  await expectLive(page);
  await expectText(page, 'built in 3.4 s');
  await picture(page, 'terminal');
  await stage.server.kill('SIGKILL');
  await expect(terminalOf(page)).toHaveAttribute('data-state', 'reconnecting');
  await expect(page.getByTestId('banner')).toBeVisible();
  await picture(page, 'reconnecting-dark');
  await stage.server.start();
  await expectLive(page);
});
