import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import type { Session } from '@cotg/api';
import { eventually, startTestServer } from '../../../testing/start-server.ts';
import { attachViewer } from '../../../testing/viewer.ts';

/** Prints as many numbered lines as it is told to, again and again. */
const PRINTER = String.raw`stty -echo; echo ready; from=1; while read n; do to=$((from + n)); seq -f "line %.0f of what is printed while nothing can be stored" $from $((to - 1)); from=$to; echo "printed $((to - 1))"; done`;
/** Promised: seen within 2 s. */
const SEEN_WITHIN_MS = 2000;
const SLACK = 5;

/** What the printer prints for these numbers, as the terminal gives it. */
function printed(counts: readonly number[]): string {
  let n = 0;
  const lines = counts.flatMap((count) => {
    const batch = Array.from({ length: count }, (_, at) => `line ${n + at + 1} of what is printed while nothing can be stored`);
    n += count;
    return [...batch, `printed ${n}`];
  });
  return ['ready', ...lines].map((line) => `${line}\r\n`).join('');
}

/** Files of the process may not grow beyond this: writing more fails as it does on a full disk (util-linux; every Debian has it). */
function limitFiles(pid: number, bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`]);
}

test('F23: while nothing can be stored the terminal works, viewers are told at once, and afterwards only what did not fit in memory is missing, between two offsets', async () => {
  await using server = await startTestServer();
  const response = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command: ['bash', '-c', PRINTER] }) });
  const { id } = (await response.json()) as Session;
  const get = async (): Promise<Session> => (await (await server.api(`/api/sessions/${id}`)).json()) as Session;
  const host = await server.hostPid();
  const storage = async (): Promise<string> =>
    ((await (await server.api('/api/status')).json()) as { storage: { state: string } }).storage.state;
  await using viewer = attachViewer({ url: server.url, token: server.token, sessionId: id });
  await viewer.attached();
  await viewer.type('5000\r');
  await viewer.waitFor('printed 5000');
  const notices = (): string[] => viewer.events.flatMap((event) => (event.type === 'notice' ? [event.code] : []));

  // Not even the room that the write-ahead log has already: one commit that succeeds in between makes two gaps of one. Nor a line of the log.
  limitFiles(host, 1);
  const since = performance.now();
  await viewer.type('3000\r');
  await eventually(notices, (codes) => codes.includes('STORAGE_PAUSED'), { what: 'the viewer is told' });
  expect(performance.now() - since).toBeLessThan(SLACK * SEEN_WITHIN_MS);
  expect(await storage()).toBe('paused');
  await viewer.waitFor('printed 8000');
  // More than is kept in memory; the program is not held back.
  await viewer.type('60000\r');
  // To its last byte, as output or, where the memory had dropped some before it was sent, as the screen behind it.
  await eventually(
    () => viewer.offset,
    (offset) => offset === printed([5000, 3000, 60_000]).length,
    { what: 'the viewer has seen all of it', timeoutMs: 60_000 },
  );
  await viewer.type('10\r');
  await viewer.waitFor('printed 68010');
  expect(viewer.breaks).toBe(0);
  const refused = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command: ['true'] }) });
  expect(refused.status).toBe(503);
  expect(await refused.json()).toMatchObject({ code: 'STORAGE_FAILED' });
  // Somebody who comes now gets the screen, is told too, and goes on with what is printed.
  await using second = attachViewer({ url: server.url, token: server.token, sessionId: id });
  await second.attached();
  await eventually(
    () => second.events.some((event) => event.type === 'notice' && event.code === 'STORAGE_PAUSED'),
    (isTold) => isTold,
    { what: 'the second viewer is told' },
  );

  limitFiles(host, 'unlimited');
  await eventually(storage, (state) => state === 'ok', { what: 'storing goes on' });
  await eventually(notices, (codes) => codes.at(-1) === 'STORAGE_RESUMED', { what: 'the viewer is told that' });
  await viewer.type('20\r');
  for (const each of [viewer, second]) await each.waitFor('printed 68030');
  expect([viewer.breaks, second.breaks]).toEqual([0, 0]);

  const all = printed([5000, 3000, 60_000, 10, 20]);
  const session = await get();
  expect(session.endOffset).toBe(all.length);
  const raw = Buffer.from(await (await server.api(`/api/sessions/${id}/history?format=raw`)).arrayBuffer()).toString('latin1');
  // Everything, without one stretch.
  let from = 0;
  while (from < raw.length && raw[from] === all[from]) from += 1;
  const lost = all.length - raw.length;
  expect(lost).toBeGreaterThan(0);
  expect(all.slice(0, from) + all.slice(from + lost)).toBe(raw);
  const text = await (await server.api(`/api/sessions/${id}/history?format=text`)).text();
  expect(text).toContain(`[${lost} bytes of output are missing here]`);
  // A viewer that reads the whole stream is told where nothing is.
  await using third = attachViewer({ url: server.url, token: server.token, sessionId: id, have: { run: 1, offset: from, mark: 1 } });
  await third.attached();
  expect(third.breaks).toBe(0);
}, 120_000);
