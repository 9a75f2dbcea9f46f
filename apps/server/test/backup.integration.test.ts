import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Session } from '@cotg/api';
import { eventually, runCotg, startTestServer } from '../../../testing/start-server.ts';

/** Which processes have a database of this folder open. */
function openers(dataDir: string): Set<number> {
  const found = new Set<number>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        const path = readlinkSync(`/proc/${pid}/fd/${fd}`);
        if (path === join(dataDir, 'journal.db') || path === join(dataDir, 'catalog.db')) found.add(Number(pid));
      }
    } catch {
      continue; // Ended meanwhile.
    }
  }
  return found;
}

test('F40: a backup made while sessions print is one file that restores to a consistent offset; nobody else opens a database; an export is whole or not there', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cotg-backup-'));
  await using server = await startTestServer();
  const command = [
    'bash',
    '-c',
    'n=0; while :; do n=$((n + 1)); echo "line $n of a session that is copied"; [ $((n % 20)) = 0 ] && sleep 0.01; done',
  ];
  const response = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command, name: 'copied' }) });
  const { id } = (await response.json()) as Session;
  await eventually(
    async () => ((await (await server.api(`/api/sessions/${id}`)).json()) as Session).endOffset,
    (endOffset) => endOffset > 200_000,
    { what: 'it prints' },
  );
  const file = join(folder, 'all.tar');
  const owners = new Set([server.pid, await server.hostPid()]);
  const strangers = new Set<number>();
  const watch = setInterval(() => {
    for (const pid of openers(server.dataDir)) if (!owners.has(pid)) strangers.add(pid);
  }, 5);
  const made = await runCotg(['backup', file], { dataDir: server.dataDir });
  const doctor = await runCotg(['doctor', '--json'], { dataDir: server.dataDir });
  clearInterval(watch);
  expect(made.code, made.stderr).toBe(0);
  expect([doctor.code, JSON.parse(doctor.stdout)]).toMatchObject([0, { whole: true, unchecked: ['catalog.db'], problems: [] }]);
  expect([...strangers]).toEqual([]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(server.dataDir).filter((name) => name.startsWith('backup-'))).toEqual([]);
  const again = await runCotg(['backup', file], { dataDir: server.dataDir });
  expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('is there already')]);

  const text = join(folder, 'history.txt');
  expect((await runCotg(['export', id, '--output', text, '--to', '5000'], { dataDir: server.dataDir })).code).toBe(0);
  expect(readFileSync(text, 'utf8').split('\n')[0]).toBe('line 1 of a session that is copied');
  const missing = await runCotg(['export', '00000000-0000-4000-8000-000000000000', '--output', join(folder, 'none')], {
    dataDir: server.dataDir,
  });
  expect([missing.code, existsSync(join(folder, 'none'))]).toEqual([1, false]);

  // Restored by what everybody has.
  const restored = join(folder, 'restored');
  execFileSync('mkdir', ['-m', '700', restored]);
  execFileSync('tar', ['-xf', file, '-C', restored]);
  await using copy = await startTestServer({ dataDir: restored });
  const session = (await (await copy.api(`/api/sessions/${id}`)).json()) as Session;
  expect(session).toMatchObject({ name: 'copied', state: 'lost' });
  const raw = await (await copy.api(`/api/sessions/${id}/history?format=raw`)).text();
  expect(raw.length).toBe(session.endOffset);
  expect(session.endOffset).toBeGreaterThan(200_000);
  const lines = raw.split('\r\n').slice(0, -1);
  expect(lines).toEqual(lines.map((_, at) => `line ${at + 1} of a session that is copied`));
  await copy.close();
  expect((await runCotg(['doctor'], { dataDir: restored })).stdout).toContain('Everything that is kept is whole.');
  // With nobody running the command copies by itself.
  const atRest = join(folder, 'at-rest.tar');
  expect((await runCotg(['backup', atRest], { dataDir: restored })).code).toBe(0);
  expect(execFileSync('tar', ['-tf', atRest], { encoding: 'utf8' }).split('\n').slice(0, 3)).toEqual([
    'manifest.json',
    'journal.db',
    'catalog.db',
  ]);
  rmSync(folder, { recursive: true });
}, 120_000);
