import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { makeLegacyDatabase } from '@cotg/db/testing';
import { connectHost } from '@cotg/pty/client';
import { expect, test } from 'vitest';
import type { Session } from '@cotg/api';
import { runCotg, startTestServer } from '../../../testing/start-server.ts';

const sha = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

test('sessions of the older tool come in once, counted, with their history to the byte; nonsense is refused row by row; the source is only read', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cotg-legacy-'));
  const file = join(folder, 'sessions.db');
  const plain = Buffer.from('\u001b[31mplain\u001b[0m history\r\n'.repeat(1000));
  const large = Buffer.from('a line of a history of five megabytes\r\n'.repeat(130_000));
  makeLegacyDatabase(file, [
    { id: 'plain', history: plain, created_at: 1_700_000_000.5, last_activity: 1_700_000_100, rows: 24, cols: 80, max_history_bytes: 1000 },
    { id: 'packed', history: gzipSync(large), created_at: 1_700_000_001, last_activity: 1_700_000_200, rows: 50, cols: 120 },
    { id: 'empty', history: null, created_at: '2023-11-14T22:13:20Z', last_activity: 1_700_000_300, rows: 10, cols: 10 },
    { id: 'bomb', history: gzipSync(Buffer.alloc(300 * 1024 * 1024)), created_at: 1_700_000_003, last_activity: 1, rows: 10, cols: 10 },
    { id: 'no size', history: plain, created_at: 1_700_000_004, last_activity: 1, rows: 0, cols: 'x' },
    { id: 'no time', history: plain, created_at: 'yesterday', last_activity: 1, rows: 10, cols: 10 },
    { id: 'torn', history: gzipSync(plain).subarray(0, 40), created_at: 1_700_000_005, last_activity: 1, rows: 10, cols: 10 },
  ]);
  const before = sha(file);
  await using server = await startTestServer({ env: { COTG_DEAD_GRACE: '1s', COTG_SWEEP_INTERVAL: '1s' } });
  const first = await runCotg(['import-legacy', file, '--json'], { dataDir: server.dataDir });
  expect(first.code, first.stderr).toBe(1);
  const counts = JSON.parse(first.stdout) as { refused: { id: string }[] };
  expect(counts).toMatchObject({ imported: 3, present: 0, refusedCount: 4, bytes: plain.length + large.length });
  expect(counts.refused.map(({ id }) => id).length).toBe(4);
  const second = await runCotg(['import-legacy', file], { dataDir: server.dataDir });
  expect(second.stdout).toContain('0 imported (0 B), 3 there already, 4 refused');

  const sessions = (await (await server.api('/api/sessions')).json()) as Session[];
  expect(sessions.map(({ name }) => String(name)).toSorted()).toEqual(['imported: empty', 'imported: packed', 'imported: plain']);
  for (const session of sessions) expect(session).toMatchObject({ alive: false, state: 'exited', pinned: true, removedAt: null });
  const packed = sessions.find(({ name }) => name === 'imported: packed');
  expect(packed).toMatchObject({
    cols: 120,
    rows: 50,
    createdAt: '2023-11-14T22:13:21.000Z',
    endedAt: '2023-11-14T22:16:40.000Z',
    lastActivityAt: '2023-11-14T22:16:40.000Z',
  });
  const cast = (await (await server.api(`/api/sessions/${packed?.id}/history?format=cast`)).text()).trimEnd().split('\n');
  // When its lines were printed nobody knows: none of them in a year that the player would wait for.
  expect((JSON.parse(cast.at(-1) ?? '') as unknown[]).slice(0, 2)).toEqual([0, 'o']);
  const raw = await (await server.api(`/api/sessions/${packed?.id}/history?format=raw`)).arrayBuffer();
  expect(Buffer.from(raw).equals(large)).toBe(true);
  expect(sha(file)).toBe(before);
  expect(readdirSync(folder)).toEqual(['sessions.db']);

  writeFileSync(join(folder, 'other.db'), 'not a database');
  const other = await runCotg(['import-legacy', join(folder, 'other.db')], { dataDir: server.dataDir });
  expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('cannot be read')]);
  rmSync(folder, { recursive: true });
}, 120_000);

test('an import that was broken off is ended and removed at once, though there is no program that could end', async () => {
  await using server = await startTestServer();
  const host = await connectHost({
    socketPath: join(server.dataDir, 'host.sock'),
    secret: readFileSync(join(server.dataDir, 'host.secret'), 'utf8').trim(),
    clientVersion: 'test',
  });
  const [sessionId, now] = [randomUUID(), Date.now()];
  const piece = { sessionId, from: 0, isLast: false, cols: 80, rows: 24, createdAt: now, endedAt: now, maxHistoryBytes: 1_000_000 };
  await host.request('import', piece, { body: Buffer.from('half of it') });
  await host.close();
  const since = performance.now();
  expect((await server.api(`/api/sessions/${sessionId}`, { method: 'DELETE' })).status).toBeLessThan(300);
  // Nobody waits for an end that nothing would tell.
  expect(performance.now() - since).toBeLessThan(5000);
  expect((await server.api(`/api/sessions/${sessionId}?purge=1`, { method: 'DELETE' })).status).toBe(204);
  expect((await server.api(`/api/sessions/${sessionId}`)).status).toBe(404);
});
