// Entry of the server process and of the `cotg` command: the command line decides which.
import { createInterface } from 'node:readline/promises';
import { runCli } from './cli/run.ts';
import type { CliIo } from './cli/io.ts';
import { EXIT } from './errors.ts';

const MINIMUM_NODE_MAJOR = 24;

const io: CliIo = {
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
  isTerminal: process.stdout.isTTY && process.stdin.isTTY,
  async ask(question) {
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    const ended = new AbortController();
    lines.once('close', () => ended.abort());
    try {
      return await lines.question(question, { signal: ended.signal });
    } catch {
      return undefined; // The input ended.
    } finally {
      lines.close();
    }
  },
};

process.umask(0o077);
if (Number(process.versions.node.split('.')[0]) < MINIMUM_NODE_MAJOR) {
  io.err(`cotg: Node ${MINIMUM_NODE_MAJOR} or newer is needed, this is ${process.version}. npm start fetches one.`);
  process.exit(EXIT.failed);
}
// A reader that went away (`cotg ls | head -1`) is no failure.
process.stdout.on('error', () => process.exit(EXIT.done));
process.exit(await runCli(process.argv.slice(2), io));
