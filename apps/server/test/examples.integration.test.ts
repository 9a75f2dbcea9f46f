import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Session } from '@cotg/api';
import { eventually, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';

const EXAMPLES = fileURLToPath(new URL('../../../examples', import.meta.url));
const RUN_TIMEOUT_MS = 60_000;

let server: TestServer;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cotg-examples-'));
  server = await startTestServer();
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** As a user runs it, but for the sources in place of the build. */
function run(
  name: string,
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const env = { ...process.env, COTG_URL: server.url, COTG_TOKEN: server.token };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--conditions=@cotg/source', join(EXAMPLES, name), ...args],
      { env, timeout: RUN_TIMEOUT_MS },
      (error, stdout, stderr) => resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr }),
    );
  });
}

async function create(command: readonly string[]): Promise<string> {
  const answer = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command }) });
  return ((await answer.json()) as Session).id;
}

const list = async (): Promise<Session[]> => (await (await server.api('/api/sessions')).json()) as Session[];

test('list-and-prune forgets what has ended and nothing else', async () => {
  const [ended, living] = [await create(['true']), await create(['sleep', '1000'])];
  await eventually(list, (sessions) => sessions.some(({ id, alive }) => id === ended && !alive), { what: 'one has ended' });
  const { code, stdout, stderr } = await run('list-and-prune.ts');
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).toContain(`${ended}  removed`);
  expect(stdout).toContain(`${living}  running`);
  expect((await list()).map(({ id }) => id)).toEqual([living]);
});

test('run-and-wait prints what the command printed, and only that', async () => {
  expect(await run('run-and-wait.ts', 'echo one; sleep 0.3; echo two')).toEqual({ code: 0, stdout: 'one\ntwo\n', stderr: '' });
});

test('follow-build says the steps and ends as the build did', async () => {
  const script = 'echo compiling; echo step 1 of 2; echo noise; echo step 2 of 2; exit 3';
  const { code, stdout } = await run('follow-build.ts', folder, '^step', 'sh', '-c', script);
  expect(stdout.trimEnd().split('\n')).toEqual(['step 1 of 2', 'step 2 of 2', 'ended with 3']);
  expect(code).toBe(3);
});

test('export-yesterday writes one file for each session', async () => {
  const id = await create(['echo', 'kept for later']);
  await eventually(list, (sessions) => sessions.some((session) => session.id === id && !session.alive), { what: 'it has ended' });
  const { code, stdout } = await run('export-yesterday.ts', join(folder, 'out'));
  expect(code).toBe(0);
  expect(stdout).toContain(id);
  expect(readFileSync(join(folder, 'out', `${id}.txt`), 'utf8')).toBe('kept for later\n');
});

const hasVim = ((): boolean => {
  try {
    execFileSync('vim', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

test.skipIf(!hasVim)('drive-vim writes a file with a full-screen program', async () => {
  const file = join(folder, 'note.txt');
  writeFileSync(file, '');
  expect(await run('drive-vim.ts', file, 'hello from afar')).toMatchObject({ code: 0, stdout: 'vim ended with 0\n' });
  expect(readFileSync(file, 'utf8')).toBe('hello from afar\n');
});
