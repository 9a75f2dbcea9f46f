import { expect, test } from 'vitest';
import { ContiguityGuard } from './contiguity.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

test('output that goes on where the last ended is shown whole', () => {
  const guard = new ContiguityGuard();
  guard.startAt(10);
  expect(guard.judge(10, bytes(1, 2))).toEqual({ kind: 'show', bytes: bytes(1, 2), endOffset: 12, repeated: 0 });
  expect(guard.judge(12, bytes(3))).toEqual({ kind: 'show', bytes: bytes(3), endOffset: 13, repeated: 0 });
});

test('bytes that were here already are cut off and never doubled', () => {
  const guard = new ContiguityGuard();
  guard.startAt(10);
  guard.judge(10, bytes(1, 2, 3));
  expect(guard.judge(11, bytes(2, 3, 4, 5))).toEqual({ kind: 'show', bytes: bytes(4, 5), endOffset: 15, repeated: 2 });
  expect(guard.judge(10, bytes(1, 2))).toEqual({ kind: 'show', bytes: bytes(), endOffset: 15, repeated: 2 });
  expect(guard.expected).toBe(15);
});

test('a hole is told and does not move the place where output is expected', () => {
  const guard = new ContiguityGuard();
  guard.startAt(10);
  expect(guard.judge(11, bytes(9))).toEqual({ kind: 'hole', expected: 10, offset: 11 });
  expect(guard.expected).toBe(10);
});

test('the first output without a snapshot says where the stream begins', () => {
  const guard = new ContiguityGuard();
  expect(guard.judge(7, bytes(1)).kind).toBe('show');
  expect(guard.judge(9, bytes(1)).kind).toBe('hole');
  guard.forget();
  expect(guard.judge(9, bytes(1)).kind).toBe('show');
});

test('a mark beyond what was received has a hole before it', () => {
  const guard = new ContiguityGuard();
  expect(guard.reaches(100)).toBe(true);
  guard.startAt(5);
  expect(guard.reaches(5)).toBe(true);
  expect(guard.reaches(6)).toBe(false);
});
