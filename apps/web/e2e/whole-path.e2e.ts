import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { Page } from '@playwright/test';
import { eventually } from '../../../testing/start-server.ts';
import {
  enter,
  expectLive,
  expectText,
  focusTerminal,
  letIn,
  linesOf,
  makeCode,
  openStage,
  paintedRows,
  picture,
  sessionIdOf,
  startSession,
  terminalOf,
  type,
} from './support/phone.ts';
import type { Stage } from './support/phone.ts';
import { referenceRows } from './support/reference.ts';

interface SessionFacts {
  readonly id: string;
  readonly pid: number | null;
  readonly state: string;
  readonly cols: number;
  readonly rows: number;
}

let stage: Stage;
let folder: string;
test.beforeEach(async () => {
  stage = await openStage();
  folder = mkdtempSync(join(tmpdir(), 'cotg-e2e-'));
});
test.afterEach(async () => {
  await stage[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function factsOf(id: string): Promise<SessionFacts> {
  return (await (await stage.server.api(`/api/sessions/${id}`)).json()) as SessionFacts;
}

const missing = (process.env['COTG_TEST_MISSING'] ?? '').split(',');

/** Page errors and refused resources of any kind fail the test that saw them. */
function watchForTrouble(page: Page): string[] {
  const trouble: string[] = [];
  page.on('pageerror', (error) => trouble.push(String(error)));
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) trouble.push(message.text());
  });
  return trouble;
}

test('a new session runs a shell: colours, UTF-8, sizes, the key row', async ({ page }) => {
  const trouble = watchForTrouble(page);
  await letIn(page, stage);
  await picture(page, 'list-empty');
  const id = await startSession(page);
  const { cols, rows } = await factsOf(id);
  await enter(page, 'stty size');
  await expectText(page, `${rows} ${cols}`);
  expect(cols).toBeLessThan(80);

  await enter(page, String.raw`printf '\033[1;32mgreen\033[0m \033[48;5;196mred\033[0m \033[38;2;1;2;3mtrue\033[0m ünïcödé → 日本 👍\n'`);
  await expectText(page, 'green red true ünïcödé → 日本 👍');
  const green = page.locator('.xterm-rows span', { hasText: /^green$/ }).last();
  expect(await green.evaluate((element) => getComputedStyle(element).color)).not.toBe(
    await page.locator('.xterm-rows').evaluate((element) => getComputedStyle(element).color),
  );

  // Ctrl from the key row reaches the program: sleep ends at once.
  await enter(page, 'sleep 1000; echo "woken with $?"');
  await page.getByTestId('key-interrupt').tap();
  await enter(page, 'echo "after $((20+1))"');
  await expectText(page, 'after 21');
  // Arrow up brings the last command back.
  await page.getByTestId('key-up').tap();
  await page.keyboard.press('Enter');
  await expect.poll(async () => (await linesOf(page)).filter((line) => line === 'after 21').length).toBe(2);
  await picture(page, 'shell');

  // Turning the phone changes the grid, and the program learns it.
  await page.setViewportSize({ width: 839, height: 412 });
  await expect.poll(async () => (await factsOf(id)).cols).toBeGreaterThan(cols);
  const turned = await factsOf(id);
  await enter(page, 'stty size');
  await expectText(page, `${turned.rows} ${turned.cols}`);
  await page.setViewportSize({ width: 412, height: 839 });
  await expect.poll(async () => (await factsOf(id)).cols).toBe(cols);
  expect(trouble).toEqual([]);
});

test('vim: edit a file, save, quit', async ({ page }) => {
  test.skip(missing.includes('vim'), 'vim is not installed');
  await letIn(page, stage);
  await startSession(page);
  const file = join(folder, 'note.txt');
  await enter(page, `vim -u NONE -N ${file}`);
  await expectText(page, '[New]');
  await type(page, 'ihello from the phone');
  await page.keyboard.press('Enter');
  await type(page, 'second line äöü');
  await page.getByTestId('key-escape').tap();
  await picture(page, 'vim');
  const painted = await paintedRows(page);
  const { cols, rows } = await factsOf(await sessionIdOf(page));
  expect(painted.rows).toEqual(await referenceRows(stage.server, await sessionIdOf(page), { cols, rows, toOffset: painted.offset }));
  await enter(page, ':wq');
  await expect.poll(() => (existsSync(file) ? readFileSync(file, 'utf8') : '')).toBe('hello from the phone\nsecond line äöü\n');
  // The shell's screen is back.
  await expectText(page, `vim -u NONE -N ${folder}`.slice(0, 20));
});

test('htop draws what a reference terminal draws', async ({ page }) => {
  test.skip(missing.includes('htop'), 'htop is not installed');
  await letIn(page, stage);
  const id = await startSession(page);
  await enter(page, 'htop -d 10');
  await expectText(page, /PID/);
  await expectText(page, /F1Help/);
  await picture(page, 'htop');
  const { cols, rows } = await factsOf(id);
  for (let look = 0; look < 3; look += 1) {
    const painted = await paintedRows(page);
    expect(painted.rows).toEqual(await referenceRows(stage.server, id, { cols, rows, toOffset: painted.offset }));
    await expect.poll(async () => Number(await terminalOf(page).getAttribute('data-offset'))).toBeGreaterThan(painted.offset);
  }
  await type(page, 'q');
  await expect.poll(async () => (await linesOf(page)).join('\n')).not.toContain('F1Help');
  // It is quiet now: the page says what it shows, and it is what the server's emulator shows.
  const metric = async (name: string): Promise<number> =>
    Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(await (await stage.server.api('/metrics')).text())?.[1]);
  await expect.poll(() => metric('cotg_screen_comparisons_total')).toBeGreaterThan(0);
  expect(await metric('cotg_screen_mismatches_total')).toBe(0);
});

test('a program prints 30 000 numbers while the server is killed three times: every number, every letter, once', async ({ page }) => {
  const TOTAL = 30_000;
  const typed = join(folder, 'typed');
  const script = join(folder, 'numbers.sh');
  writeFileSync(
    script,
    `stty -echo -icanon\n(i=0; while [ $i -lt ${TOTAL} ]; do i=$((i+1)); echo "n$i"; [ $((i % 20)) = 0 ] && sleep 0.018; done; echo all done) &\nexec cat > ${typed}\n`,
  );
  await letIn(page, stage);
  const id = await startSession(page, `bash ${script}`);
  const { pid } = await factsOf(id);
  const started = performance.now();
  const lastNumber = async (): Promise<number> =>
    Math.max(0, ...(await linesOf(page)).slice(-60).map((line) => Number(/^n(\d+)$/.exec(line)?.[1] ?? 0)));

  let letters = '';
  const typeLetter = async (): Promise<void> => {
    const letter = 'abcdefghijklmnopqrstuvwxyz'[letters.length % 26] ?? 'a';
    letters += letter;
    await type(page, letter);
  };
  for (const at of [5000, 12_000, 19_000]) {
    await expect.poll(lastNumber, { timeout: 60_000 }).toBeGreaterThan(at);
    await typeLetter();
    await stage.server.kill('SIGKILL');
    // Typed into the cut: kept, and sent once when the link is back.
    await typeLetter();
    await expect(terminalOf(page)).toHaveAttribute('data-state', 'reconnecting');
    if (at === 5000) {
      await expect(page.getByTestId('banner')).toContainText('Reconnecting');
      await picture(page, 'reconnecting');
    }
    await stage.server.start();
    await expectLive(page);
    await typeLetter();
  }
  await expectText(page, 'all done', 90_000);
  test.info().annotations.push({ type: 'measured', description: `${TOTAL} numbers in ${Math.round(performance.now() - started)} ms` });

  const text = await (await stage.server.api(`/api/sessions/${id}/history?format=text`)).text();
  const numbers = text.split('\n').flatMap((line) => (/^n\d+$/.test(line) ? [Number(line.slice(1))] : []));
  expect(numbers).toHaveLength(TOTAL);
  expect(numbers.every((number, index) => number === index + 1)).toBe(true);

  const kept = (await linesOf(page)).flatMap((line) => (/^n\d+$/.test(line) ? [Number(line.slice(1))] : []));
  expect(kept.at(-1)).toBe(TOTAL);
  expect(kept.length).toBeGreaterThan(1000);
  expect(kept.every((number, index) => number === (kept[0] ?? 0) + index)).toBe(true);

  await eventually(
    () => readFileSync(typed, 'utf8'),
    (all) => all === letters,
    { what: `the letters ${letters}, each once and in order` },
  );
  expect((await factsOf(id)).pid).toBe(pid);
  expect(await terminalOf(page).getAttribute('data-holes')).toBe('0');
});

test('the tab is closed and the server restarted: the page opens the same session again and says so', async ({ page, context }) => {
  await letIn(page, stage);
  const id = await startSession(page);
  await enter(page, 'echo "before $((40+2))"');
  await expectText(page, 'before 42');
  const { pid } = await factsOf(id);
  await page.close();
  await stage.server.kill('SIGTERM');
  await stage.server.start();

  const again = await context.newPage();
  await again.goto(stage.url);
  await expect(again.getByTestId('toast').filter({ hasText: 'Reconnected to session' })).toHaveText(/Reconnected to session \(.+ old\)/);
  await picture(again, 'reconnected');
  await expectLive(again);
  expect(await sessionIdOf(again)).toBe(id);
  await expectText(again, 'before 42');
  await enter(again, 'echo "and $((1+1)) again"');
  await expectText(again, 'and 2 again');
  expect((await factsOf(id)).pid).toBe(pid);
});

test('a second device sees the first one’s grid whole, takes the size over with a tap, and gives it back when it leaves', async ({
  page,
  browser,
}) => {
  await letIn(page, stage);
  const id = await startSession(page);
  const phone = await factsOf(id);
  const context = await browser.newContext({ viewport: { width: 1100, height: 700 }, hasTouch: true });
  try {
    const desk = await context.newPage();
    await letIn(desk, stage);
    await desk.goto(`${stage.url}/s/${id}`);
    await expectLive(desk);
    await expect(terminalOf(desk)).toHaveAttribute('data-controller', 'false');
    await enter(page, 'stty size');
    await expectText(desk, `${phone.rows} ${phone.cols}`);
    expect(await factsOf(id)).toMatchObject({ cols: phone.cols, rows: phone.rows });
    await picture(desk, 'sized-elsewhere');

    await desk.getByTestId('take-control').tap();
    await expect(terminalOf(desk)).toHaveAttribute('data-controller', 'true');
    await expect(terminalOf(page)).toHaveAttribute('data-controller', 'false');
    await expect.poll(async () => (await factsOf(id)).cols).toBeGreaterThan(100);
    // Its rows become more when the line above them goes: asked until it is still.
    await expect
      .poll(
        async () => {
          await enter(desk, 'clear; stty size');
          const { rows, cols } = await factsOf(id);
          return (await linesOf(page)).join('\n').includes(`${rows} ${cols}`);
        },
        { intervals: [500] },
      )
      .toBe(true);
    await picture(page, 'sized-elsewhere-phone');
  } finally {
    await context.close();
  }
  // The latest other viewer takes over.
  await expect(terminalOf(page)).toHaveAttribute('data-controller', 'true');
  await expect.poll(async () => (await factsOf(id)).cols).toBe(phone.cols);
});

test('the network goes silent without closing: noticed within ten seconds, resumed without a gap', async ({ page }) => {
  await letIn(page, stage);
  const id = await startSession(page, 'bash --norc');
  await enter(page, 'echo one');
  await expectText(page, /^one$/m);
  stage.proxy.silence();
  const since = performance.now();
  await stage.server.api(`/api/sessions/${id}/input`, { method: 'POST', body: JSON.stringify({ data: 'echo tw""o\n' }) });
  // Promised: 10 s. A loaded machine may take five times that.
  await expect(terminalOf(page)).toHaveAttribute('data-state', 'reconnecting', { timeout: 50_000 });
  const noticedMs = performance.now() - since;
  test.info().annotations.push({ type: 'measured', description: `noticed after ${Math.round(noticedMs)} ms` });
  stage.proxy.restore();
  await expectLive(page, 20_000);
  await expectText(page, /^two$/m);
  expect((await linesOf(page)).filter((line) => line === 'two')).toHaveLength(1);
  expect(await terminalOf(page).getAttribute('data-holes')).toBe('0');
});

test('a used, an expired and a made-up link say so in one line, and let nobody in', async ({ page, context }) => {
  await stage.server.kill('SIGTERM');
  await stage.server.start({ COTG_PAIRING_LIFE: '5s' });
  const used = await makeCode(stage);
  const expired = await makeCode(stage);
  const since = performance.now();
  await page.goto(`${stage.url}/pair#${used}`);
  await expect(page.getByTestId('list')).toBeVisible();
  await context.clearCookies();
  // A link's life is time itself: nothing else can be waited for.
  await page.waitForTimeout(Math.max(0, 5500 - (performance.now() - since)));
  for (const [name, code, says] of [
    ['pair-used', used, /already used/],
    ['pair-expired', expired, /expired/],
    ['pair-wrong', 'AAAAAAAAAAAAAAAAAAAAAA', /not valid|Wrong|invalid/i],
  ] as const) {
    const other = await context.newPage();
    await other.goto(`${stage.url}/pair#${code}`);
    await expect(other.getByTestId('pair-error')).toHaveText(says);
    await picture(other, name);
    await other.goto(stage.url);
    await expect(other.getByTestId('signed-out')).toBeVisible();
    await other.close();
  }
});

test('a missing command is one clear line, and nothing is half-created', async ({ page }) => {
  await letIn(page, stage);
  await page.getByTestId('new-session').tap();
  await page.getByTestId('command').fill('no-such-program --now');
  await page.getByTestId('start').tap();
  await expect(page.getByTestId('form-error')).toContainText('no-such-program');
  await picture(page, 'missing-command');
  expect(await (await stage.server.api('/api/sessions')).json()).toEqual([]);
});

test('closing the page never ends the program; ending the session does, with everything it started', async ({ page, context }) => {
  await letIn(page, stage);
  const id = await startSession(page);
  await enter(page, 'sleep 1234 & echo "child $!"');
  await expectText(page, /^child \d+$/m);
  const child = Number(/^child (\d+)$/m.exec((await linesOf(page)).join('\n'))?.[1]);
  const { pid } = await factsOf(id);
  await page.close();
  expect(existsSync(`/proc/${child}`)).toBe(true);
  expect((await factsOf(id)).state).toBe('running');

  const again = await context.newPage();
  await again.goto(`${stage.url}/s/${id}`);
  await expectLive(again);
  await again.getByTestId('end-session').tap();
  await picture(again, 'end-question');
  await again.getByTestId('dialog-yes').tap();
  await expect(again.getByTestId('ended')).toBeVisible();
  await picture(again, 'ended');
  await eventually(
    () => [child, pid ?? 0].filter((process) => existsSync(`/proc/${process}`)),
    (left) => left.length === 0,
    { what: 'the whole group is gone, no zombie left' },
  );
  await again.getByTestId('remove-session').tap();
  await again.getByTestId('dialog-yes').tap();
  await expect(again.getByTestId('list')).toBeVisible();
  expect(await (await stage.server.api('/api/sessions')).json()).toEqual([]);
});

test('a paste of 1 MB arrives whole', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await letIn(page, stage);
  const file = join(folder, 'pasted');
  await startSession(page, `bash -c 'stty raw -echo; echo ready; head -c 1000000 > ${file}; echo got it'`);
  await expectText(page, 'ready');
  const text = Array.from({ length: 100_000 }, (_, index) => String(index).padStart(9, '0') + (index % 2 === 0 ? 'x' : 'y')).join('');
  await focusTerminal(page);
  await page.evaluate((pasted) => {
    const data = new DataTransfer();
    data.setData('text/plain', pasted);
    document.activeElement?.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
  }, text);
  await expectText(page, 'got it', 30_000);
  expect(readFileSync(file, 'utf8')).toBe(text);
});
