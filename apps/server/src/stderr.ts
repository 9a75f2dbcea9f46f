// Owns writing to stderr, which is a log file more often than a terminal: a line that cannot be written is lost, and that is all.
// A stream would report a full disk as an error that nobody expects, and end the process, and with the host all its terminals.
import { writeSync } from 'node:fs';
import { errnoOf } from './errors.ts';

const STDERR = 2;
/** How long a reader of a full pipe is waited for (ms). Once it has not come no line waits until one has gone through again. */
const WAIT_MS = 200;

const never = new Int32Array(new SharedArrayBuffer(4));
let isStalled = false;

/** Synchronous: the last lines before a crash are the ones that matter. */
export function writeToStderr(text: string): void {
  let rest = Buffer.from(text);
  const deadline = isStalled ? 0 : performance.now() + WAIT_MS;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(STDERR, rest));
      isStalled = false;
    } catch (error) {
      // A full disk, a reader that has gone or does not read: nowhere is left to say so.
      isStalled = errnoOf(error) === 'EAGAIN';
      if (!isStalled || performance.now() >= deadline) return;
      Atomics.wait(never, 0, 0, 1);
    }
  }
}
