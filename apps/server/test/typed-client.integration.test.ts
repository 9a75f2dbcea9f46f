// What only scripts ask for, over the typed client against a real server.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, errorCodeOf } from '@cotg/api/client';
import type { Client } from '@cotg/api/client';
import { makeLegacyDatabase } from '@cotg/db/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, runCotg, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';

let server: TestServer;
let client: Client;
beforeAll(async () => {
  server = await startTestServer();
  client = createClient({ url: server.url, token: server.token });
});
afterAll(async () => {
  await client.close();
  await server.close();
});

const codeOf = (call: Promise<unknown>): Promise<string | undefined> =>
  call.then(
    () => 'no error',
    (error: unknown) => errorCodeOf(error),
  );

test('a session is named, read page by page, looked at, and forgotten', async () => {
  const { id } = await client.api.session.create.mutate({ command: ['sh', '-c', 'seq 20000; exec cat'] });
  expect(await client.api.session.update.mutate({ sessionId: id, change: { name: 'numbers', pinned: true } })).toMatchObject({
    name: 'numbers',
    pinned: true,
  });
  const want = Array.from({ length: 20_000 }, (_, n) => `${n + 1}\r\n`).join('');
  const { endOffset } = await eventually(
    () => client.api.session.get.query({ sessionId: id }),
    (session) => session.endOffset >= want.length,
    { what: 'all is printed' },
  );

  const pages: Buffer[] = [];
  for (let from = 0; from < endOffset;) {
    const page = await client.api.session.history.query({ sessionId: id, from, format: 'raw' });
    expect(page).toMatchObject({ from, firstOffset: 0 });
    expect(page.to).toBeGreaterThan(from);
    pages.push(Buffer.from(page.content, 'base64'));
    from = page.to;
  }
  expect(pages.length).toBeGreaterThan(1);
  expect(Buffer.concat(pages).toString()).toBe(want);

  const screen = await client.api.session.screen.query({ sessionId: id });
  expect(screen.lines.filter((line) => line !== '').at(-1)).toBe('20000');
  expect(screen.offset).toBe(endOffset);

  // What still runs is not forgotten by mistake.
  expect(await codeOf(client.api.session.remove.mutate({ sessionId: id }))).toBe('SESSION_ALIVE');
  await client.api.session.kill.mutate({ sessionId: id });
  await client.api.session.remove.mutate({ sessionId: id });
  expect(await codeOf(client.api.session.get.query({ sessionId: id }))).toBe('UNKNOWN_SESSION');
});

test('the server tells of itself, checks what it keeps, copies it, and takes in what an older tool left', async () => {
  expect(await client.api.system.status.query()).toMatchObject({ server: { pid: server.pid }, storage: { state: 'ok' } });
  expect(await client.api.system.verify.query()).toEqual([]);
  const backup = await client.api.system.backup.mutate();
  expect(backup.files.length).toBeGreaterThan(0);
  for (const file of backup.files) expect(existsSync(join(backup.folder, file)), file).toBe(true);

  const folder = mkdtempSync(join(tmpdir(), 'cotg-typed-'));
  try {
    const path = join(folder, 'sessions.db');
    makeLegacyDatabase(path, [
      { id: 'old', history: Buffer.from('old\r\n'), created_at: 1_700_000_000, last_activity: 1_700_000_100, rows: 24, cols: 80 },
    ]);
    const before = readFileSync(path);
    expect(await client.api.system.importLegacy.mutate({ path })).toMatchObject({ imported: 1, refusedCount: 0, bytes: 5 });
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(await codeOf(client.api.system.importLegacy.mutate({ path: join(folder, 'none.db') }))).not.toBe('no error');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('`cotg devices rename` names a device as the person knows it', async () => {
  const { stdout } = await runCotg(['pair', '--json', '--approve'], { dataDir: server.dataDir });
  const { link } = JSON.parse(stdout) as { link: string };
  const response = await fetch(`${server.url}/api/pair`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: server.url },
    body: JSON.stringify({ code: new URL(link).hash.slice(1), name: 'Mobile Safari' }),
  });
  const { deviceId } = (await response.json()) as { deviceId: string };
  const renamed = await runCotg(['devices', 'rename', deviceId, 'Kitchen tablet'], { dataDir: server.dataDir });
  expect([renamed.code, renamed.stderr]).toEqual([0, '']);
  const devices = await client.api.device.list.query();
  expect(devices.find(({ id }) => id === deviceId)?.name).toBe('Kitchen tablet');
});
