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
    const [roundTripMs, setRoundTripMs] = createSignal(0);
    return { banner: createBanner(state, roundTripMs, 'studio-mac'), setState, setRoundTripMs, dispose };
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
  expect(banner()).toBe('No internet. Showing what was last received.');
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

test('after three seconds it says for how long, and after fifteen who does not answer and since when', () => {
  vi.setSystemTime(new Date(2026, 0, 1, 12, 4));
  const { banner, setState, dispose } = setUp();
  setState('reconnecting');
  vi.advanceTimersByTime(2900);
  expect(banner()).toBe('Reconnecting…');
  vi.advanceTimersByTime(1100);
  expect(banner()).toBe('Reconnecting… 4 s');
  vi.advanceTimersByTime(11_000);
  expect(banner()).toMatch(/^studio-mac is not answering\. Last seen 12:04/);
  setState('live');
  expect(banner()).toBeUndefined();
  dispose();
});

test('a slow link is said to be slow, as long as it is', () => {
  const { banner, setRoundTripMs, dispose } = setUp();
  setRoundTripMs(700);
  expect(banner()).toBeUndefined();
  setRoundTripMs(1234);
  expect(banner()).toBe('Slow 1.2 s');
  setRoundTripMs(100);
  expect(banner()).toBeUndefined();
  dispose();
});
