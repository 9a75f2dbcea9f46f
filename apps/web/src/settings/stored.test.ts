import { beforeEach, expect, test } from 'vitest';
import { makeStored } from './stored.ts';

const ID = '0b2f6a3e-0000-4000-8000-000000000001';
const OTHER = '0b2f6a3e-0000-4000-8000-000000000002';

beforeEach(() => {
  localStorage.clear();
});

test('what one visit stores the next one reads', () => {
  makeStored(localStorage).setOpenSession(ID);
  makeStored(localStorage).setSeen(ID, { at: 5, offset: 7 });
  expect(makeStored(localStorage).openSession()).toBe(ID);
  expect(makeStored(localStorage).seen(ID)).toEqual({ at: 5, offset: 7 });
  expect(makeStored(localStorage).seen(OTHER)).toBeUndefined();
});

test('a forgotten session is neither reopened nor remembered as seen', () => {
  const stored = makeStored(localStorage);
  stored.setOpenSession(ID);
  stored.setSeen(ID, { at: 5, offset: 7 });
  stored.forget(OTHER);
  expect(stored.openSession()).toBe(ID);
  stored.forget(ID);
  expect(stored.openSession()).toBeUndefined();
  expect(stored.seen(ID)).toBeUndefined();
});

test('S28: what is cleared is gone, of every session', () => {
  const stored = makeStored(localStorage);
  stored.setOpenSession(ID);
  for (const id of [ID, OTHER]) stored.setSeen(id, { at: 5, offset: 7 });
  stored.clear();
  expect(localStorage).toHaveLength(0);
  expect(makeStored(undefined).clear()).toBeUndefined();
});

test.each(['{', 'null', '[]', '"x"', `{"${ID}":{"at":"x","offset":1}}`, `{"${ID}":null}`, '{"../x":{"at":1,"offset":1}}'])(
  'stored nonsense %s counts as nothing',
  (text) => {
    localStorage.setItem('cotg.seen', text);
    localStorage.setItem('cotg.session', text);
    expect(makeStored(localStorage).seen(ID)).toBeUndefined();
    expect(makeStored(localStorage).openSession()).toBeUndefined();
  },
);

test('the longest unseen sessions are forgotten first', () => {
  const stored = makeStored(localStorage);
  const id = (i: number): string => `0b2f6a3e-0000-4000-8000-${String(i).padStart(12, '0')}`;
  for (let i = 1; i <= 230; i += 1) stored.setSeen(id(i), { at: i, offset: 0 });
  expect(stored.seen(id(30))).toBeUndefined();
  expect(stored.seen(id(31))).toBeDefined();
  expect(stored.seen(id(230))).toBeDefined();
});

test('a browser that blocks storage costs memory, not function', () => {
  const blocked = new Proxy(localStorage, {
    get: () => () => {
      throw new DOMException('blocked', 'SecurityError');
    },
  });
  for (const storage of [blocked, undefined]) {
    const stored = makeStored(storage);
    stored.setOpenSession(ID);
    stored.setSeen(ID, { at: 1, offset: 1 });
    expect(stored.openSession()).toBeUndefined();
    expect(stored.seen(ID)).toBeUndefined();
  }
});
