// Owns the list of sessions as the page sees it: what `session.watch` says, in an order that does not jump.
import { errorCodeOf } from '@cotg/api/client';
import type { Client, Session, SessionListEvent } from '@cotg/api/client';
import { createSignal, onCleanup } from 'solid-js';
import type { Accessor } from 'solid-js';
import { createStore, reconcile } from 'solid-js/store';

const RETRY_MS = 1000;

export interface SessionList {
  readonly sessions: readonly Session[];
  readonly isLoaded: Accessor<boolean>;
  /** Why the list cannot be shown; undefined while it can, or is being fetched. */
  readonly failure: Accessor<string | undefined>;
}

/** The list after an event. A changed session keeps its place, a new one comes first: nothing moves under a finger. */
export function applyListEvent(sessions: readonly Session[], event: SessionListEvent): readonly Session[] {
  switch (event.type) {
    case 'list':
      return event.sessions;
    case 'session': {
      const { session } = event;
      return sessions.some(({ id }) => id === session.id)
        ? sessions.map((other) => (other.id === session.id ? session : other))
        : [session, ...sessions];
    }
    default:
      return sessions.filter(({ id }) => id !== event.sessionId);
  }
}

/** Lives as long as the component that makes it. */
export function createSessionList(client: Client): SessionList {
  const [store, setStore] = createStore<{ sessions: readonly Session[] }>({ sessions: [] });
  const [isLoaded, setLoaded] = createSignal(false);
  const [failure, setFailure] = createSignal<string>();
  let subscription: { unsubscribe(): void } | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const retry = (error: unknown): void => {
    if (errorCodeOf(error) !== undefined) setFailure(error instanceof Error ? error.message : undefined);
    clearTimeout(timer);
    timer = setTimeout(subscribe, RETRY_MS);
  };
  function subscribe(): void {
    subscription?.unsubscribe();
    subscription = client.api.session.watch.subscribe(undefined, {
      onData: ({ data }) => {
        setFailure(undefined);
        setStore('sessions', reconcile([...applyListEvent(store.sessions, data)], { key: 'id' }));
        setLoaded(true);
      },
      onError: retry,
      onStopped: () => retry(undefined),
    });
  }
  subscribe();
  onCleanup(() => {
    clearTimeout(timer);
    subscription?.unsubscribe();
  });

  return {
    get sessions() {
      return store.sessions;
    },
    isLoaded,
    failure,
  };
}
