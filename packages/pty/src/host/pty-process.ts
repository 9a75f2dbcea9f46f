// Owns the shape of a child on a terminal of its own. Must not know node-pty, sessions or the journal.

export interface PtyExit {
  /** Null when a signal ended the child. */
  readonly exitCode: number | null;
  /** Its name, as in SIGHUP; null when the child exited by itself. */
  readonly signal: string | null;
}

export interface PtySpawnRequest {
  readonly command: readonly string[];
  readonly cwd: string;
  /** All of the child's environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cols: number;
  readonly rows: number;
  /** In order, as read; the bytes belong to the receiver. Never called before the spawn has returned. */
  readonly onOutput: (bytes: Uint8Array) => void;
  /** Once, after the last output. */
  readonly onExit: (exit: PtyExit) => void;
}

export interface PtyProcess {
  readonly pid: number;
  /** Gives the terminal some bytes without waiting: how many it took, 0 when it is full. Throws when the terminal is gone. */
  write(bytes: Uint8Array): number;
  resize(cols: number, rows: number): void;
  /** Stops reading at once; the child then blocks in its writes. The end of the child is reported all the same, with all output. */
  pause(): void;
  resume(): void;
  /** What a closing terminal does: SIGHUP to the child's process group and to the group in the foreground. */
  hangUp(): void;
  /** Other living processes of the terminal session, background jobs included. */
  companions(): readonly number[];
  /** SIGKILL to the child and to every process of its terminal session. */
  killAll(): void;
}

/** Starts a child. Throws when no process could be made; a program that cannot be executed ends the child with code 1 instead. */
export type SpawnPty = (request: PtySpawnRequest) => PtyProcess;
