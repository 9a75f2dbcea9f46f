import { describe, expect, test } from 'vitest';
import type { Request } from './messages.ts';
import { MAX_COMMAND_BYTES, parseRequest } from './validate.ts';

const sessionId = '0f8fad5b-d9cb-469f-a165-70867728950e';
const create = {
  type: 'create',
  id: 1,
  sessionId,
  command: ['sh', '-c', 'echo'],
  cwd: '/tmp',
  env: { PATH: '/bin', EMPTY: '' },
  cols: 80,
  rows: 24,
  maxHistoryBytes: 1,
  idleTimeoutMs: 0,
};
const history = { type: 'history', id: 1, sessionId, fromOffset: 0, afterMark: 0, toOffset: 10, maxBytes: 100, cursor: null };

const valid: readonly Request[] = [
  { type: 'hello', id: 1, protocol: 1, secret: 's', clientVersion: 'v' },
  create as Request,
  { type: 'input', id: 2, sessionId, viewerId: 'phone-1', n: 1 },
  { type: 'lastInput', id: 3, sessionId, viewerId: sessionId },
  { type: 'resize', id: 4, sessionId, cols: 1, rows: 1000 },
  { type: 'kill', id: 5, sessionId, reason: 'user' },
  { type: 'restart', id: 6, sessionId, env: {}, note: 'again' },
  { type: 'restart', id: 6, sessionId, command: ['sh', '-c', 'exit'], env: {}, note: 'again' },
  { type: 'remove', id: 6, sessionId },
  { type: 'update', id: 7, sessionId },
  { type: 'update', id: 7, sessionId, maxHistoryBytes: 5, idleTimeoutMs: 0 },
  { type: 'list', id: 8 },
  { type: 'follow', id: 9, sessionId },
  { type: 'unfollow', id: 10, sessionId },
  { ...history, cursor: 'c' } as Request,
  { type: 'status', id: 12 },
  { type: 'shutdown', id: Number.MAX_SAFE_INTEGER },
];

describe('a header is a request only with the declared fields in the declared types', () => {
  test.each(valid.map((request) => [request.type, request] as const))('%s is taken as it is', (_type, request) => {
    expect(parseRequest({ ...request }, 0)).toEqual({ kind: 'request', request });
  });

  test('undeclared fields are left out', () => {
    expect(parseRequest({ type: 'list', id: 1, admin: true, __proto__: null }, 0)).toEqual({
      kind: 'request',
      request: { type: 'list', id: 1 },
    });
  });

  test.each([
    ['zero columns', { ...create, cols: 0 }],
    ['negative rows', { ...create, rows: -5 }],
    ['too many columns', { ...create, cols: 1001 }],
    ['half a column', { ...create, cols: 80.5 }],
    ['a size that is no number', { ...create, cols: Number.NaN }],
    ['an endless size', { ...create, rows: Number.POSITIVE_INFINITY }],
    ['a size as text', { ...create, cols: '80' }],
    ['no size', { ...create, cols: undefined }],
    ['an id that is no UUID', { ...create, sessionId: '../../etc' }],
    ['an id in capitals', { ...create, sessionId: sessionId.toUpperCase() }],
    ['no command', { ...create, command: [] }],
    ['an empty program', { ...create, command: [''] }],
    ['a command as text', { ...create, command: 'sh' }],
    ['a number in the command', { ...create, command: ['sh', 5] }],
    ['a NUL in the command', { ...create, command: ['sh', 'a\0b'] }],
    ['a huge command', { ...create, command: ['sh', 'x'.repeat(MAX_COMMAND_BYTES)] }],
    ['a command of many parts', { ...create, command: Array.from({ length: 2000 }, () => 'x') }],
    ['a relative folder', { ...create, cwd: 'tmp' }],
    ['a folder with a NUL', { ...create, cwd: '/tmp\0' }],
    ['an endless folder', { ...create, cwd: `/${'x'.repeat(5000)}` }],
    ['an environment as list', { ...create, env: ['A=1'] }],
    ['a number in the environment', { ...create, env: { A: 1 } }],
    ['an = in a name of the environment', { ...create, env: { 'A=B': '1' } }],
    ['an empty name in the environment', { ...create, env: { '': '1' } }],
    ['a NUL in the environment', { ...create, env: { A: '\0' } }],
    ['one huge value in the environment', { ...create, env: { A: 'x'.repeat(140_000) } }],
    ['a huge environment', { ...create, env: Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`A${i}`, 'x'.repeat(100_000)])) }],
    ['an environment of many names', { ...create, env: Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`A${i}`, ''])) }],
    ['no history at all', { ...create, maxHistoryBytes: 0 }],
    ['a negative time-out', { ...create, idleTimeoutMs: -1 }],
    ['input number zero', { type: 'input', id: 1, sessionId, viewerId: 'v', n: 0 }],
    ['an input number beyond exactness', { type: 'input', id: 1, sessionId, viewerId: 'v', n: 2 ** 53 }],
    ['a viewer with a line break', { type: 'input', id: 1, sessionId, viewerId: 'v\n', n: 1 }],
    ['an endless viewer', { type: 'lastInput', id: 1, sessionId, viewerId: 'v'.repeat(65) }],
    ['a reason that only the host gives', { type: 'kill', id: 1, sessionId, reason: 'host-lost' }],
    ['a range that ends before it begins', { ...history, fromOffset: 11 }],
    ['a negative offset', { ...history, fromOffset: -1 }],
    ['a page of no bytes', { ...history, maxBytes: 0 }],
    ['an endless page', { ...history, maxBytes: Number.MAX_SAFE_INTEGER }],
    ['a cursor that is an object', { ...history, cursor: {} }],
    ['an unknown request', { type: 'explode', id: 1 }],
    ['a request named like a method of objects', { type: 'constructor', id: 1 }],
    ['no type', { id: 1 }],
  ])('%s is refused and can be answered', (_name, header) => {
    expect(parseRequest(header, 0)).toMatchObject({ kind: 'refused', id: 1 });
  });

  test.each([[undefined], [0], [-1], ['1'], [Number.NaN], [1.5], [null], [{}]])('a request with the id %j cannot be answered', (id) => {
    expect(parseRequest({ type: 'list', id }, 0)).toMatchObject({ kind: 'refused', id: null });
  });

  test('bytes belong to input only', () => {
    expect(parseRequest({ type: 'list', id: 1 }, 1)).toMatchObject({ kind: 'refused', id: 1 });
    expect(parseRequest({ type: 'input', id: 1, sessionId, viewerId: 'v', n: 1 }, 1)).toMatchObject({ kind: 'request' });
  });
});
