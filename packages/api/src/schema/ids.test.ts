import { expect, test } from 'vitest';
import { formatEventId, parseEventId } from './ids.ts';

test('an event id carries its position there and back', () => {
  for (const position of [
    { run: 1, offset: 0, mark: 0 },
    { run: 3, offset: 52_428_800, mark: 77_001 },
    { run: 0, offset: 0, mark: 0 },
  ]) {
    for (const ephemeral of [0, 1, 1023, 5000]) expect(parseEventId(formatEventId(position, ephemeral))).toEqual(position);
  }
});

test('two events at one position have different ids', () => {
  const position = { run: 1, offset: 10, mark: 4 };
  expect(formatEventId(position, 1)).not.toBe(formatEventId(position, 2));
});

test.each(['', '1', '1.2', '1.2.3.4', 'a.b.c', '1.-2.3', '1.2.99999999999999999', ' 1.2.3', '1.2.3\n', '1e3.2.3'])(
  '%j is not an event id',
  (id) => {
    expect(parseEventId(id)).toBeUndefined();
  },
);
