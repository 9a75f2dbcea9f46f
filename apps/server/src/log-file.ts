// Owns log files and their bound: a file that grows past LOG_FILE_BYTES becomes `….1`, what was `….1` becomes `….2`, and the oldest goes.
// Must not know what a line says. Invariant: nothing here ends a process. A line that cannot be written is lost; where older lines cannot be kept
// (a full disk) they go, and the bound holds.
import { closeSync, copyFileSync, fstatSync, openSync, renameSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs';
import { errnoOf } from './errors.ts';

/** Of one file, in bytes: some 25,000 lines, months of a quiet host. One process takes (1 + OLDER_LOG_FILES) times as much at most. */
export const LOG_FILE_BYTES = 4 * 1024 * 1024;
/** Files beside the one that is written to. */
export const OLDER_LOG_FILES = 2;
const OWNER_ONLY = 0o600;
const STDERR = 2;

export interface LogBounds {
  readonly fileBytes: number;
  readonly olderFiles: number;
}

const BOUNDS: LogBounds = { fileBytes: LOG_FILE_BYTES, olderFiles: OLDER_LOG_FILES };

/** True when it did what it should; false for what the file system says. Anything else is a defect. */
function tried(step: () => void): boolean {
  try {
    step();
    return true;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}

/**
 * Copied and emptied, not renamed: the host's stderr is this file for good, Node's own last words included. Who writes appends (O_APPEND), in this
 * thread, so nothing is lost between the two steps.
 */
function rotate(path: string, { olderFiles }: LogBounds): void {
  for (let n = olderFiles - 1; n >= 1; n -= 1) tried(() => renameSync(`${path}.${n}`, `${path}.${n + 1}`));
  if (!tried(() => copyFileSync(path, `${path}.1`))) tried(() => rmSync(`${path}.1`, { force: true }));
  tried(() => truncateSync(path));
}

/** A file for lines, open until the process ends. */
export class LogFile {
  readonly #bounds: LogBounds;
  #path: string | undefined;
  #fd: number | undefined;

  constructor(bounds: LogBounds = BOUNDS) {
    this.#bounds = bounds;
  }

  /** From now on lines go there; where it cannot be opened they go nowhere. For the only process that writes to it. */
  open(path: string): void {
    this.close();
    tried(() => {
      this.#fd = openSync(path, 'a', OWNER_ONLY);
      this.#path = path;
    });
  }

  /** At once and in order. Without effect before `open`. */
  write(text: string): void {
    const [fd, path] = [this.#fd, this.#path];
    if (fd === undefined || path === undefined) return;
    tried(() => {
      for (let rest = Buffer.from(text); rest.length > 0;) rest = rest.subarray(writeSync(fd, rest));
    });
    tried(() => {
      if (fstatSync(fd).size > this.#bounds.fileBytes) rotate(path, this.#bounds);
    });
  }

  close(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) tried(() => closeSync(fd));
  }
}

/** Keeps the bound of a file that is this process's stderr; call after each line. Without effect when stderr is something else. */
export function boundStderrFile(path: string, bounds: LogBounds = BOUNDS): void {
  tried(() => {
    const [ours, named] = [fstatSync(STDERR), statSync(path)];
    if (ours.ino === named.ino && ours.dev === named.dev && ours.size > bounds.fileBytes) rotate(path, bounds);
  });
}

/** A descriptor for a child's stderr, the file's bound kept as it starts; undefined where there can be none. Close it. */
export function openForChild(path: string, bounds: LogBounds = BOUNDS): number | undefined {
  let fd: number | undefined;
  tried(() => {
    fd = openSync(path, 'a', OWNER_ONLY);
    if (fstatSync(fd).size > bounds.fileBytes) rotate(path, bounds);
  });
  return fd;
}
