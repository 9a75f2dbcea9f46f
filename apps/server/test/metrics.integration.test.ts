import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Session } from '@cotg/api';
import { eventually, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';
import { attachViewer } from '../../../testing/viewer.ts';

const TABLE = new URL('../../../docs/metrics.md', import.meta.url);

async function metrics(server: TestServer): Promise<Map<string, number>> {
  const text = await (await server.api('/metrics')).text();
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    samples.map((line) => {
      const match = /^([a-z_0-9]+(?:\{[^}]*\})?) (\S+)$/.exec(line);
      if (!match?.[1]) throw new Error(`not a sample: ${line}`);
      return [match[1], Number(match[2])] as const;
    }),
  );
}

test('/metrics says what is stored, how long commits take, what ended, who came back; nobody without a token reads it', async () => {
  await using server = await startTestServer();
  expect((await fetch(`${server.url}/metrics`)).status).toBe(401);
  const create = async (command: readonly string[]): Promise<string> =>
    ((await (await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command }) })).json()) as Session).id;
  const id = await create(['bash', '-c', 'seq 1 20000; cat']);
  await create(['false']);
  await eventually(
    async () => (await server.api(`/api/sessions/${id}/screen`)).text(),
    (text) => text.includes('20000'),
    { what: 'it has printed' },
  );
  const before = await metrics(server);
  const { endOffset } = (await (await server.api(`/api/sessions/${id}`)).json()) as Session;
  expect(before.get('cotg_journal_committed_bytes_total')).toBe(endOffset);
  const commits = before.get('cotg_journal_commits_total') ?? 0;
  expect(commits).toBeGreaterThan(0);
  expect(before.get('cotg_journal_commit_seconds_count')).toBe(commits);
  expect(before.get('cotg_journal_commit_seconds_bucket{le="+Inf"}')).toBe(commits);
  expect(before.get('cotg_journal_history_bytes')).toBe(endOffset);
  expect(before.get('cotg_sessions{state="running"}')).toBe(1);
  expect(before.get('cotg_ended_sessions{reason="exit"}')).toBe(1);
  expect(before.get('cotg_reconnects_tried_total')).toBe(0);

  await using viewer = attachViewer({ url: server.url, token: server.token, sessionId: id });
  await viewer.attached();
  expect((await metrics(server)).get('cotg_reconnects_tried_total')).toBe(0);
  await server.kill('SIGKILL');
  await server.start();
  await eventually(
    () => viewer.hellos,
    (hellos) => hellos === 2,
    { what: 'the viewer is back' },
  );
  await eventually(
    () => metrics(server),
    (found) => found.get('cotg_reconnects_succeeded_total') === 1,
    { what: 'its return is counted' },
  );
  expect((await metrics(server)).get('cotg_reconnects_tried_total')).toBe(1);
  expect((await metrics(server)).get('cotg_viewers')).toBe(1);
}, 60_000);

test('docs/metrics.md lists exactly what comes out, with its type', async () => {
  await using server = await startTestServer();
  const text = await (await server.api('/metrics')).text();
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`);
  const listed = [...readFileSync(TABLE, 'utf8').matchAll(/^\| `(\S+)` \| (\S+) \|/gm)].map(([, name, type]) => `${name} ${type}`);
  expect(types.toSorted()).toEqual(listed.toSorted());
  expect(new Set(types).size).toBe(types.length);
});
