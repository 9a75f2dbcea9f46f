// `cotg completion` in real shells, and --help of every command.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cotg, everyCommand } from './support/every-command.ts';

const folder = mkdtempSync(join(tmpdir(), 'cotg-completion-'));
async function scriptFile(shell: string): Promise<string> {
  const path = join(folder, `cotg.${shell}`);
  writeFileSync(path, (await cotg('completion', shell)).out);
  return path;
}
const hasShell = (shell: string): boolean => spawnSync(shell, ['-c', 'exit 0']).status === 0;

/** What bash would offer for the last of these words. */
function offered(script: string, words: readonly string[]): string[] {
  const line = words.map((word) => `'${word}'`).join(' ');
  const program = `source '${script}' || exit 9; COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _cotg; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync('bash', ['--noprofile', '--norc', '-eu', '-c', program], { encoding: 'utf8', cwd: folder });
  expect([status, stderr]).toEqual([0, '']);
  return stdout.split('\n').filter((word) => word !== '');
}

test('bash completes commands, their commands, flags and choices', async () => {
  const script = await scriptFile('bash');
  expect(offered(script, ['cotg', 'att'])).toEqual(['attach']);
  expect(offered(script, ['cotg', 'devices', 're'])).toEqual(['revoke', 'revoke-all', 'rename']);
  expect(offered(script, ['cotg', 'logs', '--'])).toEqual(
    expect.arrayContaining(['--follow', '--lines', '--json', '--data-dir', '--help']),
  );
  expect(offered(script, ['cotg', 'new', '--de'])).toEqual(['--detach']);
  expect(offered(script, ['cotg', 'pair', '--role', ''])).toEqual(['watch', 'type', 'admin']);
  expect(offered(script, ['cotg', 'export', '1234', '--format', 'c'])).toEqual(['cast']);
  expect(offered(script, ['cotg', 'completion', ''])).toEqual(expect.arrayContaining(['bash', 'zsh', 'fish']));
  writeFileSync(join(folder, 'a-file.tar'), '');
  expect(offered(script, ['cotg', 'export', '1234', '--output', 'a-fi'])).toEqual(['a-file.tar']);
  // Behind -- it is another program's command line.
  expect(offered(script, ['cotg', 'new', '--', 'l'])).toEqual([]);
  const all = await everyCommand();
  expect(offered(script, ['cotg', ''])).toEqual(expect.arrayContaining(all.filter(({ length }) => length === 1).flat()));
});

test('every command has its words in each shell’s script, and the scripts are whole where the shell is there to say so', async () => {
  const all = await everyCommand();
  expect(all.length).toBeGreaterThan(25);
  for (const [shell, check] of [
    ['bash', ['-n']],
    ['zsh', ['-n']],
    ['fish', ['--no-execute']],
  ] as const) {
    const script = await scriptFile(shell);
    const { out } = await cotg('completion', shell);
    for (const path of all.filter(({ length }) => length > 0)) expect(out, shell).toContain(path.map((word) => `/${word}`).join(''));
    if (!hasShell(shell)) continue;
    const { status, stderr } = spawnSync(shell, [...check, script], { encoding: 'utf8' });
    expect([shell, status, stderr]).toEqual([shell, 0, '']);
  }
  const fish = (await cotg('completion', 'fish')).out;
  expect(fish).toContain("complete -c cotg -n '__cotg_at \\'/pair\\'' -l role -x -a 'watch type admin' -d 'what it may do'");
  const zsh = (await cotg('completion', 'zsh')).out;
  expect(zsh).toContain("'attach:show a session on this terminal, as on the phone; exit code\\: its own'");
});

test('an unknown shell is refused with the names of those that are known', async () => {
  const { code, err } = await cotg('completion', 'tcsh');
  expect(code).toBe(2);
  expect(err).toContain('bash, zsh, fish');
});

test('--help of every command shows examples that begin with it', async () => {
  for (const path of await everyCommand()) {
    const { out, code } = await cotg(...path, '--help');
    expect(code).toBe(0);
    const [, examples = ''] = out.split('\nExamples:\n');
    expect(examples, `cotg ${path.join(' ')} --help`).toMatch(new RegExp(`^ {2}.*cotg ${path.join(' ')}`, 'm'));
  }
});
