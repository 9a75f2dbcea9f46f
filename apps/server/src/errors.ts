// Owns the failures that end a command or keep the server from starting: one line for people, a code, an exit code.

/** DESIGN of the command: 0 done, 1 failed, 2 bad usage or setting, 3 already served, 4 not reachable, 5 not allowed, 124 time-out. */
export const EXIT = { done: 0, failed: 1, usage: 2, alreadyServed: 3, notReachable: 4, notAllowed: 5, timeout: 124 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export type StartErrorCode =
  | 'BAD_SETTING'
  | 'NODE_TOO_OLD'
  | 'DATA_DIR_UNUSABLE'
  | 'DATA_DIR_UNSAFE'
  | 'ALREADY_SERVED'
  | 'PORT_BUSY'
  | 'ADDRESS_UNUSABLE'
  | 'NOT_LOOPBACK'
  | 'HOST_UNREACHABLE'
  | 'NOT_SERVING'
  | 'REQUEST_FAILED'
  | 'NOT_BUILT'
  | 'NO_SYSTEMD'
  | 'FILE_EXISTS'
  | 'TIMEOUT';

export class StartError extends Error {
  override readonly name = 'StartError';
  readonly code: StartErrorCode;
  readonly exitCode: ExitCode;
  readonly hint: string | undefined;

  constructor(code: StartErrorCode, message: string, options: { exitCode?: ExitCode; hint?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.exitCode = options.exitCode ?? EXIT.failed;
    this.hint = options.hint;
  }
}

/** The text of anything thrown, for a line in a log or on a terminal. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
