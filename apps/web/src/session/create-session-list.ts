// Owns the list of sessions as the page sees it: what `session.watch` says, in an order that does not jump.
import { errorCodeOf } from '@cotg/api/client';
import type { Client, Session, SessionListEvent } from '@cotg/api/client';
import { createSignal, onCleanup } from 'solid-js';
import type { Accessor } from 'solid-js';
import { createStore, reconcile } from 'solid-js/store';

const RETRY_MS = 1000;
/** Lines of a preview that are shown. */
const PREVIEW_LINES = 2;
const NO_LINES: readonly string[] = [];

export interface SessionList {
  readonly sessions: readonly Session[];
  /** The last lines on the session's screen, with SGR sequences: at most two, none while nothing is known. */
  preview(sessionId: string): readonly string[];
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
    case 'removed':
      return sessions.filter(({ id }) => id !== event.sessionId);
    // Previews, and events of a newer server.
    default:
      return sessions;
  }
}

/** Lives as long as the component that makes it. */
export function createSessionList(client: Client): SessionList {
  const [store, setStore] = createStore<{ sessions: readonly Session[] }>({ sessions: [] });
  /** By session, so that a new preview draws its own card alone. */
  const [previews, setPreviews] = createStore<Record<string, readonly string[] | undefined>>({});
  const [isLoaded, setLoaded] = createSignal(false);
  const [failure, setFailure] = createSignal<string>();
  let subscription: { unsubscribe(): void } | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const retry = (error: unknown): void => {
    if (errorCodeOf(error) !== undefined) setFailure(error instanceof Error ? error.message : undefined);
    clearTimeout(timer);
    timer = setTimeout(subscribe, RETRY_MS);
  };
  const take = (event: SessionListEvent): void => {
    if (event.type === 'preview') {
      setPreviews(event.sessionId, event.lines.slice(-PREVIEW_LINES));
      return;
    }
    setStore('sessions', reconcile([...applyListEvent(store.sessions, event)], { key: 'id' }));
    setLoaded(true);
    if (event.type === 'session') return;
    const known = new Set(store.sessions.map(({ id }) => id));
    for (const id of Object.keys(previews)) if (!known.has(id)) setPreviews(id, undefined);
  };
  function subscribe(): void {
    subscription?.unsubscribe();
    subscription = client.api.session.watch.subscribe(undefined, {
      onData: ({ data }) => {
        setFailure(undefined);
        take(data);
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
    preview: (sessionId) => previews[sessionId] ?? NO_LINES,
    isLoaded,
    failure,
  };
}
