// Owns the typed client of this page. One per page, made by connection.ts.
import { createClient } from '@cotg/api/client';
import type { Client, ConnectionState } from '@cotg/api/client';

/** The server is where the page came from: no address is ever taken from a link. */
export function openClient(onState: (state: ConnectionState) => void, onRoundTrip: (ms: number) => void): Client {
  return createClient({ url: location.origin, onState, onRoundTrip });
}
