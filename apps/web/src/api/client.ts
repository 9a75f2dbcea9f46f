// Owns the typed client of this page. One per page, made by connection.ts.
import { createClient } from '@cotg/api/client';
import type { Client, ConnectionState } from '@cotg/api/client';

/** The server is where the page came from: no address is ever taken from a link. */
export function openClient(onState: (state: ConnectionState) => void, onRoundTrip: (ms: number) => void): Client {
  return createClient({ url: location.origin, onState, onRoundTrip, whenSeen });
}

/** A page in a pocket tries nothing: it costs the battery, and nobody reads what comes. */
function whenSeen(open: () => void): () => void {
  if (document.visibilityState === 'visible') {
    open();
    return () => undefined;
  }
  const shown = new AbortController();
  document.addEventListener(
    'visibilitychange',
    () => {
      if (document.visibilityState !== 'visible') return;
      shown.abort();
      open();
    },
    { signal: shown.signal },
  );
  return () => shown.abort();
}
