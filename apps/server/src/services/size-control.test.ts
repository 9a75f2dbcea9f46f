import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CONTROL_GRACE_MS, SizeControl } from './size-control.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function setUp(returnForMs = 0) {
  const present: { id: string; isAble: boolean }[] = [];
  const changes: (string | null)[] = [];
  const control = new SizeControl({ present: () => present, changed: (id) => changes.push(id), returnForMs });
  return {
    control,
    changes,
    arrive: (id: string, more: { isAble?: boolean; sized?: string } = {}) => {
      const viewer = { id, isAble: more.isAble ?? true };
      present.push(viewer);
      control.arrived({ ...viewer, sized: more.sized });
    },
    leave: (id: string, isCut: boolean) => {
      present.splice(
        present.findIndex((viewer) => viewer.id === id),
        1,
      );
      control.left(id, isCut);
    },
  };
}

test('the first sets the size; others come and go without changing that', () => {
  const { control, changes, arrive, leave } = setUp();
  arrive('a');
  arrive('b');
  leave('b', false);
  leave('b', true);
  expect(control.controller).toBe('a');
  expect(changes).toEqual(['a']);
});

test('whoever may not, or has no size, is never it', () => {
  const { control, arrive, leave } = setUp();
  arrive('script', { isAble: false });
  expect(control.controller).toBe(null);
  arrive('a');
  leave('a', false);
  expect(control.controller).toBe(null);
});

test('one that leaves hands over to the latest other one at once; one that is cut keeps it for a moment', async () => {
  const { control, changes, arrive, leave } = setUp();
  for (const id of ['a', 'b', 'c']) arrive(id);
  leave('a', false);
  expect(control.controller).toBe('c');
  leave('c', true);
  await vi.advanceTimersByTimeAsync(CONTROL_GRACE_MS - 1);
  expect(control.controller).toBe('c');
  await vi.advanceTimersByTimeAsync(1);
  expect(changes).toEqual(['a', 'c', 'b']);
});

test('one that was cut and comes back, also as a page that was loaded again, has it as before', async () => {
  const { control, changes, arrive, leave } = setUp();
  arrive('a');
  arrive('b');
  leave('a', true);
  await vi.advanceTimersByTimeAsync(1000);
  arrive('a');
  expect(changes).toEqual(['a']);
  leave('a', true);
  arrive('c', { sized: 'x' });
  expect(control.controller).toBe('a');
  arrive('a2', { sized: 'a' });
  await vi.advanceTimersByTimeAsync(2 * CONTROL_GRACE_MS);
  expect(changes).toEqual(['a', 'a2']);
});

test('when two are cut together the size waits for the one that set it, and goes to the other one when that does not come', async () => {
  const { control, changes, arrive, leave } = setUp();
  for (const id of ['a', 'b']) arrive(id);
  for (const id of ['b', 'a']) leave(id, true);
  arrive('b');
  arrive('a');
  expect(changes).toEqual(['a']);
  for (const id of ['b', 'a']) leave(id, true);
  arrive('b');
  await vi.advanceTimersByTimeAsync(CONTROL_GRACE_MS);
  expect(control.controller).toBe('b');
});

test('when the last one leaves with a word, whoever comes has it at once', () => {
  const { control, arrive, leave } = setUp();
  arrive('a');
  leave('a', false);
  arrive('b');
  expect(control.controller).toBe('b');
});

test('one whose stream is begun anew has it again, unless somebody asked for it meanwhile', () => {
  const { control, changes, arrive, leave } = setUp();
  for (const id of ['a', 'b']) arrive(id);
  leave('a', false);
  arrive('a');
  expect(changes).toEqual(['a', 'b', 'a']);
  leave('a', false);
  control.take('b');
  arrive('a');
  expect(control.controller).toBe('b');
});

test('after a restart of the server it goes back to whoever set it, also when another one is there first; later claims count for nothing', async () => {
  const { control, changes, arrive } = setUp(CONTROL_GRACE_MS);
  arrive('b');
  await vi.advanceTimersByTimeAsync(1000);
  arrive('a', { sized: 'a' });
  arrive('c', { sized: 'c' });
  expect(changes).toEqual(['a']);
  control.take('b');
  await vi.advanceTimersByTimeAsync(2 * CONTROL_GRACE_MS);
  arrive('d', { sized: 'a' });
  expect(control.controller).toBe('b');
});

test('after a restart of the server the latest that is there has the size when nobody comes back to it', async () => {
  const { changes, arrive } = setUp(CONTROL_GRACE_MS);
  arrive('a');
  await vi.advanceTimersByTimeAsync(CONTROL_GRACE_MS - 1);
  expect(changes).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(changes).toEqual(['a']);
});
