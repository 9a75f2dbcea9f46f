import { expect, test } from 'vitest';
import { createModifiers } from './modifiers.ts';

test('one tap holds Ctrl for one key', () => {
  const modifiers = createModifiers(() => 0);
  modifiers.tapCtrl();
  expect(modifiers.apply('c')).toBe('\x03');
  expect(modifiers.apply('c')).toBe('c');
});

test('two quick taps hold it until the next tap', () => {
  const modifiers = createModifiers(() => 0);
  modifiers.tapCtrl();
  modifiers.tapCtrl();
  expect([modifiers.apply('a'), modifiers.apply('b'), modifiers.take()]).toEqual(['\x01', '\x02', true]);
  modifiers.tapCtrl();
  expect(modifiers.apply('a')).toBe('a');
});

test('two slow taps switch it on and off', () => {
  let now = 0;
  const modifiers = createModifiers(() => now);
  modifiers.tapCtrl();
  now = 601;
  modifiers.tapCtrl();
  expect(modifiers.ctrl()).toBe('off');
});

test('a pasted or composed text passes by and leaves Ctrl for the next key', () => {
  const modifiers = createModifiers(() => 0);
  modifiers.tapCtrl();
  expect(modifiers.apply('word')).toBe('word');
  expect(modifiers.apply('d')).toBe('\x04');
});
