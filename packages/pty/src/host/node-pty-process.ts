// Owns a child on a terminal, through node-pty's native binding: the only import of node-pty.
// Must not know sessions, the journal, or who types.
//
// node-pty's own JavaScript is left out, because each of its parts has a defect that matters here (1.2.0-beta.15, measured):
//   reading  it destroys the stream 200 ms after the exit, and a paused stream drops what it holds: 24 of 40 outputs were short.
//            Here: libuv reads straight into our buffer, nothing is held between the kernel and `onOutput`, and after the exit
//            the terminal is read until it is empty. (https://github.com/microsoft/node-pty/issues/72 is the oldest report.)
//   writing  it retries a full terminal with setImmediate and burns a core. Here: `write` never waits; InputQueue retries.
//   bytes    only its text mode sets IUTF8, without which the kernel erases half a character. Here: IUTF8 and raw bytes.
// The binding itself leaks masters into later children: close-on-exec.ts.
//
// Invariant: the descriptor is used only while `#state` is not 'closed'; its number may be another terminal's right after.
import { closeSync, readSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, resolve } from 'node:path';
import { ReadStream } from 'node:tty';
import { loadNativeModule } from 'node-pty/lib/utils.js';
import type { NativePty } from 'node-pty/lib/utils.js';
import { HostStartError, errnoOf } from '../errors.ts';
import { openCloseOnExec } from './close-on-exec.ts';
import type { CloseOnExec, CloseOnExecWay } from './close-on-exec.ts';
import { membersOfSession, readStat } from './proc.ts';
import type { PtyExit, PtyProcess, PtySpawnRequest, SpawnPty } from './pty-process.ts';
import { Slabs } from './slabs.ts';

/** One read; the kernel gives at most about 4 KiB, sometimes up to 20 KiB together. One buffer for all, as each read is copied at once. */
const READ_BYTES = 64 * 1024;
/** Read in one go from a terminal whose child has ended: more than the kernel holds (about 20 KiB), and an end for a job that goes on writing. */
const DRAIN_BYTES = 1024 * 1024;
/**
 * After the child's exit a background job can hold the terminal open for ever. All output of the child itself has been read by then;
 * the job's last words get this long, then the terminal is closed.
 */
const STRAGGLERS_MS = 1000;
/** How often a terminal is looked at that the living child has let go of (it may open /dev/tty again). */
const DETACHED_POLL_MS = 250;

const readBuffer = new Uint8Array(READ_BYTES);

export interface PtySpawner {
  readonly spawn: SpawnPty;
  readonly closeOnExec: CloseOnExecWay;
}

/** Loads the binding. Throws PTY_UNAVAILABLE when there is none for this platform. */
export function openPtySpawner(options: { readonly closeOnExec?: CloseOnExec } = {}): PtySpawner {
  let native: NativePty;
  let helperPath: string;
  try {
    const { dir, module } = loadNativeModule('pty');
    native = module;
    // Used on macOS only: a program that enters the terminal before it executes the command.
    helperPath = resolve(dirname(createRequire(import.meta.url).resolve('node-pty/lib/utils.js')), dir, 'spawn-helper');
  } catch (error) {
    throw new HostStartError('PTY_UNAVAILABLE', 'terminals cannot be opened here: node-pty does not load', {
      cause: error,
      hint: 'Install again on this machine; the installed packages may be for another system.',
    });
  }
  const closeOnExec = options.closeOnExec ?? openCloseOnExec();
  const slabs = new Slabs();
  return {
    spawn: (request) => new NodePtyProcess({ native, helperPath, closeOnExec, slabs, request }),
    closeOnExec: closeOnExec.way,
  };
}

interface Parts {
  readonly native: NativePty;
  readonly helperPath: string;
  readonly closeOnExec: CloseOnExec;
  readonly slabs: Slabs;
  readonly request: PtySpawnRequest;
}

/**
 * open      the stream reads
 * detached  no process holds the terminal, the child lives: looked at by timer. Closing it would send SIGHUP to the child
 * closed    read to its end, descriptor given back
 */
type State = 'open' | 'detached' | 'closed';

class NodePtyProcess implements PtyProcess {
  readonly pid: number;
  readonly #native: NativePty;
  readonly #fd: number;
  readonly #stream: ReadStream;
  readonly #request: PtySpawnRequest;
  readonly #slabs: Slabs;
  #state: State = 'open';
  #paused = false;
  #exit: PtyExit | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor({ native, helperPath, closeOnExec, slabs, request }: Parts) {
    const [file, ...args] = request.command;
    if (file === undefined) throw new TypeError('a command without a program');
    const env = Object.entries(request.env).map(([name, value]) => `${name}=${value}`);
    const { cols, rows, cwd } = request;
    const onExit = (exitCode: number, signal: number): void => this.#exited(exitCode, signal);
    const child = closeOnExec.guard(() => native.fork(file, args, env, cwd, cols, rows, -1, -1, true, helperPath, onExit));
    this.#native = native;
    this.#request = request;
    this.#slabs = slabs;
    this.pid = child.pid;
    this.#fd = child.fd;
    try {
      this.#stream = new ReadStream(child.fd, {
        onread: {
          buffer: readBuffer,
          callback: (length) => {
            request.onOutput(slabs.keep(readBuffer.subarray(0, length)));
            return !this.#paused;
          },
        },
      });
    } catch (error) {
      // A child that nobody can read or end must not stay.
      signal(child.pid, 'SIGKILL');
      closeSync(child.fd);
      throw error;
    }
    // EIO, the end of a terminal on Linux, would close the descriptor here and hang up a child that only let go of its terminal.
    this.#stream.destroy = () => {
      this.#streamEnded();
      return this.#stream;
    };
    this.#stream.resume();
  }

  write(bytes: Uint8Array): number {
    if (this.#state === 'closed') throw new Error(`the terminal of process ${this.pid} is closed`);
    try {
      return writeSync(this.#fd, bytes);
    } catch (error) {
      const code = errnoOf(error);
      // EIO while the child lives: it has let go of its terminal and may open it again.
      if (code === 'EAGAIN' || (code === 'EIO' && !this.#exit)) return 0;
      throw error;
    }
  }

  resize(cols: number, rows: number): void {
    if (this.#state !== 'closed') this.#native.resize(this.#fd, cols, rows, 0, 0);
  }

  pause(): void {
    this.#paused = true;
    if (this.#state === 'open') this.#stream.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#state === 'open') this.#stream.resume();
  }

  hangUp(): void {
    const groups = new Set([this.pid, readStat(this.pid)?.foregroundGroup ?? this.pid].filter((group) => group > 1));
    for (const group of groups) {
      // In its first instant the child has no group yet.
      if (!hangUp(-group) && group === this.pid && !this.#exit) hangUp(this.pid);
    }
    // Jobs in the background: a closing terminal would leave them, but this session is to end, and they are told before they are killed.
    for (const { pid, group } of membersOfSession(this.pid)) if (!groups.has(group)) hangUp(pid);
  }

  companions(): readonly number[] {
    return membersOfSession(this.pid)
      .map(({ pid }) => pid)
      .filter((pid) => pid !== this.pid);
  }

  killAll(): void {
    // The child by its own number too, for that same instant.
    if (!this.#exit) for (const target of [-this.pid, this.pid]) signal(target, 'SIGKILL');
    for (const { pid } of membersOfSession(this.pid)) signal(pid, 'SIGKILL');
  }

  #exited(exitCode: number, signalNumber: number): void {
    this.#exit = signalNumber === 0 ? { exitCode, signal: null } : { exitCode: null, signal: signalName(signalNumber) };
    clearTimeout(this.#timer);
    // The kernel hands over all that was written before it says "nothing there", so one look is enough for the child's own output.
    if (this.#drain() === 'ended' || this.#state === 'detached') return this.#close();
    this.#timer = setTimeout(() => {
      this.#drain();
      this.#close();
    }, STRAGGLERS_MS);
  }

  /** The terminal has no process any more, or never will have (macOS: end of file). */
  #streamEnded(): void {
    if (this.#state !== 'open') return;
    this.#state = 'detached';
    clearTimeout(this.#timer);
    if (this.#exit) return this.#close();
    const look = (): void => {
      if (!this.#paused) this.#drain();
      this.#timer = setTimeout(look, DETACHED_POLL_MS);
    };
    this.#timer = setTimeout(look, DETACHED_POLL_MS);
  }

  /** Reads what is there, past the stream: both are on this thread, so the order stays. */
  #drain(): 'empty' | 'ended' {
    for (let bytes = 0; bytes < DRAIN_BYTES;) {
      let length: number;
      try {
        length = readSync(this.#fd, readBuffer);
      } catch (error) {
        return errnoOf(error) === 'EAGAIN' ? 'empty' : 'ended';
      }
      if (length === 0) return 'ended';
      bytes += length;
      this.#request.onOutput(this.#slabs.keep(readBuffer.subarray(0, length)));
    }
    return 'empty';
  }

  #close(): void {
    this.#state = 'closed';
    ReadStream.prototype.destroy.call(this.#stream);
    if (this.#exit) this.#request.onExit(this.#exit);
  }
}

/** False when there was nobody to tell. */
function hangUp(pid: number): boolean {
  const told = signal(pid, 'SIGHUP');
  // A stopped job would take the hangup only when somebody continued it.
  signal(pid, 'SIGCONT');
  return told;
}

function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    // Gone already, or another user's (sudo): what remains is seen by `companions`.
    if (errnoOf(error) === 'ESRCH' || errnoOf(error) === 'EPERM') return false;
    throw error;
  }
}

function signalName(number: number): string {
  for (const [name, value] of Object.entries(constants.signals)) if (value === number) return name;
  return `SIG${number}`;
}
