// Owns the command run in this process, and the list of its commands: by their words, as --help of the one above lists them.
import type { CliIo } from '../../src/cli/io.ts';
import { runCli } from '../../src/cli/run.ts';

export async function cotg(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const io: CliIo = {
    out: (line) => void (out += `${line}\n`),
    err: (line) => void (err += `${line}\n`),
    isTerminal: false,
    ask: () => Promise.resolve(undefined),
  };
  const code = await runCli(args, io);
  return { code, out, err };
}

export async function everyCommand(path: readonly string[] = []): Promise<string[][]> {
  const { out } = await cotg(...path, '--help');
  const [, list = ''] = out.split('\nCommands:\n');
  const names = [...(list.split('\n\n')[0] ?? '').matchAll(/^ {2}([a-z][a-z-]*)/gm)]
    .map((match) => match[1] ?? '')
    .filter((name) => name !== 'help');
  const below = await Promise.all(names.map((name) => everyCommand([...path, name])));
  return [[...path], ...below.flat()];
}
