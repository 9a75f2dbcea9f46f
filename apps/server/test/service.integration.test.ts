// `cotg service`: what systemd itself says to the unit, and what it is told by us. Its user manager runs in no test: what stands in for `systemctl` notes
// what it is asked.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { runCotg } from '../../../testing/start-server.ts';

const folders: string[] = [];
const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'cotg-service-'));
  folders.push(path);
  return path;
};
afterEach(() => {
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
});

const hasVerify = spawnSync('systemd-analyze', ['--version']).status === 0;

/** Answers as systemctl does and writes down its arguments; the unit is active once it has been started. */
function standIn(home: string): { readonly path: string; asked(): string[] } {
  const bin = join(home, 'bin');
  mkdirSync(bin);
  const file = join(bin, 'systemctl');
  const note = join(home, 'asked');
  writeFileSync(note, '');
  writeFileSync(
    file,
    `#!/bin/sh
echo "$*" >> '${note}'
case "$2" in
  is-active) [ -e '${home}/active' ] ;;
  start) touch '${home}/active' ;;
  disable) rm -f '${home}/active' ;;
esac
`,
  );
  chmodSync(file, 0o755);
  return {
    path: [bin, process.env['PATH']].join(delimiter),
    asked: () => {
      const lines = readFileSync(note, 'utf8').split('\n');
      writeFileSync(note, '');
      return lines.filter((line) => line !== '' && line !== '--user show --property=Version');
    },
  };
}

test.runIf(hasVerify)('systemd takes the unit, whatever stands in a setting', async () => {
  const home = folder();
  const dataDir = join(home, 'a "data" %h $HOME \\folder');
  const { code, stdout } = await runCotg(['service', 'install', '--print', '--port', '8123'], {
    dataDir,
    env: { COTG_COMMAND: '["printf", "100% $PATH \\"quoted\\""]' },
  });
  expect(code).toBe(0);
  for (const line of ['KillMode=process', 'Environment="COTG_PORT=8123"', 'OOMPolicy=continue']) expect(stdout).toContain(`\n${line}\n`);
  const unit = join(home, 'claude-on-the-go.service');
  writeFileSync(unit, stdout);
  const env = { ...process.env, XDG_RUNTIME_DIR: home };
  const verified = spawnSync('systemd-analyze', ['verify', '--user', '--man=no', unit], { env, encoding: 'utf8' });
  expect([verified.status, `${verified.stdout}${verified.stderr}`]).toEqual([0, '']);
  // It does look: what is no command is refused.
  writeFileSync(unit, stdout.replace(/^ExecStart=.*$/m, 'ExecStart=/no/such/program'));
  expect(spawnSync('systemd-analyze', ['verify', '--user', '--man=no', unit], { env }).status).not.toBe(0);
});

test('install and remove are idempotent; other settings start the server again', async () => {
  const home = folder();
  const systemctl = standIn(home);
  const options = { dataDir: join(home, 'data'), env: { HOME: home, XDG_CONFIG_HOME: '', PATH: systemctl.path } };
  const unit = join(home, '.config', 'systemd', 'user', 'claude-on-the-go.service');
  const name = 'claude-on-the-go.service';
  const run = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCotg(args, options);
    expect([code, stderr]).toEqual([0, '']);
    return stdout;
  };
  const installed = ['--user daemon-reload', `--user enable ${name}`, `--user is-active --quiet ${name}`];
  expect(await run('service', 'install')).toContain('loginctl enable-linger');
  expect(systemctl.asked()).toEqual([...installed, `--user start ${name}`]);
  const first = readFileSync(unit, 'utf8');
  expect(first).toContain(`Environment="COTG_DATA_DIR=${options.dataDir}"`);
  expect(first).toContain(`Environment="PATH=${systemctl.path}"`);
  await run('service', 'install');
  expect(systemctl.asked()).toEqual(installed);
  expect(readFileSync(unit, 'utf8')).toBe(first);
  await run('service', 'install', '--port', '8123');
  expect(systemctl.asked()).toEqual([...installed, `--user restart ${name}`]);
  await run('service', 'remove');
  expect(systemctl.asked()).toEqual([`--user disable --now ${name}`, '--user daemon-reload']);
  expect(existsSync(unit)).toBe(false);
  expect(await run('service', 'remove')).toContain('no service');
  expect(systemctl.asked()).toEqual([]);
});

test.each(['install', 'remove'])('without systemd `service %s` says so in one line and changes nothing', async (verb) => {
  const home = folder();
  const env = { HOME: home, XDG_CONFIG_HOME: '', PATH: join(home, 'nothing') };
  const { code, stderr } = await runCotg(['service', verb], { dataDir: join(home, 'data'), env });
  expect(code).toBe(1);
  expect(stderr.trim().split('\n')).toEqual([expect.stringContaining('systemd does not answer')]);
  expect(existsSync(join(home, '.config'))).toBe(false);
});
