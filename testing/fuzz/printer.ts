// Owns a program that prints what it is told over a socket, cut as it is told, and keeps what is typed to it. Usage: printer.ts SOCKET TYPED
// One line each: the name of a file and the sizes of the writes, in turn. It says "done" when the terminal has taken everything.
import { openSync, readFileSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const [socketPath = '', typedPath = ''] = process.argv.slice(2);
const typed = openSync(typedPath, 'w', 0o600);
process.stdin.on('data', (bytes: Buffer) => void writeSync(typed, bytes));

const write = (bytes: Uint8Array): Promise<void> =>
  new Promise((resolve) => {
    process.stdout.write(bytes, () => resolve());
  });

const socket = connect(socketPath);
socket.on('close', () => process.exit(0));
for await (const line of createInterface({ input: socket })) {
  const { file, sizes } = JSON.parse(line) as { file: string; sizes: readonly number[] };
  const bytes = readFileSync(file);
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? bytes.length;
    await write(bytes.subarray(at, at + size));
    at += size;
  }
  socket.write('done\n');
}
