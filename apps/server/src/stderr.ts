// Owns writing to stderr, which is a log file more often than a terminal: a line that cannot be written is lost, and that is all.
// A stream would report a full disk as an error that nobody expects, and end the process, and with the host all its terminals.
import { writeSync } from 'node:fs';

const STDERR = 2;

/** Synchronous: the last lines before a crash are the ones that matter. */
export function writeToStderr(text: string): void {
  try {
    writeSync(STDERR, text);
  } catch {
    // A full disk, a reader that has gone or does not read: nowhere is left to say so.
  }
}
