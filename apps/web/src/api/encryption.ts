// Owns whether others on the network can read along: from the page's own address, and from what the server says about itself.
import { createEffect, createSignal } from 'solid-js';
import type { Accessor } from 'solid-js';
import type { Connection } from './connection.ts';

/** Names that never leave this computer. */
const OWN_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

export function isOpenToTheNetwork(address: { readonly protocol: string; readonly hostname: string }, serverIsInsecure: boolean): boolean {
  if (address.protocol === 'https:') return false;
  return serverIsInsecure || !OWN_NAMES.has(address.hostname);
}

/** The server's word, at each connection anew: it may have been started again with other settings. False until it is there. */
export function createServerIsInsecure({ client, state }: Connection): Accessor<boolean> {
  const [isInsecure, setInsecure] = createSignal(false);
  createEffect(() => {
    if (state() !== 'live') return;
    client.api.system.status
      .query()
      .then(({ server }) => setInsecure(server.isInsecure))
      .catch(() => undefined); // The connection went while it was asked: the next one asks again.
  });
  return isInsecure;
}
