// Owns finding the host of a data directory, and starting one when there is none. Must not know what a host does.
// Invariant: it never starts a second host beside one that merely does not answer, and never ends a process.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { HostConnectionError, messageOf } from '../errors.ts';
import { connectHost } from './host-client.ts';
import type { HostClient } from './host-client.ts';

/** A host is up in about 0.1 s: asked often at first, then at a pace that costs nothing. */
const FIRST_POLL_MS = 10;
const LAST_POLL_MS = 200;
/** A living host may be starved by other work for seconds; only then is it said to be not answering. */
const LIVING_HELLO_MS = 10_000;
/** One question while it starts; a host that listens and says nothing is asked again. */
const STARTING_HELLO_MS = 2000;
/** Of several started at once one wins and the others exit; the winner gets this long after the exit of ours. */
const OTHERS_MS = 2000;
/** Of the log, in the error's hint. */
const LOG_TAIL_CHARACTERS = 1000;
const OWNER_ONLY = 0o600;

export interface LaunchOptions {
  /** Working folder of a host that is started. */
  readonly dataDir: string;
  readonly socketPath: string;
  readonly secret: string;
  readonly clientVersion: string;
  readonly command: { readonly execPath: string; readonly args: readonly string[] };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where a started host's stdout and stderr go; appended, mode 0600. */
  readonly logPath: string;
  /** For all of it. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface Launched {
  readonly client: HostClient;
  /** Pid of the host that this call started; null when one was there (it may have lost to another one that was started at the same time). */
  readonly startedPid: number | null;
}

/**
 * A connection to the living host of this data directory, or to one started for it: detached, in a session of its own, with no
 * descriptor of this process. Rejects with what connectHost rejects with, HOST_START_FAILED, or the signal's reason.
 */
export async function connectOrLaunchHost(options: LaunchOptions): Promise<Launched> {
  const { socketPath, secret, clientVersion, timeoutMs, signal } = options;
  const withSignal = signal ? { signal } : {};
  const deadline = performance.now() + timeoutMs;
  const left = (): number => Math.max(1, deadline - performance.now());
  let started: StartedHost | undefined;
  let last: unknown;
  for (let pollMs = FIRST_POLL_MS; performance.now() < deadline; pollMs = Math.min(pollMs * 2, LAST_POLL_MS)) {
    try {
      const limitMs = Math.min(left(), started ? STARTING_HELLO_MS : LIVING_HELLO_MS);
      const client = await connectHost({ socketPath, secret, clientVersion, timeoutMs: limitMs, ...withSignal });
      return { client, startedPid: client.hello.host.pid === started?.pid ? started.pid : null };
    } catch (error) {
      signal?.throwIfAborted();
      const code = error instanceof HostConnectionError ? error.code : undefined;
      // HOST_CLOSED: it is just ending. Anything else is an answer, and starting another host would not change it.
      if (code !== 'HOST_NOT_RUNNING' && code !== 'HOST_CLOSED' && !(code === 'HOST_NOT_ANSWERING' && started)) throw error;
      last = error;
      if (code === 'HOST_NOT_RUNNING') started ??= startDetached(options);
    }
    if (started?.failed()) throw startFailed(options, started.failed() ?? '', last);
    await sleep(Math.min(pollMs, left()), undefined, withSignal).catch(() => signal?.throwIfAborted());
  }
  // Not ended here: it may be in the middle of a migration, and the next attempt finds it.
  throw startFailed(options, `it did not answer within ${timeoutMs} ms`, last);
}

interface StartedHost {
  readonly pid: number | undefined;
  /** What went wrong, once it is clear that nothing will come of it. */
  failed(): string | undefined;
}

function startDetached({ command, dataDir, env, logPath }: LaunchOptions): StartedHost {
  const log = openSync(logPath, 'a', OWNER_ONLY);
  try {
    // detached: setsid, so that a hangup of our terminal or a signal to our group does not reach it.
    const host = spawn(command.execPath, command.args, { cwd: dataDir, env: { ...env }, detached: true, stdio: ['ignore', log, log] });
    host.unref();
    let failure: string | undefined;
    let exitedAt: number | undefined;
    host.once('error', (error) => {
      failure = `it could not be executed: ${messageOf(error)}`;
      exitedAt = -Infinity;
    });
    host.once('exit', (code, signal) => {
      failure = `it ended with ${signal ?? `code ${code}`}`;
      exitedAt = performance.now();
    });
    return {
      pid: host.pid,
      failed: () => (exitedAt !== undefined && performance.now() - exitedAt > OTHERS_MS ? failure : undefined),
    };
  } finally {
    closeSync(log);
  }
}

function startFailed(options: LaunchOptions, what: string, cause: unknown): HostConnectionError {
  const tail = logTail(options.logPath);
  const hint = tail === '' ? `Its log is ${options.logPath}.` : `The end of its log (${options.logPath}):\n${tail}`;
  return new HostConnectionError('HOST_START_FAILED', `the host was started, but ${what}`, { cause, hint });
}

function logTail(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(-LOG_TAIL_CHARACTERS).trimEnd();
  } catch (error) {
    return `(the log cannot be read: ${messageOf(error)})`;
  }
}
