// Owns the question whether a header that came off the wire is a request. Must not know sockets, sessions or files.
// Invariant: what `parseRequest` returns has exactly the declared fields with the declared types, whatever was sent.
import type { Request, RequestType } from './messages.ts';

/** Largest grid: beyond it a screen costs more memory than any terminal has cells. */
export const MAX_COLS = 1000;
export const MAX_ROWS = 1000;
/** All of argv: kept in every list of sessions, so far below the kernel's own limit. */
export const MAX_COMMAND_BYTES = 64 * 1024;
export const MAX_COMMAND_PARTS = 1024;
/** All of the environment; Linux gives argv and environment together about 2 MiB (a quarter of the stack limit). */
export const MAX_ENV_BYTES = 512 * 1024;
export const MAX_ENV_ENTRIES = 4096;
/** One string of argv or environment: MAX_ARG_STRLEN of Linux (execve(2)), its closing NUL included. */
export const MAX_ARG_BYTES = 128 * 1024 - 1;
/** PATH_MAX of Linux. */
export const MAX_PATH_BYTES = 4096;
/** One history page, in bytes of output: a page is one reply and memory on both sides. */
export const MAX_HISTORY_PAGE_BYTES = 16 * 1024 * 1024;
/** Far more than any server takes. */
const MAX_VIEWERS = 100_000;
const MAX_SHORT_TEXT = 1024;

export type ParsedRequest =
  | { readonly kind: 'request'; readonly request: Request }
  /** `id` is null when the sender cannot be answered: then only closing the connection is left. */
  | { readonly kind: 'refused'; readonly id: number | null; readonly message: string };

/** Null when the value is right, else what is wrong with it. */
type Check = (value: unknown) => string | null;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const VIEWER = /^[A-Za-z0-9._:-]{1,64}$/;

const uuid: Check = (value) => (typeof value === 'string' && UUID.test(value) ? null : 'must be a UUID in lower case');
const viewer: Check = (value) => (typeof value === 'string' && VIEWER.test(value) ? null : 'must be 1 to 64 letters, digits or . _ : -');

function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): Check {
  return (value) =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
      ? null
      : `must be a whole number from ${min} to ${max}`;
}

function text(maxLength: number): Check {
  return (value) => {
    if (typeof value !== 'string') return 'must be text';
    return value.length <= maxLength ? null : `must have at most ${maxLength} characters`;
  };
}

function oneOf(...values: readonly string[]): Check {
  return (value) => (typeof value === 'string' && values.includes(value) ? null : `must be one of ${values.join(', ')}`);
}

function nullable(check: Check): Check {
  return (value) => (value === null ? null : check(value));
}

const encoder = new TextEncoder();
const byteLength = (value: string): number => encoder.encode(value).length;

const boolean: Check = (value) => (typeof value === 'boolean' ? null : 'must be true or false');

const argv: Check = (value) => {
  if (!Array.isArray(value) || value.length === 0) return 'must be a list with at least the program';
  if (value.length > MAX_COMMAND_PARTS) return `must have at most ${MAX_COMMAND_PARTS} parts`;
  let bytes = 0;
  for (const part of value as readonly unknown[]) {
    if (typeof part !== 'string') return 'must hold text only';
    if (part.includes('\0')) return 'must not hold a NUL';
    bytes += byteLength(part) + 1;
    if (bytes > MAX_COMMAND_BYTES) return `must have at most ${MAX_COMMAND_BYTES} bytes`;
  }
  return value[0] === '' ? 'must begin with the program' : null;
};

const absolutePath: Check = (value) => {
  if (typeof value !== 'string' || !value.startsWith('/')) return 'must be an absolute path';
  if (value.includes('\0')) return 'must not hold a NUL';
  return value.length <= MAX_PATH_BYTES && byteLength(value) <= MAX_PATH_BYTES ? null : `must have at most ${MAX_PATH_BYTES} bytes`;
};

const environment: Check = (value) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'must map names to text';
  const entries = Object.entries(value as Record<string, unknown>);
  if (entries.length > MAX_ENV_ENTRIES) return `must have at most ${MAX_ENV_ENTRIES} entries`;
  let total = 0;
  for (const [name, content] of entries) {
    if (typeof content !== 'string') return 'must map names to text';
    if (name === '' || name.includes('=') || name.includes('\0') || content.includes('\0'))
      return 'has a name or value that no environment can hold';
    const bytes = byteLength(name) + 1 + byteLength(content);
    if (bytes > MAX_ARG_BYTES) return `has an entry of more than ${MAX_ARG_BYTES} bytes`;
    total += bytes + 1;
    if (total > MAX_ENV_BYTES) return `must have at most ${MAX_ENV_BYTES} bytes`;
  }
  return null;
};

interface Field {
  readonly check: Check;
  readonly optional?: true;
}

const field = (check: Check): Field => ({ check });
const optional = (check: Check): Field => ({ check, optional: true });

const sessionId = field(uuid);
const historyLimit = integer(1);
const idleTimeout = integer(0);

type FieldsOf<T extends RequestType> = { readonly [K in Exclude<keyof Extract<Request, { type: T }>, 'type' | 'id'>]-?: Field };

const FIELDS: { readonly [T in RequestType]: FieldsOf<T> } = {
  hello: { protocol: field(integer(0)), secret: field(text(MAX_SHORT_TEXT)), clientVersion: field(text(MAX_SHORT_TEXT)) },
  create: {
    sessionId,
    command: field(argv),
    cwd: field(absolutePath),
    env: field(environment),
    cols: field(integer(1, MAX_COLS)),
    rows: field(integer(1, MAX_ROWS)),
    maxHistoryBytes: field(historyLimit),
    idleTimeoutMs: field(idleTimeout),
  },
  input: { sessionId, viewerId: field(viewer), n: field(integer(1)) },
  lastInput: { sessionId, viewerId: field(viewer) },
  resize: { sessionId, cols: field(integer(1, MAX_COLS)), rows: field(integer(1, MAX_ROWS)) },
  kill: { sessionId, reason: field(oneOf('user', 'idle', 'limit')) },
  restart: { sessionId, command: optional(argv), env: field(environment), note: field(text(MAX_SHORT_TEXT)) },
  viewers: { sessionId, viewers: field(integer(0, MAX_VIEWERS)) },
  remove: { sessionId },
  update: { sessionId, maxHistoryBytes: optional(historyLimit), idleTimeoutMs: optional(idleTimeout) },
  list: {},
  follow: { sessionId, patient: optional(boolean) },
  parsed: { sessionId, run: field(integer(1)), offset: field(integer(0)), isAwaited: optional(boolean) },
  unfollow: { sessionId },
  offerBase: {
    sessionId,
    offset: field(integer(1)),
    mark: field(integer(0)),
    run: field(integer(1)),
    cols: field(integer(1, MAX_COLS)),
    rows: field(integer(1, MAX_ROWS)),
    version: field(text(MAX_SHORT_TEXT)),
  },
  base: { sessionId },
  history: {
    sessionId,
    fromOffset: field(integer(0)),
    afterMark: field(integer(0)),
    toOffset: field(integer(0)),
    maxBytes: field(integer(1, MAX_HISTORY_PAGE_BYTES)),
    cursor: field(nullable(text(MAX_SHORT_TEXT))),
  },
  status: {},
  metrics: {},
  import: {
    sessionId,
    from: field(integer(0)),
    isLast: field(boolean),
    cols: field(integer(1, MAX_COLS)),
    rows: field(integer(1, MAX_ROWS)),
    createdAt: field(integer(0)),
    endedAt: field(integer(0)),
    maxHistoryBytes: field(historyLimit),
  },
  backup: { path: field(absolutePath) },
  verify: {},
  shutdown: {},
};

const WITH_BYTES: ReadonlySet<string> = new Set<RequestType>(['input', 'parsed', 'offerBase', 'import']);
const validId = integer(1);

/** The request in a header, with undeclared fields left out, or what is wrong with it. Never throws. */
export function parseRequest(header: Readonly<Record<string, unknown>>, bodyBytes: number): ParsedRequest {
  const { type, id } = header;
  if (validId(id) !== null) return { kind: 'refused', id: null, message: `id ${validId(id)}` };
  const refused = (message: string): ParsedRequest => ({ kind: 'refused', id: id as number, message });
  if (typeof type !== 'string' || !Object.hasOwn(FIELDS, type)) return refused('no request of this type is known');
  if (bodyBytes > 0 && !WITH_BYTES.has(type)) return refused(`${type} carries no bytes`);
  const request: Record<string, unknown> = { type, id };
  for (const [name, { check, optional: mayMiss }] of Object.entries<Field>(FIELDS[type as RequestType])) {
    const value = Object.hasOwn(header, name) ? header[name] : undefined;
    if (mayMiss && value === undefined) continue;
    const wrong = check(value);
    if (wrong !== null) return refused(`${name} ${wrong}`);
    request[name] = value;
  }
  if (request['type'] === 'history' && (request['toOffset'] as number) < (request['fromOffset'] as number)) {
    return refused('toOffset must not be below fromOffset');
  }
  // Each field of FIELDS has been checked against the declared type above.
  return { kind: 'request', request: request as unknown as Request };
}
