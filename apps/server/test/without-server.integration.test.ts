// Commands that need no server: with its host alive, with nobody alive, and in a directory that was only just restored.
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeLegacyDatabase } from '@cotg/db/testing';
import { expect, test } from 'vitest';
import type { Session } from '@cotg/api';
import { eventually, runCotg, startTestServer } from '../../../testing/start-server.ts';

test('the journal is read, copied and added to by its host without a server, and by the command itself without a host', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cotg-offline-'));
  await using server = await startTestServer();
  const { dataDir } = server;
  const command = ['bash', '-c', 'echo kept by whoever lives; exec cat'];
  const session = (await (await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command }) })).json()) as Session;
  const get = async (id: string): Promise<Session> => (await (await server.api(`/api/sessions/${id}`)).json()) as Session;
  await eventually(
    () => get(session.id),
    ({ endOffset }) => endOffset > 0,
    { what: 'it has printed' },
  );
  const host = await server.hostPid();
  const cotg = (...words: string[]): ReturnType<typeof runCotg> => runCotg(words, { dataDir });

  const useAll = async (round: string): Promise<void> => {
    expect(await cotg('journal', 'verify')).toMatchObject({ code: 0, stdout: 'The journal is whole.\n' });
    expect(await cotg('doctor')).toMatchObject({ code: 0 });
    const dump = await cotg('journal', 'dump', session.id.slice(0, 8));
    expect([dump.code, dump.stdout]).toEqual([0, expect.stringContaining('kept by whoever lives')]);
    const old = join(folder, `${round}.db`);
    const history = Buffer.from(`history of ${round}\r\n`);
    makeLegacyDatabase(old, [{ id: round, history, created_at: 1_700_000_000, last_activity: 1_700_000_100, rows: 24, cols: 80 }]);
    const imported = await cotg('import-legacy', old);
    expect([imported.code, imported.stdout, imported.stderr]).toEqual([0, expect.stringContaining('1 imported'), '']);
    const backup = await cotg('backup', join(folder, `${round}.tar`));
    expect(backup.code, backup.stderr).toBe(0);
    const nowhere = await cotg('backup', join(folder, 'nowhere', 'b.tar'));
    expect([nowhere.code, nowhere.stderr]).toEqual([2, expect.stringContaining('There is no folder')]);
    expect(readdirSync(dataDir).filter((name) => name.startsWith('backup-'))).toEqual([]);
  };
  await server.kill('SIGTERM');
  await useAll('a living host');
  process.kill(host, 0);
  expect((await cotg('stop', '--all', '--yes')).code).toBe(0);
  await useAll('nobody');

  await server.start();
  expect(await get(session.id)).toMatchObject({ alive: false });
  const sessions = (await (await server.api('/api/sessions')).json()) as Session[];
  const names = sessions.map(({ name }) => name).filter((name) => name !== null);
  expect(names.toSorted()).toEqual(['imported: a living host', 'imported: nobody']);
  await server.kill('SIGTERM');

  // As somebody restores: the two databases, and nothing else.
  await cotg('stop', '--all', '--yes');
  const restored = mkdtempSync(join(folder, 'restored-'));
  for (const name of ['journal.db', 'catalog.db']) copyFileSync(join(dataDir, name), join(restored, name));
  expect(await runCotg(['doctor'], { dataDir: restored })).toMatchObject({ code: 0, stdout: 'Everything that is kept is whole.\n' });
  expect(await runCotg(['journal', 'verify'], { dataDir: restored })).toMatchObject({ code: 0 });
  expect(existsSync(join(restored, 'owner.token'))).toBe(false);
  expect(await runCotg(['doctor'], { dataDir: join(folder, 'none') })).toMatchObject({ code: 4 });
  rmSync(folder, { recursive: true });
}, 240_000);
