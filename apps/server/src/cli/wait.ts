// `cotg wait ID --text T | --pattern P | --idle 2s | --exit`: ends when that has come, with an exit code that says so.
import { constants } from 'node:os';
import type { Client, WaitResult } from '@cotg/api/client';
import type { Flags } from '../config.ts';
import { EXIT, StartError } from '../errors.ts';
import { parseDuration } from '../settings.ts';
import { printable } from './format.ts';
import type { CliIo } from './io.ts';
import { sessionIdOf, withServer } from './server-client.ts';

/** The server waits no longer at a time; what is longer is asked again from where it has come to. */
const MAX_ASKED_MS = 60 * 60_000;
/** For the answer itself. */
const ANSWER_MS = 30_000;
/** The longest that a timer can run. */
const LONGEST_MS = 2 ** 31 - 1;
/** How shells say that a signal ended a program. */
const SIGNAL_EXIT = 128;

export interface WaitOptions {
  readonly json?: boolean;
  readonly text?: string;
  readonly pattern?: string;
  readonly idle?: string;
  readonly exit?: boolean;
  readonly timeout?: string;
  readonly from?: string;
}

export async function wait(flags: Flags, id: string, options: WaitOptions, io: CliIo): Promise<number> {
  const { text, pattern, exit } = options;
  if (text === undefined && pattern === undefined && options.idle === undefined && !exit)
    throw usage('Say what to wait for: --text, --pattern, --idle or --exit.');
  const idleMs = options.idle === undefined ? undefined : durationOf('--idle', options.idle);
  if (idleMs === 0) throw usage('--idle takes at least 1s.');
  const limitMs = durationOf('--timeout', options.timeout ?? '30s') || LONGEST_MS - ANSWER_MS;
  const fromOffset = options.from === undefined ? undefined : offsetOf(options.from);
  const sessionId = await sessionIdOf(flags, id);
  const what = {
    sessionId,
    ...(text === undefined ? {} : { text }),
    ...(pattern === undefined ? {} : { pattern }),
    ...(idleMs === undefined ? {} : { idleMs }),
    ...(exit ? { exit: true as const } : {}),
  };
  const result = await withServer(flags, (api) => ask(api, what, limitMs, fromOffset), Math.min(LONGEST_MS, limitMs + ANSWER_MS));
  if (options.json) io.out(JSON.stringify(result, null, 2));
  return tell(result, options, io);
}

type What = Omit<Parameters<Client['api']['session']['waitFor']['query']>[0], 'timeoutMs' | 'fromOffset'>;

async function ask(api: Client['api'], what: What, limitMs: number, from: number | undefined): Promise<WaitResult> {
  const deadline = performance.now() + limitMs;
  let fromOffset = from;
  for (;;) {
    const leftMs = Math.max(1, Math.ceil(deadline - performance.now()));
    const timeoutMs = Math.min(MAX_ASKED_MS, leftMs);
    const result = await api.session.waitFor.query({ ...what, timeoutMs, ...(fromOffset === undefined ? {} : { fromOffset }) });
    if (result.kind !== 'timeout' || leftMs <= MAX_ASKED_MS) return result;
    fromOffset = result.offset;
  }
}

/** What was met, in the exit code; for people also in words where it is not what they asked for. */
function tell(result: WaitResult, options: WaitOptions, io: CliIo): number {
  switch (result.kind) {
    case 'text':
    case 'pattern':
      if (!options.json) io.out(printable(result.line));
      return EXIT.done;
    case 'idle':
      return EXIT.done;
    case 'timeout':
      if (!options.json) io.err('cotg: not met in time.');
      return EXIT.timeout;
    case 'exit': {
      if (options.exit) return exitCodeOf(result);
      // Nothing is as quiet as a program that has ended.
      if (options.idle !== undefined) return EXIT.done;
      if (!options.json) io.err('cotg: the program has ended without it.');
      return EXIT.failed;
    }
  }
}

function exitCodeOf({ exitCode, signal }: Extract<WaitResult, { kind: 'exit' }>): number {
  const numbers: Readonly<Record<string, number>> = constants.signals;
  if (signal !== null) return SIGNAL_EXIT + (numbers[signal] ?? 0);
  return exitCode ?? EXIT.failed;
}

function durationOf(flag: string, text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw usage(`${flag} takes a duration of at least 1s such as 2s, 90s or 5m.`);
  return ms;
}

function offsetOf(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw usage('--from takes an offset: a count of bytes.');
  return Number(text);
}

const usage = (message: string): StartError => new StartError('BAD_SETTING', message, { exitCode: EXIT.usage });
