// What a child of a crash test says on its standard output: written before it goes on, so that a kill afterwards cannot take it back.
import { writeSync } from 'node:fs';

const WAIT_MS = 1;

export function say(line: string): void {
  const bytes = Buffer.from(`${line}\n`);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      // The parent reads slower than this process writes.
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_MS);
    }
  }
}
