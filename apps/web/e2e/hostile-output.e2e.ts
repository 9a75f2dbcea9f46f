// What a program may do to the page that shows it: nothing. Real server, real page, its content security policy in force.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { Page } from '@playwright/test';
import { XSS_STRINGS } from '../../../testing/xss-strings.ts';
import { expectLive, expectText, letIn, linesOf, makeCode, openStage } from './support/phone.ts';
import type { Stage } from './support/phone.ts';

interface Watched {
  cotgViolations?: string[];
  cotgHit?: number;
  cotgOpened?: string[][];
}

/** From before the page's first script: what the policy refuses, and what would be opened. */
async function watch(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const watched = window as Watched;
    watched.cotgViolations = [];
    watched.cotgOpened = [];
    document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI, sample }) => {
      watched.cotgViolations?.push(`${effectiveDirective} ${blockedURI} ${sample}`);
    });
    window.open = (...asked: unknown[]) => {
      watched.cotgOpened?.push(asked.map(String));
      return null;
    };
  });
}

const violationsOf = (page: Page): Promise<string[]> => page.evaluate(() => (window as Watched).cotgViolations ?? ['none was counted']);

const ST = '\u001b\\';

async function startPrinting(stage: Stage, name: string, bytes: string): Promise<string> {
  const file = join(stage.server.dataDir, name);
  writeFileSync(file, bytes);
  const command = ['bash', '-c', `stty raw -echo; cat '${file}'; exec cat > /dev/null`];
  const created = await stage.server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command, cols: 50, rows: 20 }) });
  return ((await created.json()) as { id: string }).id;
}

async function openSession(page: Page, id: string): Promise<void> {
  await page.locator(`[data-session="${id}"] [data-testid=open-session]`).tap();
  await expectLive(page);
}

test('S35, S39: pairing, list and a session with colours, links and pictures break the policy nowhere', async ({ page }) => {
  await using stage = await openStage();
  await watch(page);
  const colours = Array.from({ length: 256 }, (_, n) => `\u001b[38;5;${n};48;5;${255 - n}m${n} `).join('');
  const styles = Array.from({ length: 60 }, (_, n) => `\u001b[${n}mx\u001b[0m\u001b[4:${n % 6};58;2;${n};9;9my\u001b[0m`).join('');
  const links = `\u001b]8;;https://example.com/\u0007link\u001b]8;;\u0007 https://example.org/x`;
  const pictures = `\u001bPq#0;2;0;0;0~~@@${ST}\u001b]1337;File=inline=1:iVBORw0KGgo=\u0007\u001b_Ga=T,f=100;iVBORw0KGgo=${ST}`;
  const output = `${colours}\r\n${styles}\r\n\u001b[38;2;1;2;3;48;2;200;210;220mtrue\u001b[0m ${links}${pictures}\u001b]4;1;#123456\u0007\u001b]11;#102030\u0007\u001b[5 q\u0007\r\nall printed`;
  const id = await startPrinting(stage, 'colours', output);
  await page.goto(`${stage.url}/pair`);
  await expect(page.locator('input[name=code]')).toBeVisible();
  expect(await violationsOf(page)).toEqual([]);
  await page.goto('about:blank');
  await letIn(page, stage);
  await expect(page.locator(`[data-session="${id}"] [data-testid=preview]`)).toContainText('all printed');
  expect(await violationsOf(page)).toEqual([]);
  await openSession(page, id);
  await expectText(page, 'all printed');
  await page.getByTestId('back').tap();
  await page.getByTestId('new-session').tap();
  await expect(page.getByTestId('command')).toBeVisible();
  expect(await violationsOf(page)).toEqual([]);
  // And a listener that hears none where there is one would prove nothing.
  await page.evaluate(() => {
    const image = document.createElement('img');
    image.src = 'https://evil.example/x.png';
    document.body.append(image);
  });
  await expect.poll(() => violationsOf(page)).not.toEqual([]);
  expect(await makeCode(stage)).not.toBe('');
});

test('S39: more than 200 attempts at script in output, titles, names and notifications stay text in a real browser', async ({ page }) => {
  test.setTimeout(240_000);
  await using stage = await openStage();
  await watch(page);
  const dialogs: string[] = [];
  page.on('dialog', (dialog) => {
    dialogs.push(dialog.message());
    void dialog.dismiss();
  });
  // Without what ends a sequence or acts in a terminal: those are tested elsewhere.
  const texts = XSS_STRINGS.map((text) => text.replaceAll(/\p{Cc}/gu, ''));
  expect(new Set(texts).size).toBeGreaterThan(200);
  const output = texts
    .map(
      (text) =>
        `${text}\r\n\u001b]2;${text}\u0007\u001b]9;${text}\u0007\u001b]777;notify;${text};${text}\u0007\u001b]8;;https://x/\u0007${text}\u001b]8;;\u0007\r\n`,
    )
    .join('');
  const id = await startPrinting(stage, 'plain', `${output}all printed`);
  await letIn(page, stage);
  await openSession(page, id);
  await expectText(page, 'all printed');
  const shown = (await linesOf(page)).join('').replaceAll(/\s/g, '');
  for (const text of texts.slice(-20)) expect(shown).toContain(text.replaceAll(/\s/g, ''));
  // The last title is the page's, too.
  const last = (texts.at(-1) ?? '').trim();
  await expect(page.getByTestId('title')).toHaveText(last);
  expect(await page.title()).toBe(last);
  // Names, one after the other, in the list.
  const made = (): Promise<number> =>
    page.evaluate(
      () => document.querySelectorAll('iframe, object, embed, base, form, img, video, math, details, meta[http-equiv=refresh]').length,
    );
  await page.getByTestId('back').tap();
  const card = page.locator(`[data-session="${id}"] .card-title`);
  await expect(card).toHaveText(last);
  const before = await made();
  for (const [at, name] of texts.entries()) {
    const response = await stage.server.api(`/api/sessions/${id}`, { method: 'PATCH', body: JSON.stringify({ name }) });
    expect(response.status).toBe(200);
    if (at % 50 === 0 || at === texts.length - 1) await expect(card).toHaveText(name.trim());
  }
  expect(await made()).toBe(before);
  expect(await page.evaluate(() => (window as Watched).cotgHit)).toBeUndefined();
  expect(dialogs).toEqual([]);
  expect(await violationsOf(page)).toEqual([]);
});

const REFUSED: readonly (readonly [string, string])[] = [
  ['javascript', 'javascript:window.cotgHit=1'],
  ['data', 'data:text/html,<script>1</script>'],
  ['file', 'file:///etc/passwd'],
  ['vbscript', 'vbscript:x'],
  ['intent', 'intent://x#Intent;end'],
  ['too long', `https://example.com/${'a'.repeat(1_000_000)}`],
  ['overrides', 'https://example.com/\u202egpj.exe'],
  ['look-alike', 'https://xn--pple-43d.com/'],
  ['cyrillic', 'https://\u0430pple.com/'],
  ['credentials', 'https://example.com@evil.example/'],
];

test('S42, S46: CVE-2026-47090: only plain web addresses can be tapped; they show their host, ask, and open without a way back', async ({
  page,
}) => {
  await using stage = await openStage();
  await watch(page);
  const line = (name: string, url: string): string => `\u001b]8;;${url}${ST}[${name}]\u001b]8;;${ST}\r\n`;
  const good = 'https://example.com:8443/path?query#part';
  const id = await startPrinting(
    stage,
    'links',
    `${REFUSED.map(([name, url]) => line(name, url)).join('')}${line('good', good)}https://auto.example/detected\r\nall printed`,
  );
  await letIn(page, stage);
  await openSession(page, id);
  await expectText(page, 'all printed');
  const lines = await linesOf(page);
  /** As a mouse does it: the emulator looks for a link where the pointer is, then takes the click. */
  const click = async (text: string): Promise<void> => {
    const row = lines.findIndex((each) => each.includes(text));
    expect(row, text).toBeGreaterThanOrEqual(0);
    const box = await page.locator('.xterm-rows > div').nth(row).boundingBox();
    const screen = await page.locator('.xterm-screen').boundingBox();
    if (!box || !screen) throw new Error('nothing is drawn');
    const [x, y] = [screen.x + (screen.width / 50) * 2.5, box.y + box.height / 2];
    await page.mouse.move(x + 1, y);
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.up();
  };
  for (const [name] of [...REFUSED, ['auto.example']]) {
    await click(name ?? '');
    await expect(page.getByTestId('dialog-yes')).toBeHidden();
  }
  // The same click on a good one asks: so the silence above means something.
  await click('good');
  await expect(page.getByTestId('dialog')).toContainText('Open example.com:8443?');
  await expect(page.getByTestId('dialog')).toContainText(good);
  expect(await page.evaluate(() => (window as Watched).cotgOpened)).toEqual([]);
  await page.getByTestId('dialog-yes').tap();
  expect(await page.evaluate(() => (window as Watched).cotgOpened)).toEqual([[good, '_blank', 'noopener,noreferrer']]);
  expect(await page.evaluate(() => (window as Watched).cotgHit)).toBeUndefined();
  expect(await violationsOf(page)).toEqual([]);
});
