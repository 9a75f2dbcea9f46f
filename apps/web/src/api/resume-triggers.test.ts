import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { watchResume } from './resume-triggers.ts';

let stale: string[];
let doubt: string[];
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  stale = [];
  doubt = [];
  stop = watchResume({ onStale: (reason) => stale.push(reason), onDoubt: (reason) => doubt.push(reason) });
});
afterEach(() => {
  stop();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

function show(state: DocumentVisibilityState): void {
  vi.spyOn(document, 'visibilityState', 'get').mockReturnValue(state);
  document.dispatchEvent(new Event('visibilitychange'));
}

/** The clock goes on, timers do not: what a frozen page finds when it wakes. */
function sleep(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

test('a page that is awake doubts nothing', () => {
  vi.advanceTimersByTime(600_000);
  expect([stale, doubt]).toEqual([[], []]);
});

test('a page that slept makes a new connection as soon as it wakes', () => {
  sleep(60_000);
  vi.advanceTimersByTime(2000);
  expect(stale).toHaveLength(1);
  vi.advanceTimersByTime(60_000);
  expect(stale).toHaveLength(1);
});

test('slow timers of a hidden page make no connection until it is shown', () => {
  show('hidden');
  sleep(60_000);
  vi.advanceTimersByTime(2000);
  expect(stale).toEqual([]);
  show('visible');
  expect(stale).toHaveLength(1);
});

test('a page that was hidden shortly asks the server', () => {
  show('hidden');
  vi.advanceTimersByTime(1000);
  show('visible');
  expect(stale).toEqual([]);
  expect(doubt).toHaveLength(1);
});

test('the network coming back and a page from memory make a new connection', () => {
  window.dispatchEvent(new Event('online'));
  window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
  window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: false }));
  expect(stale).toHaveLength(2);
});

test('nothing is watched after the end', () => {
  stop();
  window.dispatchEvent(new Event('online'));
  show('visible');
  sleep(60_000);
  vi.advanceTimersByTime(60_000);
  expect([stale, doubt]).toEqual([[], []]);
});
