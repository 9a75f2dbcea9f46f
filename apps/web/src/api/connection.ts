// Owns the connection as the page sees it: one client, one signal, and what makes a phone connect anew.
import { errorCodeOf } from '@cotg/api/client';
import type { Client, ConnectionState } from '@cotg/api/client';
import { createContext, createEffect, createMemo, createSignal, onCleanup, untrack, useContext } from 'solid-js';
import type { Accessor } from 'solid-js';
import { openClient } from './client.ts';
import { watchResume } from './resume-triggers.ts';

/** Reconnecting is not mentioned before this: most cuts are over by then. */
const BANNER_AFTER_MS = 400;
/** From then on it says for how long; and after this long that the computer does not answer (ms). */
const ELAPSED_AFTER_MS = 3000;
const UNREACHABLE_AFTER_MS = 15_000;
/** A link on which an answer takes longer is said to be slow (ms). */
const SLOW_MS = 800;
const SECOND_MS = 1000;
/** How long an answer may take when the connection is in doubt, or twice what it last took (ms). */
const PROBE_TIMEOUT_MS = 1500;
const MAX_PROBE_TIMEOUT_MS = 6000;

export type LinkState = 'connecting' | 'live' | 'reconnecting' | 'offline' | 'signed-out';

export interface Connection {
  readonly client: Client;
  readonly state: Accessor<LinkState>;
  /** What to tell the person; undefined while all is well or may soon be. */
  readonly banner: Accessor<string | undefined>;
  /** Whether this device may do more than look; true until the server says otherwise. */
  readonly mayType: Accessor<boolean>;
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
  const [roundTripMs, setRoundTrip] = createSignal(0);
  const client = openClient(setLink, setRoundTrip);

  const state = createMemo<LinkState>(() => {
    const current = link();
    if (current === 'live' || current === 'signed-out') return current;
    if (!isOnline()) return 'offline';
    return current === 'connecting' ? 'connecting' : 'reconnecting';
  });

  const [mayType, setMayType] = createSignal(true);
  // With each connection: rights that change cut it.
  createEffect(() => {
    if (link() !== 'live') return;
    client.api.device.me.query().then(
      ({ role }) => setMayType(role !== 'watch'),
      () => undefined, // The next connection asks again; the server refuses anyway.
    );
  });

  const reconnect = (reason: string): void => {
    if (client.state() !== 'signed-out') client.reconnect(reason);
  };
  const doubt = (reason: string): void => {
    if (client.state() !== 'live') {
      reconnect(reason);
      return;
    }
    const limitMs = Math.min(MAX_PROBE_TIMEOUT_MS, Math.max(PROBE_TIMEOUT_MS, 2 * untrack(roundTripMs)));
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('no answer in time')), limitMs);
    });
    Promise.race([client.api.system.status.query(), tooLate])
      // A coded refusal is an answer, too: the connection is well.
      .catch((error: unknown) => errorCodeOf(error) === undefined && reconnect(reason))
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

  return { client, state, banner: createBanner(state, roundTripMs), mayType, retryNow: () => reconnect('asked for') };
}

/** One line for all states; `host`: what the person calls the computer. */
export function createBanner(
  state: Accessor<LinkState>,
  roundTripMs: Accessor<number>,
  host: string = location.hostname,
): Accessor<string | undefined> {
  /** Since it is down (ms), looked at each second. */
  const [downMs, setDownMs] = createSignal(0);
  const isDown = createMemo(() => state() !== 'live' && state() !== 'signed-out');
  /** Undefined when it never was. */
  let lastSeen: Date | undefined;
  createEffect(() => {
    setDownMs(0);
    if (!isDown()) {
      onCleanup(() => {
        lastSeen = new Date();
      });
      return;
    }
    const since = Date.now();
    const look = (): void => void setDownMs(Date.now() - since);
    const first = setTimeout(look, BANNER_AFTER_MS);
    const further = setInterval(look, SECOND_MS);
    onCleanup(() => {
      clearTimeout(first);
      clearInterval(further);
    });
  });
  const elapsed = (): string => (downMs() >= ELAPSED_AFTER_MS ? ` ${Math.floor(downMs() / SECOND_MS)} s` : '');
  return createMemo(() => {
    if (state() === 'live') return roundTripMs() > SLOW_MS ? `Slow ${(roundTripMs() / SECOND_MS).toFixed(1)} s` : undefined;
    if (downMs() < BANNER_AFTER_MS) return undefined;
    switch (state()) {
      case 'connecting':
        return 'Connecting…';
      case 'reconnecting':
        if (downMs() < UNREACHABLE_AFTER_MS || lastSeen === undefined) return `Reconnecting…${elapsed()}`;
        return `${host} is not answering. Last seen ${lastSeen.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })}.`;
      case 'offline':
        return 'No internet. Showing what was last received.';
      default:
        return undefined;
    }
  });
}
