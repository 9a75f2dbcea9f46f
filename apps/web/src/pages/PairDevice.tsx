// Owns `/pair#CODE`: this device becomes known to the server. The code leaves the address at once: histories are kept and shared.
// Unless the computer has said beforehand that it may, this device waits with a number that both sides compare.
import { createSignal, Match, onCleanup, onMount, Show, Switch } from 'solid-js';
import type { JSX } from 'solid-js';
import { awaitDecision, codeInHash, deviceName, redeemCode } from '../api/pair.ts';
import type { PairResult } from '../api/pair.ts';
import { useRouter } from '../ui/router.ts';

/** A code to type is XXXX-XXXX; a link's own secret may be typed too. */
const TYPED_CODE = /^([0-9A-Z]{4})([0-9A-Z]{1,4})$/;

export function PairDevice(): JSX.Element {
  const router = useRouter();
  const [isBusy, setBusy] = createSignal(false);
  const [match, setMatch] = createSignal<string>();
  const [failure, setFailure] = createSignal<string>();
  const [typed, setTyped] = createSignal('');
  const [name, setName] = createSignal(deviceName(navigator.userAgent));
  const leaving = new AbortController();
  onCleanup(() => leaving.abort());

  const code = codeInHash(location.hash);
  if (location.hash !== '') history.replaceState(history.state, '', location.pathname);

  const settle = (result: PairResult): void => {
    if (leaving.signal.aborted) return;
    setMatch(undefined);
    setBusy(false);
    if (result.kind === 'paired') router.go({ page: 'list' }, { replace: true });
    else if (result.kind === 'refused') setFailure(result.text);
  };
  const redeem = async (secret: string): Promise<void> => {
    setBusy(true);
    setFailure(undefined);
    const result = await redeemCode(secret, name().trim());
    if (result.kind !== 'waiting') return settle(result);
    setMatch(result.match);
    settle(await awaitDecision(result.request, leaving.signal));
  };
  onMount(() => {
    if (code !== undefined) void redeem(code);
  });

  return (
    <main class="page centered" data-testid="pair">
      <h1>Connect this device</h1>
      <Switch>
        <Match when={match()}>
          {(digits) => (
            <div class="stack" role="status" data-testid="pair-waiting">
              <p class="muted">
                Your computer, or the device that made the code, now asks whether this one may come in. It must show the same number:
              </p>
              <p class="match" data-testid="pair-match">
                {digits()}
              </p>
              <p class="hint">Another number there? Say no: somebody else has your code.</p>
            </div>
          )}
        </Match>
        <Match when={isBusy()}>
          <p class="muted" role="status">
            Connecting…
          </p>
        </Match>
        <Match when={true}>
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
                class="code-field"
                placeholder="XXXX-XXXX"
                autocomplete="one-time-code"
                autocapitalize="characters"
                autocorrect="off"
                spellcheck={false}
                value={typed()}
                onInput={(event) => setTyped(withDash(event.currentTarget, typed()))}
              />
            </label>
            <label class="field">
              <span>Name of this device</span>
              <input
                type="text"
                name="name"
                maxLength={64}
                autocomplete="off"
                value={name()}
                onInput={(event) => setName(event.currentTarget.value)}
              />
            </label>
            <button type="submit" class="button primary wide" disabled={typed().trim() === ''}>
              Connect
            </button>
          </form>
          <p class="hint">
            No code? Run <code>./cotg pair</code> on your computer.
          </p>
        </Match>
      </Switch>
    </main>
  );
}

/** Puts the dash in as a code is typed, not while it is taken back. */
function withDash(field: HTMLInputElement, before: string): string {
  const { value } = field;
  const parts = value.length > before.length ? TYPED_CODE.exec(value.toUpperCase()) : null;
  if (parts) field.value = `${parts[1]}-${parts[2]}`;
  return field.value;
}
