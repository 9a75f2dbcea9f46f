import { createRoot, createSignal } from 'solid-js';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createBanner } from './connection.ts';
import type { LinkState } from './connection.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function setUp() {
  return createRoot((dispose) => {
    const [state, setState] = createSignal<LinkState>('live');
    return { banner: createBanner(state), setState, dispose };
  });
}

test('a cut that is over within 400 ms is never mentioned', () => {
  const { banner, setState, dispose } = setUp();
  setState('reconnecting');
  vi.advanceTimersByTime(399);
  expect(banner()).toBeUndefined();
  setState('live');
  vi.advanceTimersByTime(1000);
  expect(banner()).toBeUndefined();
  dispose();
});

test('a longer cut is, until it is over', () => {
  const { banner, setState, dispose } = setUp();
  setState('reconnecting');
  vi.advanceTimersByTime(400);
  expect(banner()).toBe('Reconnecting…');
  setState('offline');
  expect(banner()).toBe('No network');
  setState('live');
  expect(banner()).toBeUndefined();
  dispose();
});

test('a second cut gets its own 400 ms', () => {
  const { banner, setState, dispose } = setUp();
  setState('reconnecting');
  vi.advanceTimersByTime(500);
  setState('live');
  setState('reconnecting');
  expect(banner()).toBeUndefined();
  vi.advanceTimersByTime(400);
  expect(banner()).toBe('Reconnecting…');
  dispose();
});

test('being signed out is a page of its own, not a banner', () => {
  const { banner, setState, dispose } = setUp();
  setState('reconnecting');
  vi.advanceTimersByTime(500);
  setState('signed-out');
  expect(banner()).toBeUndefined();
  dispose();
});
