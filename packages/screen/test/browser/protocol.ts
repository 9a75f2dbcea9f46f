// Owns what the test process and its page say to each other. Bytes are base64: a page is called with JSON.
import type { ScreenProblem } from '../../src/index.ts';
import type { Resize } from '../support/stream.ts';

export interface StreamMessage {
  readonly name: string;
  readonly cols: number;
  readonly rows: number;
  readonly bytes: string;
  readonly resizes: readonly Resize[];
}

/** States of a headless emulator at `cut` and `end`: the page restores the one, goes on, and must arrive at the other. */
export interface Check {
  readonly cut: number;
  readonly blob: string;
  readonly hash: string;
  readonly end: number;
  readonly endBlob: string;
  readonly endHash: string;
  /** Into a terminal just opened, or into the one that all others went into. */
  readonly fresh: boolean;
  readonly seed: number;
}

export interface CheckResult {
  readonly problems: readonly string[];
  readonly decodeMs: number;
  readonly restoreMs: number;
  /** To the end of the frame that shows it. */
  readonly paintMs: number;
}

export interface PageApi {
  load(stream: StreamMessage): void;
  check(check: Check): Promise<CheckResult>;
  selfTest(): ScreenProblem | null;
  /** Milliseconds from the first byte of the loaded stream to the frame that shows the last one, `times` times the stream in a new terminal. */
  replay(times: number): Promise<number>;
}
