// Owns the person's terminal while a session is shown on it: raw mode, the alternate screen, what is typed, its size, and giving all of it back.
// Must not know sessions.
//
// Invariant: however this process ends (a signal, an error, its own exit), the terminal is as it was; only SIGKILL leaves it.
import { writeSync } from 'node:fs';
import { enterPaint, leavePaint } from '@cotg/screen';
import { errnoOf } from '../../errors.ts';

export interface OwnTerminalHandlers {
  readonly onBytes: (bytes: Uint8Array) => void;
  readonly onResize: () => void;
  /** Somebody ends us, or the terminal is gone; `code` is what to exit with. */
  readonly onEnd: (code: number) => void;
}

export interface OwnTerminal extends Disposable {
  readonly cols: number;
  readonly rows: number;
  /** Nothing of what was written is waiting for the terminal. */
  readonly isIdle: boolean;
  /** `taken` is called once the terminal has taken it. */
  write(text: string, taken: () => void): void;
}

/** 128 + the signal's number. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
/** How long a terminal that takes nothing is waited for at the end (ms). */
const WRITE_MS = 500;
const never = new Int32Array(new SharedArrayBuffer(4));
/** Where a terminal does not tell its size. */
const FALLBACK = { cols: 80, rows: 24 };

export function takeTerminal({ onBytes, onResize, onEnd }: OwnTerminalHandlers): OwnTerminal {
  const { stdin, stdout } = process;
  let isOurs = true;
  let pending = 0;

  const giveBack = (): void => {
    if (!isOurs) return;
    isOurs = false;
    writeAtOnce(stdout.fd, leavePaint);
    try {
      stdin.setRawMode(false);
    } catch {
      // As above.
    }
  };

  const onSignal = (signal: NodeJS.Signals): void => onEnd(SIGNALS[signal as keyof typeof SIGNALS]);
  const onContinue = (): void => {
    // Whoever stopped us (SIGSTOP) used the terminal meanwhile.
    stdin.setRawMode(true);
    writeAtOnce(stdout.fd, enterPaint);
    onResize();
  };
  const onGone = (): void => onEnd(SIGNALS.SIGHUP);

  process.on('exit', giveBack);
  for (const signal of Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]) process.on(signal, onSignal);
  process.on('SIGCONT', onContinue);
  stdout.on('resize', onResize);
  stdin.on('data', onBytes);
  stdin.on('end', onGone);
  stdin.on('error', onGone);
  stdin.setRawMode(true);
  stdin.resume();
  stdout.write(enterPaint);

  return {
    get cols() {
      return stdout.columns > 0 ? stdout.columns : FALLBACK.cols;
    },
    get rows() {
      return stdout.rows > 0 ? stdout.rows : FALLBACK.rows;
    },
    get isIdle() {
      return pending === 0;
    },
    write(text, taken) {
      if (!isOurs) return;
      pending += 1;
      stdout.write(text, () => {
        pending -= 1;
        taken();
      });
    },
    [Symbol.dispose]() {
      giveBack();
      process.off('exit', giveBack);
      for (const signal of Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]) process.off(signal, onSignal);
      process.off('SIGCONT', onContinue);
      stdout.off('resize', onResize);
      stdin.off('data', onBytes);
      stdin.off('end', onGone);
      stdin.off('error', onGone);
      stdin.pause();
    },
  };
}

/** The process may end with the next line. A terminal that is gone takes nothing, and there is nothing to give back to it. */
function writeAtOnce(fd: number, text: string): void {
  let rest = Buffer.from(text);
  const deadline = performance.now() + WRITE_MS;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN' || performance.now() > deadline) return;
      Atomics.wait(never, 0, 0, 1);
    }
  }
}
