// Owns the log of processes that need no more than lines of JSON on stderr, which is their log file: the host and the screens process.
import { readableFields } from './readable.ts';
import { writeToStderr } from './stderr.ts';

type Level = 'info' | 'warn' | 'error';
type WriteLine = (fields: object, message: string) => void;

export interface LineLog {
  readonly info: WriteLine;
  readonly warn: WriteLine;
  readonly error: WriteLine;
}

/** `afterLine` is called after each one: it keeps the file's bound. */
export function makeLineLog(name: string, afterLine: () => void = () => undefined): LineLog {
  const write =
    (level: Level): WriteLine =>
    (fields, message) => {
      writeToStderr(
        `${JSON.stringify({ level, time: new Date().toISOString(), name, pid: process.pid, msg: message, ...readableFields(fields) })}\n`,
      );
      afterLine();
    };
  return { info: write('info'), warn: write('warn'), error: write('error') };
}
