import { expect, test } from 'vitest';
import { findCycles } from './cycles.mjs';

const graph = (edges: Record<string, string>) => new Map(Object.entries(edges).map(([from, to]) => [from, new Set(to)]));

test('a graph without circles has none', () => {
  expect(findCycles(graph({ a: 'bc', b: 'c', c: '' }))).toEqual([]);
});

test('a circle is shown from its first name the shortest way round', () => {
  expect(findCycles(graph({ c: 'a', b: 'cd', d: 'c', a: 'b' }))).toEqual([['a', 'b', 'c', 'a']]);
});

test('a file that imports itself is a circle', () => {
  expect(findCycles(graph({ a: 'a' }))).toEqual([['a', 'a']]);
});

test('separate circles are each reported once, whatever the order', () => {
  const circles = [
    ['a', 'b', 'a'],
    ['x', 'y', 'x'],
  ];
  expect(findCycles(graph({ a: 'bx', b: 'a', x: 'y', y: 'x' }))).toEqual(circles);
  expect(findCycles(graph({ y: 'x', x: 'y', b: 'a', a: 'bx' }))).toEqual(circles);
});
