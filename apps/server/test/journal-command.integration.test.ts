// `cotg journal` against a real server and a real program.
import { spawn } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { Session } from '@cotg/api';
import { eventually, runCotg, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

async function create(server: TestServer, script: string): Promise<Session> {
  const response = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command: ['bash', '-c', script] }) });
  if (response.status !== 201) throw new Error(await response.text());
  return (await response.json()) as Session;
}

interface Entry {
  readonly offset: number;
  readonly kind: string;
  readonly length?: number;
  readonly data?: string;
  readonly base64?: string;
  readonly mark?: number;
}

const parse = (text: string): Entry[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Entry);

const outputOf = (entries: readonly Entry[]): Buffer =>
  Buffer.concat(
    entries
      .filter(({ kind }) => kind === 'output')
      .map(({ data, base64 }) => (data === undefined ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(data))),
  );

/** Processes that have a database of this directory open. */
function openers(dataDir: string): Set<number> {
  const found = new Set<number>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
        if (target.startsWith(join(dataDir, 'journal.db')) || target.startsWith(join(dataDir, 'catalog.db'))) found.add(Number(pid));
      }
    } catch {
      // Gone meanwhile, or another user's.
    }
  }
  return found;
}

test('dump gives every entry in order, verify says that all is whole, follow goes on with what comes; nobody else opens a database', async () => {
  await using server = await startTestServer();
  const { dataDir } = server;
  const session = await create(server, 'printf \'caf\\303\\251 \\377\\n\'; read line; echo "got $line"; exec cat');
  const { id } = session;
  const endOffset = async (): Promise<number> => ((await (await server.api(`/api/sessions/${id}`)).json()) as Session).endOffset;
  await eventually(endOffset, (end) => end >= 9, { what: 'it has printed' });

  const dump = await runCotg(['journal', 'dump', id], { dataDir });
  expect(dump.code, dump.stderr).toBe(0);
  const entries = parse(dump.stdout);
  expect(entries[0]).toMatchObject({ offset: 0, kind: 'resize', mark: 1, cols: 80, rows: 24 });
  expect(outputOf(entries).equals(Buffer.from([...Buffer.from('café '), 0xff, 0x0d, 0x0a]))).toBe(true);
  // Bytes that are no text are given whole all the same.
  expect(entries.some(({ base64 }) => base64 !== undefined)).toBe(true);

  const follow = spawn(process.execPath, ['--conditions=@cotg/source', MAIN, 'journal', 'follow', id], {
    env: { ...process.env, COTG_DATA_DIR: dataDir },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let followed = '';
  follow.stdout.setEncoding('utf8').on('data', (chunk: string) => (followed += chunk));
  const ended = new Promise<number | null>((resolve) => void follow.once('exit', resolve));
  await eventually(
    () => parse(followed.slice(0, followed.lastIndexOf('\n') + 1)).length,
    (count) => count >= entries.length,
    { what: 'what is there' },
  );
  const host = await server.hostPid();
  expect(openers(dataDir)).toEqual(new Set([host, server.pid]));
  await server.api(`/api/sessions/${id}/input`, { method: 'POST', body: JSON.stringify({ data: 'more\r' }) });
  const followedOutput = (): string => outputOf(parse(followed.slice(0, followed.lastIndexOf('\n') + 1))).toString('latin1');
  await eventually(followedOutput, (text) => text.includes('got more\r\n'), { what: 'what came later' });
  await server.api(`/api/sessions/${id}`, { method: 'DELETE' });
  await eventually(
    () => followed,
    (text) => text.includes('"kind":"exit"'),
    { what: 'the end of the run' },
  );

  const part = await runCotg(['journal', 'dump', id, '--from', '9', '--to', '12'], { dataDir });
  expect(outputOf(parse(part.stdout)).length).toBe(3);
  const verify = await runCotg(['journal', 'verify'], { dataDir });
  expect([verify.code, verify.stdout]).toEqual([0, 'The journal is whole.\n']);
  expect(openers(dataDir)).toEqual(new Set([host, server.pid]));

  const whole = await runCotg(['journal', 'dump', id], { dataDir });
  await server.api(`/api/sessions/${id}?purge=1`, { method: 'DELETE' });
  expect(await ended).toBe(0);
  // What was followed is what is stored: each entry once.
  const keyOf = ({ offset, kind, mark }: Entry): string => `${offset} ${kind} ${mark ?? ''}`;
  expect(
    parse(followed)
      .filter(({ kind }) => kind !== 'output')
      .map(keyOf),
  ).toEqual(
    parse(whole.stdout)
      .filter(({ kind }) => kind !== 'output')
      .map(keyOf),
  );
  expect(followedOutput()).toBe(outputOf(parse(whole.stdout)).toString('latin1'));

  const unknown = await runCotg(['journal', 'dump', id], { dataDir });
  expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('no such session') as unknown]);
}, 240_000);
