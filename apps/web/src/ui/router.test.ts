import { createRoot } from 'solid-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRouter, pathOf, routeOf } from './router.ts';
import type { Router } from './router.ts';

const ID = '0b2f6a3e-0000-4000-8000-000000000001';

test.each([
  ['/', { page: 'list' }],
  ['/new', { page: 'new' }],
  ['/pair', { page: 'pair' }],
  [`/s/${ID}`, { page: 'session', id: ID }],
  [`/s/${ID}/`, { page: 'session', id: ID }],
  ['/s/..%2f..', { page: 'unknown' }],
  ['/s/', { page: 'unknown' }],
  [`/s/${ID}/x`, { page: 'unknown' }],
  ['//evil.example', { page: 'unknown' }],
  ['/\\evil.example', { page: 'unknown' }],
  ['/https:evil.example', { page: 'unknown' }],
  ['/constructor', { page: 'unknown' }],
] as const)('S37: %s is the page %o', (path, route) => {
  expect(routeOf(path)).toEqual(route);
});

test('a route and its path name each other', () => {
  for (const route of [{ page: 'list' }, { page: 'new' }, { page: 'pair' }, { page: 'session', id: ID }] as const) {
    expect(routeOf(pathOf(route))).toEqual(route);
  }
});

let dispose: () => void;
let router: Router;
beforeEach(() => {
  history.replaceState(null, '', '/');
  [router, dispose] = createRoot((end) => [createRouter(), end]);
});
afterEach(() => dispose());

const popped = (): Promise<void> => new Promise((resolve) => window.addEventListener('popstate', () => resolve(), { once: true }));

test('back from a session that was opened from the list returns to the list', async () => {
  router.go({ page: 'session', id: ID });
  expect(location.pathname).toBe(`/s/${ID}`);
  const done = popped();
  router.back();
  await done;
  expect(router.route()).toEqual({ page: 'list' });
});

test('back from a session that was opened by its address goes to the list without leaving the app', () => {
  router.go({ page: 'session', id: ID }, { replace: true });
  router.back();
  expect(router.route()).toEqual({ page: 'list' });
  expect(location.pathname).toBe('/');
});
