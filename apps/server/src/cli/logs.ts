// `cotg logs`: what the server, the host and the screens process have logged, all in one, newest last. Read from their files: it works also when nothing answers.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { dataDirPath } from '../config.ts';
import type { Flags } from '../config.ts';
import { dataFiles } from '../data-dir.ts';
import { EXIT, StartError, errnoOf } from '../errors.ts';
import { printable } from './format.ts';
import type { CliIo } from './io.ts';

export interface LogsOptions {
  readonly json?: boolean;
  readonly follow?: boolean;
  readonly lines?: string;
}

const DEFAULT_LINES = 50;
/** Of each file only so much is read, from its end (bytes). */
const MAX_READ_BYTES = 4 * 1024 * 1024;
/** Between two looks for what is new (ms): what a person who watches does not notice. */
const FOLLOW_MS = 250;
/** Of pino: the host writes the words. */
const LEVELS: Readonly<Record<number, string>> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' };
/** Said by their places, or of no use to people. */
const SHOWN_ELSEWHERE: ReadonlySet<string> = new Set(['level', 'time', 'name', 'pid', 'msg', 'hostname']);

interface Line {
  /** Milliseconds since 1970; of a line without a time that of the one before it. */
  readonly at: number;
  readonly text: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export async function logs(flags: Flags, options: LogsOptions, io: CliIo): Promise<number> {
  const wanted = options.lines === undefined ? DEFAULT_LINES : Number(options.lines);
  if (!Number.isInteger(wanted) || wanted < 0)
    throw new StartError('BAD_SETTING', '--lines takes a whole number from 0.', { exitCode: EXIT.usage });
  const files = dataFiles(dataDirPath(flags));
  const paths = [files.serverLog, files.hostLog, files.screensLog];
  const tails = paths.map((path) => new Tail(path));
  // The file before each may have the better part of what is wanted: it was turned over a moment ago.
  const before = paths.flatMap((path) => new Tail(`${path}.1`).read() ?? []);
  const lines = tails.flatMap((tail) => tail.read() ?? []);
  if (before.length === 0 && tails.every(({ isMissing }) => isMissing) && options.follow !== true)
    throw new StartError('NOT_SERVING', `Nothing has been logged in ${files.path}.`, { exitCode: EXIT.notReachable });
  const show = (found: readonly Line[]): void => {
    for (const line of found.toSorted((a, b) => a.at - b.at)) io.out(options.json ? line.text : readable(line));
  };
  const all = [...before, ...lines].toSorted((a, b) => a.at - b.at);
  show(wanted === 0 ? [] : all.slice(-wanted));
  while (options.follow === true) {
    await delay(FOLLOW_MS);
    show(tails.flatMap((tail) => tail.read() ?? []));
  }
  return EXIT.done;
}

/** What is new at the end of a file; when another file has its name, that one from its beginning. */
class Tail {
  readonly #path: string;
  #file = 0;
  #at = -1;
  #rest = '';
  #lastAt = 0;
  isMissing = true;

  constructor(path: string) {
    this.#path = path;
  }

  /** Undefined when there is no such file. */
  read(): Line[] | undefined {
    let fd: number;
    try {
      fd = openSync(this.#path, 'r');
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      return undefined;
    }
    try {
      const { ino, size } = fstatSync(fd);
      if (this.#at < 0) this.#at = Math.max(0, size - MAX_READ_BYTES);
      else if (ino !== this.#file || size < this.#at) [this.#at, this.#rest] = [0, ''];
      this.#file = ino;
      this.isMissing = false;
      const bytes = Buffer.alloc(Math.min(size - this.#at, MAX_READ_BYTES));
      const length = readSync(fd, bytes, 0, bytes.length, this.#at);
      this.#at += length;
      const texts = (this.#rest + bytes.subarray(0, length).toString()).split('\n');
      this.#rest = texts.pop() ?? '';
      return texts.filter((text) => text !== '').map((text) => this.#lineOf(text));
    } finally {
      closeSync(fd);
    }
  }

  #lineOf(text: string): Line {
    const fields = fieldsOf(text);
    const time = fields['time'];
    const at = typeof time === 'number' ? time : Date.parse(String(time));
    if (Number.isFinite(at)) this.#lastAt = at;
    return { at: this.#lastAt, text, fields };
  }
}

/** Of a line that is no JSON, such as what Node says of a crash, it is the message. */
function fieldsOf(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Record<string, unknown>;
  } catch {
    // As said.
  }
  return { msg: text };
}

function readable({ at, fields }: Line): string {
  const { level, name, msg } = fields;
  const word = typeof level === 'number' ? (LEVELS[level] ?? String(level)) : textOf(level ?? '');
  const rest = Object.entries(fields)
    .filter(([key]) => !SHOWN_ELSEWHERE.has(key))
    .map(([key, value]) => `${key}=${textOf(value)}`);
  const time = at > 0 ? new Date(at).toISOString() : ''.padEnd('2026-01-01T00:00:00.000Z'.length);
  return printable([time, textOf(name ?? '').padEnd(6), word.padEnd(5), textOf(msg ?? ''), ...rest].join(' ').trimEnd());
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
