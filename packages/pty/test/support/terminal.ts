// Owns one child on a real terminal without a host around it, for tests of what lies below: its output, its end, its descriptors.
import { tmpdir } from 'node:os';
import type { PtyExit, PtyProcess, SpawnPty } from '../../src/host/pty-process.ts';

export interface Terminal extends AsyncDisposable {
  readonly process: PtyProcess;
  readonly output: Buffer;
  readonly exited: Promise<PtyExit>;
  /** Resolves once the output holds this text. */
  seen(text: string): Promise<void>;
}

export function openTerminal(
  spawn: SpawnPty,
  command: readonly string[],
  consume: (bytes: Uint8Array) => void = () => undefined,
): Terminal {
  let chunks: Uint8Array[] = [];
  let waiting: { readonly text: string; readonly resolve: () => void }[] = [];
  let exit: PtyExit | undefined;
  let exitedWith: (exit: PtyExit) => void = () => undefined;
  const exited = new Promise<PtyExit>((resolve) => (exitedWith = resolve));
  const output = (): Buffer => {
    const all = Buffer.concat(chunks);
    chunks = [all];
    return all;
  };
  const child = spawn({
    command,
    cwd: tmpdir(),
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', TERM: 'xterm' },
    cols: 80,
    rows: 24,
    onOutput(bytes) {
      if (exit) throw new Error('output after the exit');
      chunks.push(bytes);
      consume(bytes);
      waiting = waiting.filter(({ text, resolve }) => {
        if (!output().includes(text)) return true;
        resolve();
        return false;
      });
    },
    onExit(how) {
      exit = how;
      exitedWith(how);
    },
  });
  return {
    process: child,
    get output() {
      return output();
    },
    exited,
    seen: (text) =>
      new Promise((resolve) => {
        if (output().includes(text)) resolve();
        else waiting.push({ text, resolve });
      }),
    async [Symbol.asyncDispose]() {
      child.killAll();
      await exited;
    },
  };
}

/** Ends the event loop's turn late: what a loaded host does to its reader. */
export function busy(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
