import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Screen, Session } from '@cotg/api';
import { eventually, startTestServer } from '../../../testing/start-server.ts';
import { attachViewer } from '../../../testing/viewer.ts';

const MIB = 1024 * 1024;
/** The first stored piece may begin before the first kept byte: it goes with the next trim. */
const ROW = MIB / 2;
/** A screen that only someone who has seen its beginning can draw: a status line outside the scrolling region, set once and never again. */
const PRINT = String.raw`printf '\033[2;23r\033[1;1H\033[44mstatus set at the very beginning\033[0m\033[23;1H'; for n in $(seq 1 60000); do echo "line $n $((n * 7919 % 100003)) of many lines that scroll below a status line and away, until they are no longer kept"; done; echo ALL PRINTED; exec sleep 1000`;

test('a session that has printed five times its limit keeps its limit, and its screen can be rebuilt from what is kept', async () => {
  await using server = await startTestServer();
  const response = await server.api('/api/sessions', {
    method: 'POST',
    body: JSON.stringify({ command: ['bash', '-c', PRINT], cols: 100, rows: 24, maxHistoryBytes: MIB }),
  });
  const { id } = (await response.json()) as Session;
  const get = async (): Promise<Session> => (await (await server.api(`/api/sessions/${id}`)).json()) as Session;
  const screen = (): Promise<Response> => server.api(`/api/sessions/${id}/screen?format=json`);
  const shown = async (): Promise<Screen | null> => {
    const answer = await screen();
    return answer.ok ? ((await answer.json()) as Screen) : null;
  };
  const before = await eventually(
    shown,
    (found) => found?.lines.at(-1) === 'ALL PRINTED' || found?.lines.includes('ALL PRINTED') === true,
    {
      what: 'everything is printed and parsed',
      timeoutMs: 60_000,
    },
  );
  expect(before?.lines[0]).toBe('status set at the very beginning');
  const trimmed = await eventually(get, ({ storedBytes, endOffset }) => endOffset > 5 * MIB && storedBytes <= MIB + ROW, {
    what: 'it is trimmed',
  });
  expect(trimmed.endOffset - trimmed.firstOffset).toBeLessThanOrEqual(MIB);
  expect(trimmed.endOffset - trimmed.firstOffset).toBeGreaterThan(0.85 * MIB);

  // Nothing is left but what the host keeps: no stored screen, no emulator.
  await server.kill('SIGTERM');
  for (const name of ['catalog.db', 'catalog.db-wal', 'catalog.db-shm']) rmSync(join(server.dataDir, name), { force: true });
  await server.start();
  const rebuilt = await eventually(shown, (found) => found !== null, { what: 'the screen is rebuilt' });
  expect(rebuilt).toEqual(before);

  // A reader below what is kept is told so, and gets the screen.
  const history = await server.api(`/api/sessions/${id}/history?format=raw&from=0`);
  expect(history.headers.get('x-gap-until')).toBe(String(trimmed.firstOffset));
  expect((await history.arrayBuffer()).byteLength).toBe(trimmed.endOffset - trimmed.firstOffset);
  await using viewer = attachViewer({ url: server.url, token: server.token, sessionId: id, have: { run: 1, offset: 100, mark: 1 } });
  await viewer.attached();
  expect(viewer.events.find((event) => event.type === 'snapshot')).toMatchObject({ reason: 'gap', offset: trimmed.endOffset });
  expect(viewer.breaks).toBe(0);
}, 120_000);

test('a limit can be lowered on a living session, and what is above it goes', async () => {
  await using server = await startTestServer();
  const command = ['bash', '-c', 'seq -f "line %g of a program whose history is to be shortened" 60000; echo ALL PRINTED; exec sleep 1000'];
  const response = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command }) });
  const { id } = (await response.json()) as Session;
  const get = async (): Promise<Session> => (await (await server.api(`/api/sessions/${id}`)).json()) as Session;
  await eventually(
    async () => (await server.api(`/api/sessions/${id}/screen`)).text(),
    (text) => text.includes('ALL PRINTED'),
    { what: 'everything is printed' },
  );
  const before = await get();
  expect(before.firstOffset).toBe(0);
  const changed = await server.api(`/api/sessions/${id}`, { method: 'PATCH', body: JSON.stringify({ maxHistoryBytes: MIB }) });
  expect(changed.status).toBe(200);
  const after = await eventually(get, ({ firstOffset, storedBytes }) => firstOffset > 0 && storedBytes <= MIB + ROW, {
    what: 'it is trimmed',
  });
  expect(after.endOffset).toBe(before.endOffset);
});

test('a small limit keeps at least seven eighths of it, printed at once or a little now and then', async () => {
  const KIB = 1024;
  await using server = await startTestServer();
  const create = async (command: string[]): Promise<string> => {
    const body = JSON.stringify({ command, maxHistoryBytes: 64 * KIB });
    return ((await (await server.api('/api/sessions', { method: 'POST', body })).json()) as Session).id;
  };
  const get = async (id: string): Promise<Session> => (await (await server.api(`/api/sessions/${id}`)).json()) as Session;
  const parsed = (id: string, text: string): Promise<unknown> =>
    eventually(
      async () => (await server.api(`/api/sessions/${id}/screen`)).text(),
      (screen) => screen.includes(text),
      { what: `${text} is parsed` },
    );
  const atOnce = await create(['bash', '-c', 'seq -f "line %g of a program that prints it all at once" 20000; echo ALL PRINTED; exec cat']);
  await parsed(atOnce, 'ALL PRINTED');
  // Each time less than lies between two beginnings, and the emulator is another one.
  const now = await create([
    'bash',
    '-c',
    'stty -echo; while read -r n; do seq -f "line %g of a few" 400; echo "part $n is printed"; done',
  ]);
  for (let part = 1; part <= 12; part += 1) {
    await server.api(`/api/sessions/${now}/input`, { method: 'POST', body: JSON.stringify({ data: `${part}\n` }) });
    await parsed(now, `part ${part} is printed`);
    await server.kill('SIGTERM');
    await server.start();
  }
  for (const id of [atOnce, now]) {
    const { firstOffset, endOffset } = await eventually(
      () => get(id),
      (session) => session.firstOffset > 0,
      { what: 'it is trimmed' },
    );
    expect(endOffset).toBeGreaterThan(80 * KIB);
    expect(endOffset - firstOffset).toBeLessThanOrEqual(64 * KIB);
    expect(endOffset - firstOffset).toBeGreaterThanOrEqual(0.75 * 64 * KIB);
  }
}, 120_000);
