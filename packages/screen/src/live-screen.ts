// Owns feeding one emulator so that its state can be taken and replaced at any moment: the cut between writes, the tail of what has been
// parsed, colours, sizes, limits. The server's emulators and the page's terminal go through it alike. Must not know sessions or connections.
//
// Invariant: writes, resizes and restores take effect in the order of the calls, though the emulator parses later; `offset`, the tail and
// the emulator always speak of the same byte.
import { boundOutput } from './bounds.ts';
import { dumpScreen } from './dump.ts';
import { watchPalette } from './palette.ts';
import { mendPrint } from './print-mend.ts';
import { resizeScreen } from './resize.ts';
import { resetScreen, restoreScreen } from './restore.ts';
import type { RestoreOptions } from './restore.ts';
import type { ScreenState } from './state.ts';
import { TailScanner } from './tail-scanner.ts';
import { Utf8Feeder } from './utf8-feeder.ts';
import type { ScreenTerminal } from './xterm-internals.ts';

export interface LiveScreen {
  /** Of the first byte that has not taken effect: what was parsed, and held back as part of an unfinished character. */
  readonly offset: number;
  /** `parsed` is called when all of it has taken effect. */
  write(bytes: Uint8Array, parsed?: () => void): void;
  /** These bytes of the stream were never stored, and nobody has them: only `offset` moves. */
  skip(bytes: number, done?: () => void): void;
  resize(cols: number, rows: number, done?: () => void): void;
  /** A terminal as new, of this size, whatever was unfinished; `offset` goes on. */
  reset(cols: number, rows: number, options?: RestoreOptions & { readonly done?: () => void }): void;
  /** Replaces the screen; `offset` is that of the state. `failed` gets a ScreenError, and nothing has changed. */
  restore(
    state: ScreenState,
    options: RestoreOptions & { readonly offset: number; readonly done?: () => void; readonly failed?: (error: unknown) => void },
  ): void;
  /** At `offset`. */
  dump(options?: { readonly scrollback?: number }): ScreenState;
  /** Takes its handlers out; the terminal stays. */
  dispose(): void;
}

export function makeLiveScreen(terminal: ScreenTerminal, start: { readonly offset: number } = { offset: 0 }): LiveScreen {
  /** Of what was taken in, and of what was parsed: the emulator's queue lies between them. */
  const feeder = new Utf8Feeder();
  const scanner = new TailScanner();
  const palette = watchPalette(terminal);
  const bounds = boundOutput(terminal);
  const mend = mendPrint(terminal);
  let offset = start.offset;

  const inOrder = (action: () => void): void => terminal.write('', action);
  const parsedUpTo = (bytes: Uint8Array): void => {
    scanner.push(bytes);
    offset += bytes.length;
  };

  return {
    get offset() {
      return offset;
    },
    write(bytes, parsed) {
      const heldBefore = feeder.held.length;
      const pieces = feeder.take(bytes);
      let from = 0;
      pieces.forEach((piece, index) => {
        // What is held back at the end belongs to the last piece: nobody waits for its rest.
        const to = index === pieces.length - 1 ? bytes.length : from + piece.length - (index === 0 ? heldBefore : 0);
        const raw = bytes.subarray(from, to);
        terminal.write(piece, () => {
          parsedUpTo(raw);
          if (index === pieces.length - 1) parsed?.();
        });
        from = to;
      });
      if (pieces.length === 0) {
        inOrder(() => {
          parsedUpTo(bytes);
          parsed?.();
        });
      }
    },
    skip: (bytes, done) =>
      inOrder(() => {
        offset += bytes;
        done?.();
      }),
    resize: (cols, rows, done) =>
      inOrder(() => {
        resizeScreen(terminal, cols, rows);
        done?.();
      }),
    reset(cols, rows, options = {}) {
      feeder.reset();
      inOrder(() => {
        resetScreen(terminal, cols, rows, options);
        scanner.reset();
        options.done?.();
      });
    },
    restore(state, options) {
      feeder.reset(state.tail.character);
      inOrder(() => {
        try {
          restoreScreen(terminal, state, options);
        } catch (error) {
          if (!options.failed) throw error;
          options.failed(error);
          return;
        }
        scanner.reset(state.tail);
        offset = options.offset;
        options.done?.();
      });
    },
    dump: (options = {}) => dumpScreen(terminal, { ...options, tail: scanner.tail(), palette: palette.entries() }),
    dispose() {
      palette.dispose();
      bounds.dispose();
      mend.dispose();
    },
  };
}
