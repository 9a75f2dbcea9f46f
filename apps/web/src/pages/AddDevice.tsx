// Owns `/devices/add`: a code to scan or to type that lets one device in, and the number that it then shows.
import type { DeviceRole, PairingLink, PairingStatus } from '@cotg/api/client';
import { create } from 'qrcode';
import { createMemo, createSignal, For, Match, onCleanup, onMount, Show, Switch, untrack } from 'solid-js';
import type { JSX } from 'solid-js';
import { useConnection } from '../api/connection.ts';
import { BackIcon } from '../ui/icons.tsx';
import { useRouter } from '../ui/router.ts';

/** How often it is looked whether a device has come. */
const LOOK_EVERY_MS = 1000;
/** Blank modules around a code; cameras need them. */
const QUIET_ZONE = 4;
const PENDING: ReadonlySet<PairingStatus['state']> = new Set(['open', 'waiting', 'approved']);
const ROLES: readonly { readonly role: DeviceRole; readonly words: string }[] = [
  { role: 'admin', words: 'Everything' },
  { role: 'type', words: 'Look and type' },
  { role: 'watch', words: 'Look' },
];

export function AddDevice(): JSX.Element {
  const { client } = useConnection();
  const router = useRouter();
  const [role, setRole] = createSignal<DeviceRole>('admin');
  const [offer, setOffer] = createSignal<PairingLink>();
  const [status, setStatus] = createSignal<PairingStatus>();
  const [failure, setFailure] = createSignal<string>();

  const fail = (error: unknown): void => void setFailure(error instanceof Error ? error.message : 'That did not work.');
  const start = (): void => {
    setOffer(undefined);
    setStatus(undefined);
    setFailure(undefined);
    client.api.pairing.start.mutate({ role: role() }).then(setOffer, fail);
  };
  const look = async (): Promise<void> => {
    const id = untrack(offer)?.id;
    const state = untrack(status)?.state ?? 'open';
    if (id === undefined || !PENDING.has(state)) return;
    const next = await client.api.pairing.status.query({ id });
    if (id === untrack(offer)?.id) setStatus(next);
  };
  const decide = (isApproved: boolean): void => {
    const id = offer()?.id;
    const match = status()?.match;
    if (id === undefined || match === undefined || match === null) return;
    client.api.pairing.approve.mutate({ id, match, isApproved }).then(setStatus, fail);
  };
  onMount(() => {
    document.title = 'Add a device';
    start();
    // When the connection is away the banner says so, and it is asked again.
    const timer = setInterval(() => void look().catch(() => undefined), LOOK_EVERY_MS);
    onCleanup(() => clearInterval(timer));
  });
  /** The address that the other device opens: the server's own, or this page's when only that leaves this computer. */
  const address = (link: string): URL => {
    const url = new URL(link);
    return isThisComputer(url.hostname) ? new URL(`${url.pathname}${url.hash}`, location.origin) : url;
  };
  const device = (): string => {
    const { name, address } = status() ?? {};
    return `${name === null || name === undefined || name === '' ? 'A device' : `“${name}”`} at ${address ?? 'an unknown address'}`;
  };

  return (
    <main class="page" data-testid="add-device-page" data-state={status()?.state ?? (offer() ? 'open' : 'starting')}>
      <header class="bar">
        <button type="button" class="icon-button" aria-label="Back" data-testid="back" onClick={() => router.back()}>
          <BackIcon />
        </button>
        <h1>Add a device</h1>
      </header>
      <div class="stack padded add-device" aria-live="polite">
        <Show when={failure()}>{(text) => <p class="error-text">{text()}</p>}</Show>
        <Switch>
          <Match when={status()?.state === 'waiting'}>
            <p>{device()} wants to come in. Does it show this number?</p>
            <p class="match" data-testid="match">
              {status()?.match}
            </p>
            <div class="dialog-actions">
              <button type="button" class="button" data-testid="refuse" onClick={() => decide(false)}>
                No
              </button>
              <button type="button" class="button primary" data-testid="approve" onClick={() => decide(true)}>
                Yes, let it in
              </button>
            </div>
          </Match>
          <Match when={status()?.state === 'approved'}>
            <p class="muted">Letting it in…</p>
          </Match>
          <Match when={status()?.state === 'paired'}>
            <p data-testid="added">{device()} is in.</p>
            <button type="button" class="button primary wide" onClick={() => router.back()}>
              Done
            </button>
          </Match>
          <Match when={status()?.state === 'refused' || status()?.state === 'expired'}>
            <p>{status()?.state === 'refused' ? `${device()} was not let in.` : 'The code has expired.'}</p>
            <button type="button" class="button primary wide" data-testid="again" onClick={start}>
              New code
            </button>
          </Match>
          <Match when={offer()}>
            {(link) => (
              <>
                <p class="muted">Scan this with the other device’s camera:</p>
                <QrCode text={address(link().link).href} />
                <p class="muted">
                  or open <strong>{address(link().link).host}/pair</strong> there and type
                </p>
                <p class="pair-code" data-testid="pair-code">
                  {link().code}
                </p>
                <Show when={isThisComputer(address(link().link).hostname)}>
                  <p class="hint" data-testid="only-here">
                    That address leads to this computer only: a phone needs one of the ways that the README names.
                  </p>
                </Show>
                <p class="hint">It works once, within 5 minutes. Then compare a number on both.</p>
                <fieldset class="choices">
                  <legend>It may</legend>
                  <For each={ROLES}>
                    {(choice) => (
                      <label class="choice">
                        <input
                          type="radio"
                          name="role"
                          value={choice.role}
                          checked={role() === choice.role}
                          onChange={() => {
                            setRole(choice.role);
                            start();
                          }}
                        />
                        {choice.words}
                      </label>
                    )}
                  </For>
                </fieldset>
              </>
            )}
          </Match>
        </Switch>
      </div>
    </main>
  );
}

/** Names that lead whoever opens them to the computer in front of them. */
const THIS_COMPUTER: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);
const isThisComputer = (hostname: string): boolean => THIS_COMPUTER.has(hostname);

/** Drawn here: no service learns the code. Dark on white in any theme, as cameras expect. */
function QrCode(props: { readonly text: string }): JSX.Element {
  const modules = createMemo(() => create(props.text, { errorCorrectionLevel: 'M' }).modules);
  const path = createMemo(() => {
    const { data, size } = modules();
    let drawn = '';
    for (const [at, isDark] of data.entries())
      if (isDark) drawn += `M${(at % size) + QUIET_ZONE} ${Math.floor(at / size) + QUIET_ZONE}h1v1h-1z`;
    return drawn;
  });
  const side = (): number => modules().size + 2 * QUIET_ZONE;
  return (
    <svg class="qr" viewBox={`0 0 ${side()} ${side()}`} role="img" aria-label="Code to scan" shape-rendering="crispEdges" data-testid="qr">
      <rect width={side()} height={side()} fill="#fff" />
      <path d={path()} fill="#000" />
    </svg>
  );
}
