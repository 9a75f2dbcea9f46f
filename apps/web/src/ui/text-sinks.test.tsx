// What is said to the person beside lists and terminals: short words, questions, names of devices. In none of them text becomes anything else.
import type { Client, Device } from '@cotg/api/client';
import type { JSX } from 'solid-js';
import { createSignal } from 'solid-js';
import { render } from 'solid-js/web';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { XSS_STRINGS } from '../../../../testing/xss-strings.ts';
import { ConnectionProvider } from '../api/connection.ts';
import type { Connection } from '../api/connection.ts';
import { Devices } from '../pages/Devices.tsx';
import { ConfirmDialog } from './ConfirmDialog.tsx';
import type { Question } from './ConfirmDialog.tsx';
import { createRouter, RouterProvider } from './router.ts';
import { ToastProvider, useToasts } from './toasts.tsx';
import type { Toasts } from './toasts.tsx';

let dispose: (() => void) | undefined;
beforeEach(() => {
  vi.stubGlobal('matchMedia', () => Object.assign(new EventTarget(), { matches: false }));
  // The simulated browser draws no dialogs.
  HTMLDialogElement.prototype.showModal = () => undefined;
});
afterEach(() => {
  dispose?.();
  vi.unstubAllGlobals();
  document.body.replaceChildren();
  expect(Reflect.get(window, 'cotgHit')).toBeUndefined();
});

function open(view: () => JSX.Element): void {
  const root = document.createElement('div');
  document.body.append(root);
  dispose = render(view, root);
}

const elements = (): number => document.querySelectorAll('*').length;

test('S39: short words to the person (errors, notices) are text', () => {
  let toasts: Toasts | undefined;
  const Take = (): JSX.Element => {
    toasts = useToasts();
    return null;
  };
  open(() => (
    <ToastProvider>
      <Take />
    </ToastProvider>
  ));
  toasts?.show('plain');
  const before = elements();
  for (const text of XSS_STRINGS) {
    toasts?.show(text);
    expect(document.querySelector('[data-testid=toast]')?.textContent).toBe(text);
    expect(elements()).toBe(before);
  }
});

test('S39: a question about a session, a device or a link is text', () => {
  const [question, setQuestion] = createSignal<Question>();
  open(() => <ConfirmDialog question={question()} onClose={() => undefined} />);
  const before = elements();
  for (const text of XSS_STRINGS) {
    setQuestion({ title: text, text, yes: text, no: text, onYes: () => undefined });
    expect(document.querySelector('dialog h2')?.textContent).toBe(text);
    expect(document.querySelector('dialog p')?.textContent).toBe(text);
    expect(elements()).toBe(before);
  }
});

test('S39: the name of a device is text', async () => {
  const device = (name: string, n: number): Device =>
    ({
      id: `0b2f6a3e-0000-4000-8000-${String(n).padStart(12, '0')}`,
      name,
      role: 'type',
      createdAt: '2026-01-01T00:00:00Z',
      lastSeenAt: '2026-01-01T00:00:00Z',
      isThis: false,
      connections: 0,
    }) as Device;
  const counts: number[] = [];
  for (const names of [XSS_STRINGS.map(() => 'plain'), XSS_STRINGS]) {
    const list = names.map(device);
    const api = {
      device: {
        me: { query: () => Promise.resolve({ role: 'admin', device: null }) },
        list: { query: () => Promise.resolve(list) },
      },
    };
    const client = { api } as unknown as Client;
    const connection: Connection = { client, state: () => 'live', banner: () => undefined, mayType: () => true, retryNow: () => undefined };
    open(() => {
      const router = createRouter();
      return (
        <ToastProvider>
          <RouterProvider value={router}>
            <ConnectionProvider value={connection}>
              <Devices />
            </ConnectionProvider>
          </RouterProvider>
        </ToastProvider>
      );
    });
    await vi.waitFor(() => expect(document.querySelectorAll('[data-testid=device-card]')).toHaveLength(list.length));
    counts.push(elements());
    dispose?.();
    document.body.replaceChildren();
  }
  expect(counts[1]).toBe(counts[0]);
});
