import { beforeEach, expect, test } from 'vitest';
import { sayFarewell, takeFarewell } from './farewell.ts';

const ID = '0b2f6a3e-0000-4000-8000-000000000001';
const FAREWELL = { sessionId: ID, sized: 'a'.repeat(32), untyped: 3, isPasteOpen: true };

beforeEach(() => {
  sessionStorage.clear();
});

test('the page that follows learns it, once', () => {
  sayFarewell(sessionStorage, FAREWELL);
  expect(takeFarewell(sessionStorage, ID)).toEqual(FAREWELL);
  expect(takeFarewell(sessionStorage, ID)).toBeUndefined();
});

test('another session, or one that is opened much later, learns nothing', () => {
  sayFarewell(sessionStorage, FAREWELL);
  expect(takeFarewell(sessionStorage, ID.replace('1', '2'))).toBeUndefined();
  sayFarewell(sessionStorage, FAREWELL, 1000);
  expect(takeFarewell(sessionStorage, ID, 60_000)).toBeUndefined();
});

test.each(['{', '[]', '"x"', `{"sessionId":"${ID}","sized":"x","untyped":1}`, `{"sessionId":"${ID}","sized":null,"untyped":-1}`])(
  'stored nonsense %s counts as nothing',
  (text) => {
    sessionStorage.setItem('cotg.farewell', text);
    expect(takeFarewell(sessionStorage, ID)).toBeUndefined();
  },
);

test('a tab without storage works', () => {
  sayFarewell(undefined, FAREWELL);
  expect(takeFarewell(undefined, ID)).toBeUndefined();
});
