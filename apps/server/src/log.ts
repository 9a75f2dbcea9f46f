// Owns the log: structured lines on stderr, one logger per process. Never contents of terminals, never secrets.
import { Writable } from 'node:stream';
import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import pretty from 'pino-pretty';
import { readableFields } from './readable.ts';
import { writeToStderr } from './stderr.ts';

export type { Logger } from 'pino';

export interface LoggerOptions {
  readonly level: string;
  readonly format: 'pretty' | 'json';
  readonly name: string;
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
  if (options.format === 'pretty') return pino(base, pretty({ destination: stderr, ignore: 'pid,name', translateTime: 'HH:MM:ss' }));
  return pino(base, stderr);
}
