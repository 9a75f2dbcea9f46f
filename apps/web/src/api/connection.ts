// Owns the connection as the page sees it: one client, one signal, and what makes a phone connect anew.
import type { Client, ConnectionState } from '@cotg/api/client';
import { createContext, createEffect, createMemo, createSignal, onCleanup, useContext } from 'solid-js';
import type { Accessor } from 'solid-js';
import { openClient } from './client.ts';
import { watchResume } from './resume-triggers.ts';

/** Reconnecting is not mentioned before this: most cuts are over by then. */
const BANNER_AFTER_MS = 400;
/** How long an answer may take when the connection is in doubt. */
const PROBE_TIMEOUT_MS = 1500;

export type LinkState = 'connecting' | 'live' | 'reconnecting' | 'offline' | 'signed-out';

export interface Connection {
  readonly client: Client;
  readonly state: Accessor<LinkState>;
  /** What to tell the person; undefined while all is well or may soon be. */
  readonly banner: Accessor<string | undefined>;
  retryNow(): void;
}

const ConnectionContext = createContext<Connection>();
export const ConnectionProvider = ConnectionContext.Provider;

export function useConnection(): Connection {
  const connection = useContext(ConnectionContext);
  if (!connection) throw new Error('No connection is provided here.');
  return connection;
}

/** Lives as long as the component that makes it. */
export function createConnection(): Connection {
  const [link, setLink] = createSignal<ConnectionState>('connecting');
  const [isOnline, setOnline] = createSignal(navigator.onLine);
  const client = openClient(setLink);

  const state = createMemo<LinkState>(() => {
    const current = link();
    if (current === 'live' || current === 'signed-out') return current;
    if (!isOnline()) return 'offline';
    return current === 'connecting' ? 'connecting' : 'reconnecting';
  });

  const reconnect = (reason: string): void => {
    if (client.state() !== 'signed-out') client.reconnect(reason);
  };
  const doubt = (reason: string): void => {
    if (client.state() !== 'live') {
      reconnect(reason);
      return;
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('no answer in time')), PROBE_TIMEOUT_MS);
    });
    Promise.race([client.api.system.status.query(), tooLate])
      .catch(() => reconnect(reason))
      .finally(() => clearTimeout(timer));
  };

  const ending = new AbortController();
  window.addEventListener('online', () => setOnline(true), { signal: ending.signal });
  window.addEventListener('offline', () => setOnline(false), { signal: ending.signal });
  const stopWatching = watchResume({ onStale: reconnect, onDoubt: doubt });
  onCleanup(() => {
    ending.abort();
    stopWatching();
    client.close().catch(() => undefined); // The page leaves: nobody waits for how the socket ends.
  });

  return { client, state, banner: createBanner(state), retryNow: () => reconnect('asked for') };
}

export function createBanner(state: Accessor<LinkState>): Accessor<string | undefined> {
  const [isLate, setLate] = createSignal(false);
  const isDown = createMemo(() => state() !== 'live' && state() !== 'signed-out');
  createEffect(() => {
    setLate(false);
    if (!isDown()) return;
    const timer = setTimeout(() => setLate(true), BANNER_AFTER_MS);
    onCleanup(() => clearTimeout(timer));
  });
  return createMemo(() => {
    if (!isLate()) return undefined;
    switch (state()) {
      case 'connecting':
        return 'Connecting…';
      case 'reconnecting':
        return 'Reconnecting…';
      case 'offline':
        return 'No network';
      default:
        return undefined;
    }
  });
}
