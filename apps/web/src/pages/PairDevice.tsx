// Owns `/pair#CODE`: this device becomes known to the server. The code leaves the address at once: histories are kept and shared.
import { createSignal, onMount, Show } from 'solid-js';
import type { JSX } from 'solid-js';
import { codeInHash, deviceName, redeemCode } from '../api/pair.ts';
import { useRouter } from '../ui/router.ts';

export function PairDevice(): JSX.Element {
  const router = useRouter();
  const [isBusy, setBusy] = createSignal(false);
  const [failure, setFailure] = createSignal<string>();
  const [typed, setTyped] = createSignal('');

  const code = codeInHash(location.hash);
  if (location.hash !== '') history.replaceState(history.state, '', location.pathname);

  const redeem = async (secret: string): Promise<void> => {
    setBusy(true);
    setFailure(undefined);
    const result = await redeemCode(secret, deviceName(navigator.userAgent));
    setBusy(false);
    if (result.kind === 'paired') router.go({ page: 'list' }, { replace: true });
    else setFailure(result.text);
  };
  onMount(() => {
    if (code !== undefined) void redeem(code);
  });

  return (
    <main class="page centered" data-testid="pair">
      <h1>Connect this device</h1>
      <Show
        when={!isBusy()}
        fallback={
          <p class="muted" role="status">
            Connecting…
          </p>
        }
      >
        <Show when={failure()} fallback={<p class="muted">Type the code that your computer shows.</p>}>
          {(text) => (
            <p class="error-text" role="alert" data-testid="pair-error">
              {text()}
            </p>
          )}
        </Show>
        <form
          class="stack"
          onSubmit={(event) => {
            event.preventDefault();
            const secret = typed().trim();
            if (secret !== '') void redeem(secret);
          }}
        >
          <label class="field">
            <span>Code</span>
            <input
              type="text"
              name="code"
              autocomplete="one-time-code"
              autocapitalize="off"
              spellcheck={false}
              value={typed()}
              onInput={(event) => setTyped(event.currentTarget.value)}
            />
          </label>
          <button type="submit" class="button primary wide" disabled={typed().trim() === ''}>
            Connect
          </button>
        </form>
        <p class="hint">
          No code? Run <code>./cotg pair</code> on your computer.
        </p>
      </Show>
    </main>
  );
}
