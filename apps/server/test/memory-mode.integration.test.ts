import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Screen, Session } from '@cotg/api';
import { eventually, startTestServer } from '../../../testing/start-server.ts';
import { attachViewer } from '../../../testing/viewer.ts';

const CANARY = 'canary-7f3a91';

function filesWith(folder: string, text: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile() && readFileSync(path).includes(text));
}

test('in memory mode no output reaches the disk, and sessions, screens and history survive a kill of the server all the same', async () => {
  await using server = await startTestServer({ env: { COTG_PERSISTENCE: 'memory' } });
  // The canary is put together by the program: its command line may be stored, its output may not.
  const script =
    'a=canary; printf "\\033[2;10r\\033[1;1Hstatus $a-7f3a91\\033[10;1H"; for n in $(seq 1 60000); do echo "$a-7f3a91 line $n of a program that prints more than is kept"; done; echo ALL; read x; echo "read $a-7f3a91 $x"; sleep 1000';
  const response = await server.api('/api/sessions', {
    method: 'POST',
    body: JSON.stringify({ command: ['bash', '-c', script], cols: 90, rows: 12 }),
  });
  const { id } = (await response.json()) as Session;
  const screen = async (): Promise<Screen | null> => {
    const answer = await server.api(`/api/sessions/${id}/screen?format=json`);
    return answer.ok ? ((await answer.json()) as Screen) : null;
  };
  const before = await eventually(screen, (found) => found?.lines.includes('ALL') === true, { what: 'it has printed' });
  expect(before?.lines[0]).toBe(`status ${CANARY}`);
  const session = await eventually(
    async () => (await (await server.api(`/api/sessions/${id}`)).json()) as Session,
    ({ firstOffset }) => firstOffset > 0,
    { what: 'it keeps the newest part only' },
  );
  expect(session.endOffset - session.firstOffset).toBeLessThanOrEqual(2 * 1024 * 1024);
  expect(((await (await server.api('/api/status')).json()) as { storage: { state: string } }).storage.state).toBe('memory');
  await using viewer = attachViewer({ url: server.url, token: server.token, sessionId: id });
  await viewer.attached();
  await server.kill('SIGKILL');
  await server.start();
  expect(await eventually(screen, (found) => found !== null, { what: 'the screen is there again' })).toEqual(before);
  await viewer.type('key\r');
  await viewer.waitFor(`read ${CANARY} key`);
  expect(viewer.breaks).toBe(0);
  const text = await (await server.api(`/api/sessions/${id}/history?format=text`)).text();
  expect(text).toContain(`${CANARY} line 60000 of a program that prints more than is kept`);
  expect(filesWith(server.dataDir, CANARY)).toEqual([]);
  // Compressed it would not be found by its text: there is no file for it either.
  expect(readdirSync(server.dataDir).filter((name) => name.startsWith('journal.'))).toEqual([]);
}, 60_000);
