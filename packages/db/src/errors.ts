// The coded failures of this package. Expected outcomes (a trimmed range, an unknown session in a history request) are
// values, not errors. Codes are stable: callers decide by `code`, people read `message` and `hint`.

export type StorageErrorCode =
  /** A write did not reach the disk (full, read-only, I/O error); `cause` is SQLite's own error. */
  | 'STORAGE_FAILED'
  /** So little space is left that it is kept for what gives space back. */
  | 'DISK_FULL'
  /** The journal was closed before the call. */
  | 'STORAGE_CLOSED'
  /** The directory of the file is missing or cannot be used. */
  | 'STORAGE_UNWRITABLE'
  /** The file is no SQLite database, or its structure is broken. */
  | 'STORAGE_CORRUPT'
  /** A directory, a FIFO or a link lies where the file belongs; it was not touched. */
  | 'STORAGE_NOT_A_FILE'
  /** Stored output does not fit together: a hole or an overlap in the offsets. */
  | 'JOURNAL_DAMAGED'
  | 'SESSION_EXISTS'
  | 'UNKNOWN_SESSION'
  /** A run was asked to move backwards, for example to start after it ended. */
  | 'RUN_STATE'
  /** The history worker did not answer in time, or too many requests wait for it. */
  | 'HISTORY_TIMEOUT'
  | 'HISTORY_BUSY';

interface ErrorDetail {
  readonly hint?: string;
  readonly cause?: unknown;
}

abstract class CodedError<Code extends string> extends Error {
  readonly code: Code;
  /** What an operator can do about it; undefined when there is nothing to say beyond the message. */
  readonly hint: string | undefined;

  constructor(code: Code, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.code = code;
    this.hint = detail.hint;
  }
}

export class StorageError extends CodedError<StorageErrorCode> {
  override readonly name = 'StorageError';
}

export type SchemaErrorCode =
  /** Written by a newer version of the program. The file was not changed. */
  | 'SCHEMA_NEWER'
  /** A database, but not one of ours. The file was not changed. */
  | 'SCHEMA_FOREIGN'
  /** A migration failed and was rolled back. */
  | 'MIGRATION_FAILED';

export class SchemaError extends CodedError<SchemaErrorCode> {
  override readonly name = 'SchemaError';
}

/** The lease file cannot be created or locked, for a reason other than another holder. */
export class LeaseError extends CodedError<'LEASE_UNUSABLE'> {
  override readonly name = 'LeaseError';
}

/** A rule of this package was broken by its own code or its caller. Never caught to go on. */
export class InvariantError extends CodedError<'INVARIANT'> {
  override readonly name = 'InvariantError';

  constructor(message: string) {
    super('INVARIANT', message);
  }
}

/** SQLite's result code ("SQLITE_FULL", "SQLITE_IOERR_WRITE") of an error thrown by better-sqlite3; undefined for others. */
export function sqliteCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' && error.code.startsWith('SQLITE_') ? error.code : undefined;
}

/** Names the failure to open or prepare a database file. */
export function openError(path: string, cause: unknown): StorageError {
  const code = sqliteCode(cause);
  if (code === 'SQLITE_NOTADB' || code?.startsWith('SQLITE_CORRUPT') === true) {
    return new StorageError('STORAGE_CORRUPT', `${path} is not a readable database (${code})`, { cause });
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new StorageError('STORAGE_UNWRITABLE', `cannot open ${path}: ${reason}`, {
    cause,
    hint: 'The data directory must exist, belong to you and be writable, on a disk with free space.',
  });
}
