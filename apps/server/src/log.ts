// Owns the log: structured lines on stderr, one logger per process. Never contents of terminals, never secrets.
import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import pretty from 'pino-pretty';

export type { Logger } from 'pino';

const STDERR = 2;

export interface LoggerOptions {
  readonly level: string;
  readonly format: 'pretty' | 'json';
  readonly name: string;
  /** Instead of stderr. */
  readonly destination?: DestinationStream;
}

export function makeLogger(options: LoggerOptions): Logger {
  const base = { level: options.level, name: options.name, base: { name: options.name, pid: process.pid } };
  if (options.destination) return pino(base, options.destination);
  // Synchronous: the last lines before a crash are the ones that matter.
  if (options.format === 'pretty')
    return pino(base, pretty({ destination: STDERR, sync: true, ignore: 'pid,name', translateTime: 'HH:MM:ss' }));
  return pino(base, pino.destination({ dest: STDERR, sync: true }));
}
