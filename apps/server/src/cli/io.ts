// Owns what a command sees of the outside: streams, the environment, its own exit code. Tests hand in their own.

export interface CliIo {
  out(line: string): void;
  err(line: string): void;
  readonly isTerminal: boolean;
  /** One line typed by the person; undefined when the input ended. */
  ask(question: string): Promise<string | undefined>;
}
