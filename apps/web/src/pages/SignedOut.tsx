// Owns the page of a device that the server does not know (any more): how to get in.
import type { JSX } from 'solid-js';
import { useRouter } from '../ui/router.ts';

export function SignedOut(): JSX.Element {
  const router = useRouter();
  return (
    <main class="page centered" data-testid="signed-out">
      <h1>This device is not connected</h1>
      <ol class="steps">
        <li>
          On your computer, in the folder of claude-on-the-go, run <code>./cotg pair</code>
        </li>
        <li>Open the link that it prints on this device, or type its code here</li>
      </ol>
      <button type="button" class="button primary wide" onClick={() => router.go({ page: 'pair' })}>
        Type a code
      </button>
      <p class="hint">Your sessions run on meanwhile.</p>
    </main>
  );
}
