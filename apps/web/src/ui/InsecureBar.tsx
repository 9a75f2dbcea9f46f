// Owns the line that says that the connection is open to the network. It cannot be closed: it goes when it is no longer true.
import { Show } from 'solid-js';
import type { JSX } from 'solid-js';
import { isOpenToTheNetwork } from '../api/encryption.ts';

export function InsecureBar(props: { readonly serverIsInsecure: boolean }): JSX.Element {
  return (
    <Show when={isOpenToTheNetwork(location, props.serverIsInsecure)}>
      <div class="insecure-bar" role="alert" data-testid="insecure">
        Not encrypted: anyone on this network can read and type
      </div>
    </Show>
  );
}
