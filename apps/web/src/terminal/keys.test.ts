import { expect, test } from 'vitest';
import { bytesOfKey, withCtrl } from './keys.ts';
import type { BarKey } from './keys.ts';

const plain = { applicationCursor: false, ctrl: false };

test.each<[BarKey, string]>([
  ['escape', '\x1b'],
  ['tab', '\t'],
  ['enter', '\r'],
  ['interrupt', '\x03'],
  ['up', '\x1b[A'],
  ['down', '\x1b[B'],
  ['right', '\x1b[C'],
  ['left', '\x1b[D'],
])('%s sends its bytes', (key, bytes) => {
  expect(bytesOfKey(key, plain)).toBe(bytes);
});

test('arrows honour application cursor mode, and Ctrl goes before it', () => {
  expect(bytesOfKey('up', { applicationCursor: true, ctrl: false })).toBe('\x1bOA');
  expect(bytesOfKey('left', { applicationCursor: true, ctrl: true })).toBe('\x1b[1;5D');
});

test('Ctrl makes control characters of letters in either case', () => {
  expect(withCtrl('c')).toBe('\x03');
  expect(withCtrl('C')).toBe('\x03');
  expect(withCtrl('z')).toBe('\x1a');
  expect(withCtrl('[')).toBe('\x1b');
  expect(withCtrl(' ')).toBe('\x00');
});

test('Ctrl leaves texts alone that are not one key', () => {
  expect(withCtrl('ab')).toBe('ab');
  expect(withCtrl('\x1b[A')).toBe('\x1b[A');
  expect(withCtrl('é')).toBe('é');
});
