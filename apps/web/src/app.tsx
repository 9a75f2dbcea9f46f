// Owns which page stands where, and what all of them share: routes, connection, toasts, what is stored.
import { createEffect, ErrorBoundary, lazy, Match, on, Show, Suspense, Switch, untrack } from 'solid-js';
import type { JSX } from 'solid-js';
import { ConnectionProvider, createConnection } from './api/connection.ts';
import { Devices } from './pages/Devices.tsx';
import { createServerIsInsecure } from './api/encryption.ts';
import { NewSession } from './pages/NewSession.tsx';
import { PairDevice } from './pages/PairDevice.tsx';
import { SessionList } from './pages/SessionList.tsx';
import { SignedOut } from './pages/SignedOut.tsx';
import { makeStored } from './settings/stored.ts';
import type { Stored } from './settings/stored.ts';
import { ConnectionBanner } from './ui/ConnectionBanner.tsx';
import { InsecureBar } from './ui/InsecureBar.tsx';
import { createRouter, RouterProvider, useRouter } from './ui/router.ts';
import { ToastProvider } from './ui/toasts.tsx';

/** The emulator is three quarters of all our code: the list must not wait for it. */
const loadSessionPage = () => import('./pages/SessionPage.tsx');
/** Drawing a code takes a library that hardly anybody ever needs. */
const AddDevice = lazy(async () => ({ default: (await import('./pages/AddDevice.tsx')).AddDevice }));
const SessionPage = lazy(async () => ({ default: (await loadSessionPage()).SessionPage }));

export function App(): JSX.Element {
  const router = createRouter();
  const stored = makeStored(openStorage());
  const reopenedId = untrack(router.route).page === 'list' ? stored.openSession() : undefined;
  // On top of the list, so that Back leads there.
  if (reopenedId !== undefined) router.go({ page: 'session', id: reopenedId });

  // Going to the list is leaving the session: the next visit begins there too.
  createEffect(
    on(
      router.route,
      ({ page }) => {
        if (page === 'list') stored.setOpenSession(undefined);
      },
      { defer: true },
    ),
  );

  return (
    <ErrorBoundary fallback={(error: unknown) => <Broken error={error} />}>
      <ToastProvider>
        <RouterProvider value={router}>
          <Show when={router.route().page !== 'pair'} fallback={<Pairing />}>
            <Connected stored={stored} reopenedId={reopenedId} />
          </Show>
        </RouterProvider>
      </ToastProvider>
    </ErrorBoundary>
  );
}

/** Before the server says anything to this device, the address alone tells. */
function Pairing(): JSX.Element {
  return (
    <>
      <InsecureBar serverIsInsecure={false} />
      <PairDevice />
    </>
  );
}

/** Everything that needs a connection; it is opened here and ends with this component. */
function Connected(props: { readonly stored: Stored; readonly reopenedId: string | undefined }): JSX.Element {
  const connection = createConnection();
  const serverIsInsecure = createServerIsInsecure(connection);
  const router = useRouter();
  // Behind the pages, which note what they have shown until they are gone.
  createEffect(() => {
    if (connection.state() === 'signed-out') props.stored.clear();
  });
  // Whether this page has shown a session yet: the first one tells how old its last sight is.
  let isNewPage = true;
  const takeIsNewPage = (): boolean => {
    const was = isNewPage;
    isNewPage = false;
    return was;
  };
  const sessionId = (): string | undefined => {
    const route = router.route();
    return route.page === 'session' ? route.id : undefined;
  };
  return (
    <ConnectionProvider value={connection}>
      <InsecureBar serverIsInsecure={serverIsInsecure()} />
      <Show when={connection.state() !== 'signed-out'} fallback={<SignedOut />}>
        <ConnectionBanner />
        <Switch fallback={<NotFound />}>
          <Match when={router.route().page === 'list'}>
            <SessionList onMounted={() => void loadSessionPage()} />
          </Match>
          <Match when={router.route().page === 'new'}>
            <NewSession />
          </Match>
          <Match when={router.route().page === 'devices'}>
            <Devices />
          </Match>
          <Match when={router.route().page === 'add-device'}>
            <Suspense fallback={<main class="page" aria-busy="true" />}>
              <AddDevice />
            </Suspense>
          </Match>
          <Match keyed when={sessionId()}>
            {(id) => (
              <Suspense fallback={<main class="page" aria-busy="true" />}>
                <SessionPage sessionId={id} stored={props.stored} takeIsNewPage={takeIsNewPage} isReopened={id === props.reopenedId} />
              </Suspense>
            )}
          </Match>
        </Switch>
      </Show>
    </ConnectionProvider>
  );
}

function NotFound(): JSX.Element {
  const router = useRouter();
  return (
    <main class="page centered">
      <h1>There is no such page</h1>
      <button type="button" class="button primary" onClick={() => router.go({ page: 'list' }, { replace: true })}>
        All sessions
      </button>
    </main>
  );
}

function Broken(props: { readonly error: unknown }): JSX.Element {
  return (
    <main class="page centered" data-testid="broken">
      <h1>This page has failed</h1>
      <p class="muted">Your sessions run on. {props.error instanceof Error ? props.error.message : ''}</p>
      <button type="button" class="button primary" onClick={() => location.reload()}>
        Load again
      </button>
    </main>
  );
}

/** Reading the property alone throws where the browser blocks storage. */
function openStorage(): Storage | undefined {
  try {
    return window.localStorage;
  } catch {
    return undefined;
  }
}
