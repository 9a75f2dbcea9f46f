// Owns what a person does with the phone in these tests: letting the page in, opening a session, typing, reading the screen.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@playwright/test';
import type { Locator, Page } from '@playwright/test';
import { startBehindProxy } from '../../../../testing/behind-proxy.ts';
import type { BehindProxy } from '../../../../testing/behind-proxy.ts';
import { runCotg } from '../../../../testing/start-server.ts';

/** The built server behind a proxy that stands for the network between phone and computer. */
export type Stage = BehindProxy;

export async function openStage(): Promise<Stage> {
  const behind = await startBehindProxy({ from: 'dist', env: { PS1: '$ ' } });
  const { server } = behind;
  return {
    ...behind,
    async [Symbol.asyncDispose]() {
      // Whatever a test did: no page ever showed another screen than the server's emulator.
      const metrics = await server.api('/metrics').then(
        (response) => response.text(),
        () => '',
      );
      await behind[Symbol.asyncDispose]();
      expect(/^cotg_screen_mismatches_total [1-9]/m.test(metrics), 'a page showed another screen').toBe(false);
    },
  };
}

export async function makeCode(stage: Stage): Promise<string> {
  const { stdout } = await runCotg(['pair', '--json', '--approve'], { dataDir: stage.server.dataDir, from: 'dist' });
  const { hash } = new URL((JSON.parse(stdout) as { link: string }).link);
  return hash.slice(1);
}

/** Opens the one-time link, as the camera would, and arrives at the list. */
export async function letIn(page: Page, stage: Stage): Promise<void> {
  await page.goto(`${stage.url}/pair#${await makeCode(stage)}`);
  await expect(page.getByTestId('list')).toBeVisible();
  // The code is gone from the address, so from the history too.
  expect(new URL(page.url()).hash).toBe('');
}

export function terminalOf(page: Page): Locator {
  return page.getByTestId('terminal');
}

export async function expectLive(page: Page, timeout = 15_000): Promise<void> {
  await expect(terminalOf(page)).toHaveAttribute('data-state', 'live', { timeout });
}

/** From the list: New session, Start. Returns the session's id once its screen is there. */
export async function startSession(page: Page, command = 'bash --norc'): Promise<string> {
  await page.getByTestId('new-session').tap();
  await page.getByTestId('command').fill(command);
  await page.getByTestId('start').tap();
  await expectLive(page);
  return sessionIdOf(page);
}

export async function sessionIdOf(page: Page): Promise<string> {
  return (await terminalOf(page).getAttribute('data-session')) ?? '';
}

/** Raises the keyboard, so that what is typed goes to the terminal. */
export async function focusTerminal(page: Page): Promise<void> {
  const isFocused = await page.evaluate(() => document.activeElement?.classList.contains('xterm-helper-textarea') ?? false);
  if (!isFocused) await page.getByTestId('keyboard').tap();
}

export async function type(page: Page, text: string): Promise<void> {
  await focusTerminal(page);
  await page.keyboard.type(text);
}

export async function enter(page: Page, text: string): Promise<void> {
  await type(page, text);
  await page.keyboard.press('Enter');
}

/** All lines that the page's terminal keeps, scrollback first. */
export async function linesOf(page: Page): Promise<string[]> {
  return terminalOf(page).evaluate((element) => (element as HTMLElement & { cotgLines: () => string[] }).cotgLines());
}

export async function expectText(page: Page, text: string | RegExp, timeout = 15_000): Promise<void> {
  await expect
    .poll(async () => (await linesOf(page)).join('\n'), { timeout })
    .toMatch(typeof text === 'string' ? new RegExp(text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')) : text);
}

/** What is painted: the rows of the renderer, and the offset up to which they show the stream. */
export async function paintedRows(page: Page): Promise<{ rows: string[]; offset: number }> {
  return page.evaluate(async () => {
    const terminal = document.querySelector<HTMLElement>('[data-testid=terminal]');
    const frame = (): Promise<void> => new Promise((resolve) => requestAnimationFrame(() => resolve()));
    for (;;) {
      const before = terminal?.dataset['offset'];
      // Two frames without news: what is parsed has been painted.
      await frame();
      await frame();
      if (before === terminal?.dataset['offset']) {
        const rows = [...document.querySelectorAll('.xterm-rows > div')].map((row) =>
          (row.textContent ?? '').replaceAll('\u00a0', ' ').trimEnd(),
        );
        return { rows, offset: Number(before) };
      }
    }
  });
}

/** Pictures for a person to look at; COTG_PICTURES also keeps those that the documents show. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['COTG_PICTURES'] ?? join('test-results', 'pictures');
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}
