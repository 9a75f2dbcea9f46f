// Owns the coded failures of this package. Must not know how they are shown; callers decide by `code`, never by message text.
import type { HostErrorCode } from './protocol/messages.ts';

interface CodedOptions {
  readonly hint?: string;
  readonly cause?: unknown;
}

/** What the host refused, with the code that went over the wire: thrown inside the host, and again in the client. */
export class HostRequestError extends Error {
  override readonly name = 'HostRequestError';
  readonly code: HostErrorCode;
  readonly hint: string | undefined;
  /** With TRIMMED: the first offset still kept. */
  readonly firstOffset: number | undefined;

  constructor(code: HostErrorCode, message: string, options: CodedOptions & { readonly firstOffset?: number } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.firstOffset = options.firstOffset;
  }
}

export type HostConnectionErrorCode =
  /** Nobody listens there. */
  | 'HOST_NOT_RUNNING'
  /** Somebody listens and does not answer in time: stopped, or very busy. Not a reason to start another host. */
  | 'HOST_NOT_ANSWERING'
  /** The connection ended; whether a request without a reply was carried out is unknown. */
  | 'HOST_CLOSED'
  /** Too many requests wait for their replies. */
  | 'HOST_BUSY'
  /** A host was started and did not come up. */
  | 'HOST_START_FAILED'
  | 'SOCKET_PATH_TOO_LONG';

/** The way to the host failed, not the request. */
export class HostConnectionError extends Error {
  override readonly name = 'HostConnectionError';
  readonly code: HostConnectionErrorCode;
  readonly hint: string | undefined;

  constructor(code: HostConnectionErrorCode, message: string, options: CodedOptions = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}

export type HostStartErrorCode = 'HOST_ALREADY_RUNNING' | 'LISTEN_FAILED' | 'SOCKET_PATH_TOO_LONG' | 'PTY_UNAVAILABLE';

/** The host cannot serve at all. */
export class HostStartError extends Error {
  override readonly name = 'HostStartError';
  readonly code: HostStartErrorCode;
  readonly hint: string | undefined;

  constructor(code: HostStartErrorCode, message: string, options: CodedOptions = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}

/** The errno name of a failed system call, if that is what was thrown. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
