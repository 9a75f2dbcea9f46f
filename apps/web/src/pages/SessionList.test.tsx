import type { Client, Session, SessionListEvent } from '@cotg/api/client';
import { render } from 'solid-js/web';
import { afterEach, expect, test, vi } from 'vitest';
import { ConnectionProvider } from '../api/connection.ts';
import type { Connection } from '../api/connection.ts';
import { createRouter, RouterProvider } from '../ui/router.ts';
import { ToastProvider } from '../ui/toasts.tsx';
import { SessionList } from './SessionList.tsx';

const NASTY = [
  '<script>document.body.dataset.hit=1</script>',
  '<img src=x onerror="document.body.dataset.hit=1">',
  '"><svg onload=document.body.dataset.hit=1>',
  '</p><iframe srcdoc="<script>1</script>">',
  '<template><b>x</b></template>',
  '{{constructor.constructor("x")()}}',
  '${alert(1)}',
  '<a href="javascript:alert(1)">x</a>',
  '<style>*{display:none}</style>',
  '&lt;b&gt;',
  '\u202Eevil\u2066',
];

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
  ...change,
});

let dispose: (() => void) | undefined;
afterEach(() => {
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
  const connection: Connection = { client, state: () => 'live', banner: () => undefined, retryNow: () => undefined };
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

test('whatever a session is called, its name is text', () => {
  const { send } = open();
  send({ type: 'list', sessions: [] });
  const elements = document.querySelectorAll('*').length;
  send({ type: 'list', sessions: [session(1, { title: 'plain', command: ['plain'], cwd: 'plain' })] });
  const withOne = document.querySelectorAll('*').length;
  expect(withOne).toBeGreaterThan(elements);
  for (const text of NASTY) {
    send({ type: 'list', sessions: [session(1, { title: text, command: [text], cwd: text })] });
    expect(titles()).toEqual([text]);
    expect(document.querySelectorAll('*').length).toBe(withOne);
  }
  expect(document.body.dataset['hit']).toBeUndefined();
});

test('leaving the page ends the subscription', () => {
  const { unsubscribe } = open();
  dispose?.();
  dispose = undefined;
  expect(unsubscribe).toHaveBeenCalled();
});
