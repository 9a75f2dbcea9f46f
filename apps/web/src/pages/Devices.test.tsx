import type { Client, Device } from '@cotg/api/client';
import { render } from 'solid-js/web';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ConnectionProvider } from '../api/connection.ts';
import type { Connection } from '../api/connection.ts';
import { createRouter, RouterProvider } from '../ui/router.ts';
import { ToastProvider } from '../ui/toasts.tsx';
import { Devices } from './Devices.tsx';

let dispose: (() => void) | undefined;
beforeEach(() => {
  vi.stubGlobal('matchMedia', () => Object.assign(new EventTarget(), { matches: false }));
});
afterEach(() => {
  dispose?.();
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});

test('a device that nobody has used yet is shown as such, with when it was let in', async () => {
  const ago = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();
  const device = (id: string, lastSeenAt: string | null, connections: number): Device => ({
    id,
    name: id,
    role: 'type',
    createdAt: ago(5),
    lastSeenAt,
    signedOutAt: null,
    isThis: false,
    connections,
  });
  const list = [device('lost', null, 0), device('used', ago(3), 0), device('here', ago(3), 1)];
  const api = {
    device: { me: { query: () => Promise.resolve({ role: 'admin', device: null }) }, list: { query: () => Promise.resolve(list) } },
  };
  const connection: Connection = {
    client: { api } as unknown as Client,
    state: () => 'live',
    banner: () => undefined,
    mayType: () => true,
    retryNow: () => undefined,
  };
  dispose = render(
    () => (
      <ToastProvider>
        <RouterProvider value={createRouter()}>
          <ConnectionProvider value={connection}>
            <Devices />
          </ConnectionProvider>
        </RouterProvider>
      </ToastProvider>
    ),
    document.body,
  );
  const words = (): (string | null)[] => [...document.querySelectorAll('.device-seen')].map(({ textContent }) => textContent);
  await vi.waitFor(() => expect(words()).toEqual(['never used, let in 5 min ago', 'last seen 3 min ago', 'connected now']));
});
