import type { Client, Session, SessionListEvent } from '@cotg/api/client';
import { render } from 'solid-js/web';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ConnectionProvider } from '../api/connection.ts';
import type { Connection } from '../api/connection.ts';
import { createRouter, RouterProvider } from '../ui/router.ts';
import { ToastProvider } from '../ui/toasts.tsx';
import { XSS_STRINGS } from '../../../../testing/xss-strings.ts';
import { SessionList } from './SessionList.tsx';

const NASTY = [...XSS_STRINGS, '\u202Eevil\u2066'];

const session = (n: number, change: Partial<Session> = {}): Session => ({
  id: `0b2f6a3e-0000-4000-8000-${String(n).padStart(12, '0')}`,
  name: null,
  title: `title ${n}`,
  profile: null,
  command: ['bash'],
  cwd: '/home/ann',
  run: 1,
  pid: 1,
  state: 'running',
  alive: true,
  reason: null,
  exitCode: null,
  signal: null,
  cols: 80,
  rows: 24,
  createdAt: '2026-01-01T00:00:00Z',
  lastActivityAt: '2026-01-01T00:00:00Z',
  endedAt: null,
  idleEndsAt: null,
  removedAt: null,
  firstOffset: 0,
  endOffset: 0,
  storedBytes: 0,
  maxHistoryBytes: 1,
  viewers: 0,
  attention: false,
  pinned: false,
  forecast: null,
  ...change,
});

let dispose: (() => void) | undefined;
beforeEach(() => {
  vi.stubGlobal('matchMedia', () => Object.assign(new EventTarget(), { matches: false }));
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
  dispose?.();
  document.body.replaceChildren();
});

function open(): { send: (event: SessionListEvent) => void; unsubscribe: () => void } {
  let onData: ((value: { id: string; data: SessionListEvent }) => void) | undefined;
  const unsubscribe = vi.fn();
  const watch = {
    subscribe: (_input: undefined, handlers: { onData: typeof onData }) => {
      onData = handlers.onData;
      return { unsubscribe };
    },
  };
  const client = { api: { session: { watch } } } as unknown as Client;
  const connection: Connection = { client, state: () => 'live', banner: () => undefined, mayType: () => true, retryNow: () => undefined };
  const root = document.createElement('div');
  document.body.append(root);
  dispose = render(() => {
    const router = createRouter();
    return (
      <ToastProvider>
        <RouterProvider value={router}>
          <ConnectionProvider value={connection}>
            <SessionList onMounted={() => undefined} />
          </ConnectionProvider>
        </RouterProvider>
      </ToastProvider>
    );
  }, root);
  return { send: (data) => onData?.({ id: '1', data }), unsubscribe };
}

const titles = (): (string | null)[] => Array.from(document.querySelectorAll('.card-title'), ({ textContent }) => textContent);

test('before the first list there are shapes, then cards, or a word that there are none', () => {
  const { send } = open();
  expect(document.querySelectorAll('.skeleton').length).toBeGreaterThan(0);
  send({ type: 'list', sessions: [] });
  expect(document.querySelector('[data-testid=empty]')).not.toBeNull();
  send({ type: 'session', session: session(1) });
  expect(titles()).toEqual(['title 1']);
});

test('an ended session moves below the living ones and can be removed, not ended', () => {
  const { send } = open();
  send({ type: 'list', sessions: [session(1), session(2)] });
  send({ type: 'session', session: session(1, { alive: false, state: 'exited', exitCode: 3, reason: 'exit' }) });
  expect(titles()).toEqual(['title 2', 'title 1']);
  const ended = document.querySelector('[data-state=exited]');
  expect(ended?.textContent).toContain('Failed (3)');
  expect(ended?.querySelector('[data-testid=remove-session]')).not.toBeNull();
  expect(ended?.querySelector('[data-testid=end-session]')).toBeNull();
});

test('S39: whatever a session is called, its name is text', () => {
  expect(new Set(NASTY).size).toBeGreaterThan(200);
  const { send } = open();
  send({ type: 'list', sessions: [] });
  const elements = document.querySelectorAll('*').length;
  send({ type: 'list', sessions: [session(1, { title: 'plain', command: ['plain'], cwd: 'plain' })] });
  const withOne = document.querySelectorAll('*').length;
  expect(withOne).toBeGreaterThan(elements);
  for (const text of NASTY) {
    send({ type: 'list', sessions: [session(1, { name: text, title: text, command: [text], cwd: text, profile: text })] });
    expect(titles()).toEqual([text]);
    expect(document.querySelectorAll('*').length).toBe(withOne);
  }
  expect(Reflect.get(window, 'cotgHit')).toBeUndefined();
});

const previewOf = (n: number): Element | null => document.querySelector(`[data-session="${session(n).id}"] [data-testid=preview]`);
const preview = (n: number, ...lines: string[]): SessionListEvent => ({ type: 'preview', sessionId: session(n).id, lines });

test('a card shows the last two lines of the screen in their colours, and new ones in their place', () => {
  const { send } = open();
  send({ type: 'list', sessions: [session(1), session(2)] });
  expect(previewOf(1)?.textContent).toBe('');
  send(preview(1, 'first', '\u001b[31msecond\u001b[0m ok', '\u001b[1;38;2;255;250;240mthird\u001b[0m'));
  const lines = Array.from(previewOf(1)?.children ?? []);
  expect(lines.map(({ textContent }) => textContent)).toEqual(['second ok', 'third']);
  expect(lines[0]?.children[0]?.getAttribute('style')).toMatch(/color: rgb\(240, 113, 120\)/);
  expect(lines[1]?.children[0]?.getAttribute('style')).toMatch(/color: rgb\(255, 250, 240\); font-weight: bold/);
  expect(previewOf(2)?.textContent).toBe('');
  send(preview(1, 'other'));
  expect(previewOf(1)?.textContent).toBe('other');
  expect(titles()).toEqual(['title 1', 'title 2']);
});

test('S39: whatever stands on a screen, its preview is text', () => {
  const { send } = open();
  send({ type: 'list', sessions: [session(1)] });
  send(preview(1, 'plain'));
  const elements = document.querySelectorAll('*').length;
  for (const text of [...NASTY, '\u001b]8;;javascript:alert(1)\u001b\\x', '\u001b[31x', '\u001b[2J', '\u009b31m', '\u0000\r\n']) {
    send(preview(1, text));
    expect(document.querySelectorAll('*').length).toBeLessThanOrEqual(elements);
    expect(previewOf(1)?.textContent).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
  }
  send(preview(1, '<script>x</script>'));
  expect(previewOf(1)?.textContent).toBe('<script>x</script>');
  expect(Reflect.get(window, 'cotgHit')).toBeUndefined();
});

test('a session that is removed takes its preview with it, and one that comes back has none', () => {
  const { send } = open();
  send({ type: 'list', sessions: [session(1)] });
  send(preview(1, 'old'));
  send({ type: 'removed', sessionId: session(1).id });
  expect(document.querySelectorAll('[data-testid=preview]')).toHaveLength(0);
  send({ type: 'session', session: session(1) });
  expect(previewOf(1)?.textContent).toBe('');
  send(preview(1, 'new'));
  send({ type: 'list', sessions: [session(1), session(2)] });
  expect(previewOf(1)?.textContent).toBe('new');
});

test('a session that needs the person says so and comes first, until it does not', () => {
  const { send } = open();
  send({ type: 'list', sessions: [session(1), session(2), session(3)] });
  send({ type: 'session', session: session(3, { attention: true }) });
  expect(titles()).toEqual(['title 3', 'title 1', 'title 2']);
  expect(document.querySelector('[data-attention]')?.textContent).toContain('▲Needs you');
  send({ type: 'session', session: session(3) });
  expect(titles()).toEqual(['title 1', 'title 2', 'title 3']);
  expect(document.querySelector('[data-attention]')).toBeNull();
});

test('no card moves under a finger', () => {
  vi.useFakeTimers();
  const { send } = open();
  send({ type: 'list', sessions: [session(1), session(2)] });
  window.dispatchEvent(new Event('pointerdown'));
  send({ type: 'session', session: session(2, { attention: true }) });
  expect(titles()).toEqual(['title 1', 'title 2']);
  window.dispatchEvent(new Event('pointerup'));
  expect(titles()).toEqual(['title 1', 'title 2']);
  vi.advanceTimersByTime(1000);
  expect(titles()).toEqual(['title 2', 'title 1']);
});

test('leaving the page ends the subscription', () => {
  const { unsubscribe } = open();
  dispose?.();
  dispose = undefined;
  expect(unsubscribe).toHaveBeenCalled();
});
