// Owns the server's log: structured lines on stderr, and the same as JSON in a file once there is one. Never contents of terminals, never secrets.
import { Writable } from 'node:stream';
import { multistream, pino } from 'pino';
import type { DestinationStream, Level, Logger } from 'pino';
import pretty from 'pino-pretty';
import type { LogFile } from './log-file.ts';
import { readableFields } from './readable.ts';
import { writeToStderr } from './stderr.ts';

export type { Logger } from 'pino';

export interface LoggerOptions {
  readonly level: string;
  readonly format: 'pretty' | 'json';
  readonly name: string;
  /** Besides stderr: lines of JSON, whatever the format is. */
  readonly file?: LogFile;
  /** Instead of stderr. */
  readonly destination?: DestinationStream;
}

export function makeLogger(options: LoggerOptions): Logger {
  const base = {
    level: options.level,
    name: options.name,
    base: { name: options.name, pid: process.pid },
    formatters: { log: readableFields },
  };
  if (options.destination) return pino(base, options.destination);
  // Its writes call this at once, one after the other.
  const stderr = new Writable({
    decodeStrings: false,
    write: (text: string, _encoding, done) => {
      writeToStderr(text);
      done();
    },
  });
  const shown = options.format === 'pretty' ? pretty({ destination: stderr, ignore: 'pid,name', translateTime: 'HH:MM:ss' }) : stderr;
  if (!options.file) return pino(base, shown);
  const level = options.level as Level;
  return pino(
    base,
    multistream([
      { level, stream: shown },
      { level, stream: options.file },
    ]),
  );
}
