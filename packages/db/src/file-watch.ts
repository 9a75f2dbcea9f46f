// Owns noticing that the file of an open database is no longer the one at its path: deleted, or replaced. SQLite would go on writing to
// a file that nobody can ever open again. Must not decide what is done about it.
import { statSync } from 'node:fs';

/** How often the path is looked at (ms): one stat, and people hear of it within five seconds. */
const CHECK_MS = 2000;

export type FileProblem = 'missing' | 'replaced';

export class FileWatch {
  readonly #path: string;
  readonly #identity: string | undefined;
  readonly #onChange: (problem: FileProblem | null) => void;
  readonly #timer: NodeJS.Timeout;
  #problem: FileProblem | null = null;

  /** Call while the file is known to be the right one. `onChange` is told each change once, null when the file is back. */
  constructor(path: string, onChange: (problem: FileProblem | null) => void) {
    this.#path = path;
    this.#identity = identityOf(path);
    this.#onChange = onChange;
    this.#timer = setInterval(() => this.#check(), CHECK_MS);
    this.#timer.unref();
  }

  get problem(): FileProblem | null {
    return this.#problem;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    const now = identityOf(this.#path);
    const problem = now === this.#identity ? null : now === undefined ? 'missing' : 'replaced';
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#onChange(problem);
  }
}

/** Undefined: nothing can be found at the path, for whatever reason. */
function identityOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
