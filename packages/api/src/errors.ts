// Owns the failures that a caller may see: their codes, what they are on each wire, whether trying again can help.
// Services throw ApiError; both transports map it here and nowhere else. Messages are for people, codes for programs.

const TABLE = {
  BAD_INPUT: { status: 400, trpc: 'BAD_REQUEST', retryable: false },
  COMMAND_NOT_FOUND: { status: 400, trpc: 'BAD_REQUEST', retryable: false },
  PATTERN_INVALID: { status: 400, trpc: 'BAD_REQUEST', retryable: false },
  CWD_NOT_FOUND: { status: 400, trpc: 'BAD_REQUEST', retryable: false },
  UNAUTHORIZED: { status: 401, trpc: 'UNAUTHORIZED', retryable: false },
  PAIRING_CODE_INVALID: { status: 401, trpc: 'UNAUTHORIZED', retryable: false },
  PAIRING_CODE_EXPIRED: { status: 401, trpc: 'UNAUTHORIZED', retryable: false },
  PAIRING_CODE_USED: { status: 401, trpc: 'UNAUTHORIZED', retryable: false },
  PAIRING_REFUSED: { status: 403, trpc: 'FORBIDDEN', retryable: false },
  FORBIDDEN: { status: 403, trpc: 'FORBIDDEN', retryable: false },
  ORIGIN_REFUSED: { status: 403, trpc: 'FORBIDDEN', retryable: false },
  HOST_REFUSED: { status: 421, trpc: 'FORBIDDEN', retryable: false },
  UNKNOWN_DEVICE: { status: 404, trpc: 'NOT_FOUND', retryable: false },
  UNKNOWN_SESSION: { status: 404, trpc: 'NOT_FOUND', retryable: false },
  NOT_FOUND: { status: 404, trpc: 'NOT_FOUND', retryable: false },
  METHOD_NOT_ALLOWED: { status: 405, trpc: 'METHOD_NOT_SUPPORTED', retryable: false },
  SESSION_ENDED: { status: 409, trpc: 'CONFLICT', retryable: false },
  SESSION_ALIVE: { status: 409, trpc: 'CONFLICT', retryable: false },
  DETACHED: { status: 409, trpc: 'CONFLICT', retryable: false },
  INPUT_GAP: { status: 409, trpc: 'CONFLICT', retryable: true },
  NOT_CONTROLLER: { status: 409, trpc: 'CONFLICT', retryable: false },
  NOT_ATTACHED: { status: 409, trpc: 'CONFLICT', retryable: true },
  TOO_LARGE: { status: 413, trpc: 'PAYLOAD_TOO_LARGE', retryable: false },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, trpc: 'UNSUPPORTED_MEDIA_TYPE', retryable: false },
  TOO_MANY_SESSIONS: { status: 429, trpc: 'TOO_MANY_REQUESTS', retryable: true },
  TOO_MANY_REQUESTS: { status: 429, trpc: 'TOO_MANY_REQUESTS', retryable: true },
  INPUT_BUFFER_FULL: { status: 429, trpc: 'TOO_MANY_REQUESTS', retryable: true },
  INTERNAL: { status: 500, trpc: 'INTERNAL_SERVER_ERROR', retryable: false },
  HOST_UNREACHABLE: { status: 503, trpc: 'SERVICE_UNAVAILABLE', retryable: true },
  STORAGE_FAILED: { status: 503, trpc: 'SERVICE_UNAVAILABLE', retryable: true },
} as const;

export type ApiErrorCode = keyof typeof TABLE;
export type ApiErrorStatus = (typeof TABLE)[ApiErrorCode]['status'];
export type ApiErrorTrpcCode = (typeof TABLE)[ApiErrorCode]['trpc'];

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ApiErrorCode;
  /** What the caller can do about it, when there is something. */
  readonly hint: string | undefined;
  /** Seconds after which trying again can help, when it is known. */
  readonly retryAfterS: number | undefined;

  constructor(code: ApiErrorCode, message: string, options: { hint?: string; cause?: unknown; retryAfterS?: number } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.retryAfterS = options.retryAfterS;
  }
}

export const apiErrorCodes = Object.keys(TABLE) as readonly ApiErrorCode[];
export const statusOf = (code: ApiErrorCode): ApiErrorStatus => TABLE[code].status;
export const trpcCodeOf = (code: ApiErrorCode): ApiErrorTrpcCode => TABLE[code].trpc;
export const isRetryable = (code: ApiErrorCode): boolean => TABLE[code].retryable;

/** RFC 9457, media type application/problem+json. `type` is left at about:blank: `code` names the problem. */
export interface Problem {
  readonly title: string;
  readonly status: number;
  readonly code: ApiErrorCode;
  readonly detail: string;
  readonly hint?: string;
  readonly retryable: boolean;
  /** Seconds; the header Retry-After says the same. */
  readonly retryAfter?: number;
}

export function problemOf(error: ApiError): Problem {
  return {
    title: error.code.toLowerCase().replaceAll('_', ' '),
    status: statusOf(error.code),
    code: error.code,
    detail: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    retryable: isRetryable(error.code),
    ...(error.retryAfterS === undefined ? {} : { retryAfter: error.retryAfterS }),
  };
}
