// `cotg logs`: what the server and the host have logged.
import { spawn } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cotgArguments, eventually, makeDataDir, runCotg, startTestServer } from '../../../testing/start-server.ts';

test('the lines of both are shown in their order, the newest last, also when nobody serves any more', async () => {
  await using server = await startTestServer();
  const { dataDir } = server;
  const shown = await runCotg(['logs'], { dataDir });
  expect(shown.code).toBe(0);
  const lines = shown.stdout.trim().split('\n');
  expect(
    lines.some((line) => / host +info +host serves/.test(line)),
    shown.stdout,
  ).toBe(true);
  const times = lines.map((line) => line.split(' ')[0] ?? '');
  expect(times).toEqual(times.toSorted());
  expect(statSync(join(dataDir, 'server.log')).mode & 0o777).toBe(0o600);

  await server.kill('SIGTERM');
  const after = await runCotg(['logs', '-n', '1'], { dataDir });
  expect(after.stdout.trim().split('\n')).toHaveLength(1);
  const all = await runCotg(['logs', '--lines', '1000'], { dataDir });
  expect(all.stdout).toMatch(/ server info {2}stopping; sessions run on signal=SIGTERM$/m);
  const json = await runCotg(['logs', '--json', '--lines', '1000'], { dataDir });
  const entries = json.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { name: string; msg: string });
  expect(new Set(entries.map(({ name }) => name))).toEqual(new Set(['server', 'host']));
  expect(entries.some(({ msg }) => msg.startsWith('stopping'))).toBe(true);
  expect((await runCotg(['logs', '-n', 'many'], { dataDir })).code).toBe(2);
});

test('--follow goes on with what comes, over a restart and a turned log, and a line acts on no terminal', async () => {
  await using server = await startTestServer();
  const { dataDir } = server;
  const child = spawn(process.execPath, cotgArguments('source', ['logs', '-n', '0', '--follow', '--data-dir', dataDir]), {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let shown = '';
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
  });
  try {
    const follows = (text: string): Promise<string> =>
      eventually(
        () => shown,
        (all) => all.includes(text),
        { what: `the log shows ${text}` },
      );
    // Nothing of before is shown: what shows that it follows has to come after it began.
    let n = 0;
    await eventually(
      () => {
        n += 1;
        writeFileSync(
          join(dataDir, 'host.log'),
          `${JSON.stringify({ level: 'info', time: new Date().toISOString(), name: 'host', msg: `began ${n}` })}\n`,
          { flag: 'a' },
        );
        return shown;
      },
      (all) => all.includes('began'),
      { what: 'it follows' },
    );
    expect(shown).not.toContain('host serves');
    await server.kill('SIGTERM');
    await follows('stopping; sessions run on');
    await server.start();
    writeFileSync(
      join(dataDir, 'server.log'),
      `${JSON.stringify({ level: 40, time: Date.now(), name: 'server', msg: 'a \u001b[31mred\u0007 line' })}\nno json\n`,
    );
    await follows('red');
    await follows('no json');
    // oxlint-disable-next-line no-control-regex -- control characters are what this is about.
    expect(shown).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  } finally {
    child.kill('SIGTERM');
  }
});

test('where nothing has been logged that is said, with 4', async () => {
  const { code, stderr } = await runCotg(['logs'], { dataDir: makeDataDir() });
  expect([code, stderr]).toEqual([4, expect.stringMatching(/^cotg: Nothing has been logged in /)]);
});
