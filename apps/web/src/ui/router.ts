// Owns which page is shown and how the browser's Back works. Paths are matched whole; nothing is ever opened that a path,
// query or fragment names as an address.
import { createContext, createSignal, onCleanup, useContext } from 'solid-js';
import type { Accessor } from 'solid-js';

export type Route =
  | { readonly page: 'list' }
  | { readonly page: 'new' }
  | { readonly page: 'session'; readonly id: string }
  | { readonly page: 'pair' }
  | { readonly page: 'devices' }
  | { readonly page: 'add-device' }
  | { readonly page: 'unknown' };

const SESSION_PATH = /^\/s\/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\/?$/i;

export function routeOf(path: string): Route {
  switch (path) {
    case '/':
      return { page: 'list' };
    case '/new':
      return { page: 'new' };
    case '/pair':
      return { page: 'pair' };
    case '/devices':
      return { page: 'devices' };
    case '/devices/add':
      return { page: 'add-device' };
    default: {
      const id = SESSION_PATH.exec(path)?.[1];
      return id === undefined ? { page: 'unknown' } : { page: 'session', id };
    }
  }
}

export function pathOf(route: Exclude<Route, { page: 'unknown' }>): string {
  switch (route.page) {
    case 'list':
      return '/';
    case 'session':
      return `/s/${route.id}`;
    case 'add-device':
      return '/devices/add';
    default:
      return `/${route.page}`;
  }
}

export interface Router {
  readonly route: Accessor<Route>;
  go(route: Exclude<Route, { page: 'unknown' }>, options?: { readonly replace?: boolean }): void;
  /** To where the person came from inside the app, else to the list. */
  back(): void;
}

/** How many of our pages lie behind this one in the browser's history; it survives a reload. */
function depthHere(): number {
  const state: unknown = history.state;
  return typeof state === 'object' && state !== null && 'depth' in state && typeof state.depth === 'number' ? state.depth : 0;
}

/** Lives as long as the component that makes it. */
export function createRouter(): Router {
  const [route, setRoute] = createSignal(routeOf(location.pathname));
  const onPop = (): void => {
    setRoute(routeOf(location.pathname));
  };
  window.addEventListener('popstate', onPop);
  onCleanup(() => window.removeEventListener('popstate', onPop));

  const go: Router['go'] = (next, options = {}) => {
    if (options.replace) history.replaceState({ depth: depthHere() }, '', pathOf(next));
    else history.pushState({ depth: depthHere() + 1 }, '', pathOf(next));
    setRoute(next);
  };
  return {
    route,
    go,
    back: () => {
      if (depthHere() > 0) history.back();
      else go({ page: 'list' }, { replace: true });
    },
  };
}

const RouterContext = createContext<Router>();
export const RouterProvider = RouterContext.Provider;

export function useRouter(): Router {
  const router = useContext(RouterContext);
  if (!router) throw new Error('No router is provided here.');
  return router;
}
