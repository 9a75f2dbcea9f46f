import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { CDPSession, Locator, Page } from '@playwright/test';
import { eventually } from '../../../testing/start-server.ts';
import { framesOf, isBlank, recordFrames } from './support/frames.ts';
import type { Frame } from './support/frames.ts';
import {
  enter,
  expectLive,
  expectText,
  focusTerminal,
  letIn,
  linesOf,
  openStage,
  paintedRows,
  picture,
  startSession,
  terminalOf,
  type,
} from './support/phone.ts';
import type { Stage } from './support/phone.ts';
import { referenceRows } from './support/reference.ts';

const TEN_MEGABYTES = 10 * 1024 * 1024;
/** Promised for 10 MB: 2 s. A loaded machine may take five times that. */
const RELOAD_BOUND_MS = 10_000;
/** What a screen with a thousand lines above it may cost on the wire, and everything around it. */
const RELOAD_BOUND_BYTES = 200 * 1024;

/** Of a session that was started without a page; no phone's. */
const UNSEEN_GRID = { cols: 50, rows: 30 };

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

const missing = (process.env['COTG_TEST_MISSING'] ?? '').split(',');

async function gridOf(page: Page): Promise<{ cols: number; rows: number }> {
  const terminal = terminalOf(page);
  return { cols: Number(await terminal.getAttribute('data-cols')), rows: Number(await terminal.getAttribute('data-rows')) };
}

/** Starts a session without a page; returns its id. */
async function startUnseen(script: string, name: string): Promise<string> {
  const file = join(folder, `${name.replaceAll(/\W/g, '-')}.sh`);
  writeFileSync(file, script);
  const body = JSON.stringify({ command: ['bash', file], cwd: folder, name, ...UNSEEN_GRID });
  const response = await stage.server.api('/api/sessions', { method: 'POST', body });
  return ((await response.json()) as { id: string }).id;
}

const cardOf = (page: Page, id: string): Locator => page.locator(`[data-testid=session-card][data-session="${id}"]`);

/** Loads the page anew and returns what it painted up to the frame that `isThere`. */
async function reload(page: Page, isThere: (frame: Frame) => boolean): Promise<readonly Frame[]> {
  await page.reload();
  await expectLive(page);
  return eventually(
    () => framesOf(page),
    (frames) => frames.some(isThere),
    { what: 'the frame that was waited for' },
  );
}

/** A finger that moves by `px` and rests before it lifts, so that nothing glides on. */
async function drag(client: CDPSession, px: number): Promise<void> {
  const [x, y] = [200, px < 0 ? 600 : 200];
  await client.send('Input.synthesizeScrollGesture', { x, y, yDistance: px, gestureSourceType: 'touch', preventFling: true });
}

test('vim: a reloaded page shows its screen in the first frame that shows anything, and its modes', async ({ page }) => {
  test.skip(missing.includes('vim'), 'vim is not installed');
  const file = join(folder, 'text.txt');
  writeFileSync(file, Array.from({ length: 300 }, (_, i) => `${i + 1} 漢字 e\u0301 ä “quoted” – 👍 ${'x'.repeat(i % 30)}`).join('\n'));
  await letIn(page, stage);
  const id = await startSession(page);
  await enter(page, `vim -u NONE -N -c 'set mouse=a' -c 'syntax on' ${file}`);
  await expectText(page, /^1 漢字/m);
  await type(page, '50G');
  await expectText(page, /^50 漢字/m);
  const before = await paintedRows(page);
  await recordFrames(page);

  const frames = await reload(page, (frame) => !isBlank(frame));
  await picture(page, 'vim-reloaded');
  const after = await paintedRows(page);
  expect(after).toEqual(before);
  expect(after.rows).toEqual(await referenceRows(stage.server, id, { ...(await gridOf(page)), toOffset: after.offset }));
  expect(frames.find((frame) => !isBlank(frame))).toMatchObject(after);

  // The mouse is vim's: a finger turns its wheel.
  const client = await page.context().newCDPSession(page);
  await drag(client, -300);
  await expect.poll(async () => (await paintedRows(page)).rows[0]).not.toBe(before.rows[0]);
  // And below its full screen lies the shell's.
  await enter(page, ':q!');
  await expectText(page, 'vim -u NONE -N');
  await enter(page, 'echo "back $((40+2))"');
  await expectText(page, 'back 42');
  expect(await terminalOf(page).getAttribute('data-holes')).toBe('0');
});

test('htop: a page that is reloaded while it paints never shows a blank or half a screen', async ({ page }) => {
  test.skip(missing.includes('htop'), 'htop is not installed');
  await letIn(page, stage);
  const id = await startSession(page);
  await enter(page, 'htop -d 5');
  await expectText(page, /F1Help/);
  await recordFrames(page);
  for (let round = 0; round < 3; round += 1) {
    const shown = await reload(page, (frame) => !isBlank(frame));
    const first = shown.find((frame) => !isBlank(frame));
    expect(first?.rows).toEqual(await referenceRows(stage.server, id, { ...(await gridOf(page)), toOffset: first?.offset ?? 0 }));
    // Over the next pictures of the program too.
    await expect.poll(async () => Number(await terminalOf(page).getAttribute('data-offset'))).toBeGreaterThan(first?.offset ?? 0);
    const frames = await framesOf(page);
    const from = frames.findIndex((frame) => !isBlank(frame));
    expect(frames.slice(from).filter(isBlank)).toEqual([]);
  }
  await picture(page, 'htop-reloaded');
});

test('after 10 MB of output a reload costs a screen, not the output', async ({ page }) => {
  const line = 'x'.repeat(60);
  const count = Math.ceil(TEN_MEGABYTES / (line.length + 8));
  const id = await startUnseen(`yes ${line} | head -n ${count} | nl -w 6\necho "the very last line"\nexec cat\n`, 'flood');
  await eventually(
    async () => (await (await stage.server.api(`/api/sessions/${id}`)).json()) as { endOffset: number },
    ({ endOffset }) => endOffset >= TEN_MEGABYTES,
    { what: '10 MB of output', timeoutMs: 60_000 },
  );
  await letIn(page, stage);
  await page.goto(`${stage.url}/s/${id}`);
  await expectLive(page);
  await expectText(page, 'the very last line', 60_000);
  await recordFrames(page);
  let receivedBytes = 0;
  page.on('websocket', (socket) => {
    socket.on('framereceived', ({ payload }) => {
      receivedBytes += payload.length;
    });
  });
  const client = await page.context().newCDPSession(page);
  const hasLast = ({ rows }: Frame): boolean => rows.includes('the very last line');
  for (const slowdown of [1, 4]) {
    await client.send('Emulation.setCPUThrottlingRate', { rate: slowdown });
    const times: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      receivedBytes = 0;
      const frames = await reload(page, hasLast);
      times.push(Math.round(frames.find(hasLast)?.at ?? Number.POSITIVE_INFINITY));
      expect(receivedBytes).toBeLessThan(RELOAD_BOUND_BYTES);
      expect((await linesOf(page)).length).toBeGreaterThan(900);
    }
    const description = `CPU ÷ ${slowdown}: the last line painted ${times.join(', ')} ms after the navigation began, ${receivedBytes} bytes received`;
    test.info().annotations.push({ type: 'measured', description });
    expect(Math.min(...times)).toBeLessThan(RELOAD_BOUND_MS * slowdown);
  }
});

test('a reader who has scrolled up stays there while the server is killed and starts again', async ({ page }) => {
  const [go, done] = [join(folder, 'go'), join(folder, 'done')];
  const script = `seq -f 'n%.0f' 1 3000; while [ ! -e ${go} ]; do sleep 0.1; done; seq -f 'n%.0f' 3001 100000; touch ${done}; exec cat\n`;
  const id = await startUnseen(script, 'numbers');
  await letIn(page, stage);
  await recordFrames(page);
  await page.goto(`${stage.url}/s/${id}`);
  await expectText(page, /^n3000$/m);
  // This page's own size.
  await expect.poll(() => gridOf(page)).not.toEqual(UNSEEN_GRID);
  await focusTerminal(page);
  const numberOf = (row: string | undefined): number => Number(/^n(\d+)$/.exec(row ?? '')?.[1]);
  let before = await paintedRows(page);
  while (3000 - numberOf(before.rows[0]) <= 200) {
    await page.keyboard.press('Shift+PageUp');
    before = await paintedRows(page);
  }
  const distance = 3000 - numberOf(before.rows[0]);

  // Nothing new meanwhile: the same lines.
  await stage.server.kill('SIGKILL');
  await expect(terminalOf(page)).toHaveAttribute('data-state', 'reconnecting');
  await stage.server.start();
  await expectLive(page);
  expect((await paintedRows(page)).rows).toEqual(before.rows);

  // More than a snapshot's worth: as far above the new bottom, and nothing of it twice or missing.
  await stage.server.kill('SIGKILL');
  await expect(terminalOf(page)).toHaveAttribute('data-state', 'reconnecting');
  writeFileSync(go, '');
  await eventually(
    () => existsSync(done),
    (isThere) => isThere,
    { what: 'the program has printed the rest' },
  );
  await stage.server.start();
  await expectLive(page);
  await expectText(page, /^n100000$/m);
  const lines = (await linesOf(page)).filter((line) => line !== '').map(numberOf);
  expect(lines.length).toBeGreaterThan(900);
  expect(lines.every((number, index) => number === (lines[0] ?? 0) + index)).toBe(true);
  const place = 100_000 - numberOf((await paintedRows(page)).rows[0]);
  // Not for one frame was the reader anywhere else, nor anything blank.
  const frames = await framesOf(page);
  expect(frames.filter(({ rows: shown }) => shown.includes('n100000'))).toEqual([]);
  expect(frames.slice(frames.findIndex((frame) => !isBlank(frame))).filter(isBlank)).toEqual([]);
  expect(place).toBe(distance);
  expect(await terminalOf(page).getAttribute('data-holes')).toBe('0');
  await picture(page, 'scrolled-up');
});

test('a snapshot that comes damaged is made up for by the bytes; where they are too many the page says so', async ({ page }) => {
  const short = await startUnseen(`seq -f 'n%.0f' 1 200; printf '\\033[1;32mready\\033[0m\\n'; exec cat\n`, 'short');
  const long = await startUnseen(`seq 1 200000; echo ready; exec cat\n`, 'long');
  await page.routeWebSocket(/\/trpc/, (socket) => {
    socket.connectToServer().onMessage((message) => {
      // The last byte of a snapshot belongs to its state.
      if (typeof message !== 'string' && message.includes('"type":"snapshot"')) message[message.length - 1]! ^= 0xff;
      socket.send(message);
    });
  });
  await letIn(page, stage);
  await page.goto(`${stage.url}/s/${short}`);
  await expectText(page, 'ready');
  expect((await linesOf(page)).filter((line) => line !== '')).toEqual([...Array.from({ length: 200 }, (_, i) => `n${i + 1}`), 'ready']);
  await expectLive(page);
  expect(await terminalOf(page).getAttribute('data-holes')).toBe('1');
  await page.goto(`${stage.url}/s/${long}`);
  await expect(page.getByTestId('ended')).toContainText('could not be shown');
  await picture(page, 'snapshot-damaged');
});

test('the list shows the last lines of each screen in their colours, and changes with them', async ({ page }) => {
  const ticking = await startUnseen(
    String.raw`i=0; while :; do i=$((i+1)); printf '\033[1;32mtick\033[0m %d \033[7m done \033[0m\n<b>plain</b> 漢字 %s\n' $i ${'y'.repeat(80)}; sleep 0.4; done`,
    'ticking',
  );
  const silent = await startUnseen('exec cat\n', 'silent');
  await startUnseen(`printf '\\033[31mfailed: 3 of 120 tests\\033[0m\\n'; exit 3\n`, 'ended');
  await letIn(page, stage);
  const preview = cardOf(page, ticking).getByTestId('preview');
  await expect(preview).toContainText(/tick \d+/);
  const textOf = async (): Promise<string> => (await preview.textContent()) ?? '';
  const first = await textOf();
  await expect.poll(textOf).not.toBe(first);
  await expect.poll(textOf).toContain('<b>plain</b> 漢字 y');
  const tick = preview.locator('span', { hasText: /^tick$/ });
  // The line is made anew twice a second: one that has just gone has no colour.
  const colors = (): Promise<string[]> =>
    tick.evaluate((element) => [getComputedStyle(element).color, getComputedStyle(element.parentElement ?? element).color]);
  await expect.poll(async () => new Set((await colors()).filter((color) => color !== '')).size).toBe(2);
  await expect(preview.locator('.ansi-line')).toHaveCount(2);
  await expect(cardOf(page, silent).getByTestId('preview')).toHaveText('');
  const box = async (): Promise<number | undefined> => (await cardOf(page, ticking).boundingBox())?.height;
  expect(await box()).toBe((await cardOf(page, silent).boundingBox())?.height);
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture(page, 'list-previews');
  await page.emulateMedia({ colorScheme: 'light' });
  await picture(page, 'list-previews-light');
});

test('a program that rings while nobody looks needs the person until they have looked', async ({ page }) => {
  const ring = join(folder, 'ring');
  const waitFor = (file: string): string => `while [ ! -e ${file} ]; do sleep 0.1; done`;
  const script = `echo ready; ${waitFor(ring)}; printf '\\a'; ${waitFor(`${ring}-2`)}; printf '\\a\\033]2;a new title\\007'; exec cat\n`;
  const ringing = await startUnseen(script, '');
  // Its first output is older than the other session: the list begins with the newest activity.
  await eventually(
    async () => ((await (await stage.server.api(`/api/sessions/${ringing}`)).json()) as { endOffset: number }).endOffset,
    (endOffset) => endOffset > 0,
    { what: 'it is ready' },
  );
  const other = await startUnseen('exec cat\n', 'other');
  await letIn(page, stage);
  const ids = (): Promise<(string | null)[]> =>
    page.getByTestId('session-card').evaluateAll((cards) => cards.map((card) => card.getAttribute('data-session')));
  await expect.poll(ids).toEqual([other, ringing]);
  writeFileSync(ring, '');
  await expect(cardOf(page, ringing)).toContainText('Needs you');
  await expect.poll(ids).toEqual([ringing, other]);
  await picture(page, 'list-needs-you');

  await cardOf(page, ringing).getByTestId('open-session').tap();
  await expectLive(page);
  await page.getByTestId('back').tap();
  await expect(page.getByTestId('list')).toBeVisible();
  await expect(cardOf(page, ringing)).toContainText('Running');
  await expect(page.locator('[data-attention]')).toHaveCount(0);

  // Rung before the person's eyes it is a ring around the terminal, and nothing to come back for.
  await cardOf(page, ringing).getByTestId('open-session').tap();
  await expectLive(page);
  await expect(page.getByTestId('bell')).toHaveCount(0);
  writeFileSync(`${ring}-2`, '');
  await expect(page.getByTestId('bell')).toHaveCount(1);
  await picture(page, 'bell');
  await expect(page.getByTestId('title')).toHaveText('a new title');
  await page.getByTestId('back').tap();
  await expect(cardOf(page, ringing)).toContainText('a new title');
  await expect(cardOf(page, ringing)).toContainText('Running');
});
