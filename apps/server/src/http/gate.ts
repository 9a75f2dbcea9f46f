// Owns the one decision that every request and upgrade passes before anything else runs: may it go on, and as whom?
// Order: Host, Origin, where a browser says the request comes from, public or not, credentials, right. Nothing outside this
// file lets anybody in.
import type { IncomingMessage } from 'node:http';
import { ApiError } from '@cotg/api';
import type { Caller } from '@cotg/api';
import { headerValues, isAllowedHost, originState } from './access.ts';
import type { AccessPolicy } from './access.ts';
import type { ClientAddresses } from './client-address.ts';
import { deviceOfCookie, identify } from './credentials.ts';
import type { Credentials } from './credentials.ts';

/** `formerDevice`: what the browser that asks to be let in has been until now. */
export type Passed = { readonly kind: 'public'; readonly formerDevice?: string } | { readonly kind: 'known'; readonly caller: Caller };

const PAIR_PATH = '/api/pair';

/** The only things that answer without credentials; a test fails when another one does. */
export const PUBLIC_ROUTES = [
  { method: 'GET', path: '/healthz' },
  { method: 'POST', path: PAIR_PATH },
] as const;

/** The only things that become a WebSocket, all of them with credentials. */
export const UPGRADE_PATHS = ['/trpc'] as const;

/** What the first part of a path must be for it to be the API. Everything else is the static shell, which holds nothing of the owner's. */
const GUARDED_ROOTS: ReadonlySet<string> = new Set(['api', 'trpc', 'metrics']);

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD']);
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PATCH', 'DELETE']);

export interface Gate {
  /** Throws ApiError: HOST_REFUSED, ORIGIN_REFUSED, UNAUTHORIZED, METHOD_NOT_ALLOWED, BAD_INPUT. */
  check(request: IncomingMessage, kind: 'request' | 'upgrade'): Passed;
}

export function isGuardedPath(path: string): boolean {
  return GUARDED_ROOTS.has(path.split('/', 2)[1] ?? '');
}

/** Path of a request line; undefined for absolute-form and other oddities, which are refused. */
export function pathOf(request: IncomingMessage): string | undefined {
  const target = request.url ?? '';
  if (target[0] !== '/' || target[1] === '/') return undefined;
  return target.split('?', 1)[0]?.split('#', 1)[0];
}

function hasBody(rawHeaders: readonly string[]): boolean {
  return (
    headerValues(rawHeaders, 'transfer-encoding').length > 0 ||
    headerValues(rawHeaders, 'content-length').some((value) => value.trim() !== '0')
  );
}

export function makeGate(policy: AccessPolicy, credentials: Credentials, clients: ClientAddresses): Gate {
  return {
    check(request, kind) {
      const { rawHeaders } = request;
      const method = request.method ?? '';
      if (!isAllowedHost(policy, rawHeaders)) {
        throw new ApiError('HOST_REFUSED', 'This server does not answer to that Host.', {
          hint: 'Set COTG_PUBLIC_URL or COTG_ALLOWED_HOSTS to the name you use.',
        });
      }
      const origin = originState(policy, rawHeaders);
      if (origin === 'refused') throw new ApiError('ORIGIN_REFUSED', 'Requests from that Origin are refused.');
      const path = pathOf(request);
      if (path === undefined) throw new ApiError('NOT_FOUND', 'There is nothing here.');
      if (!METHODS.has(method)) throw new ApiError('METHOD_NOT_ALLOWED', 'That method is not used here.');

      // What came as one would be read as frames, and a proxy in front may count otherwise.
      if (kind === 'upgrade' && hasBody(rawHeaders)) throw new ApiError('BAD_INPUT', 'An upgrade has no body.');

      const guarded = kind === 'upgrade' || isGuardedPath(path);
      // A browser says so itself when another site makes it ask; navigation to the shell is what links are for.
      const sites = headerValues(rawHeaders, 'sec-fetch-site');
      if (guarded && sites.some((site) => site === 'cross-site' || site === 'same-site')) {
        throw new ApiError('ORIGIN_REFUSED', 'Requests made by another site are refused.');
      }
      const isPublic = PUBLIC_ROUTES.some((route) => route.path === path && route.method === method);
      if (kind === 'request' && (isPublic || (!guarded && SAFE_METHODS.has(method)))) {
        // The cookie goes along with requests of other pages, too: only our own page asks in the name of this browser.
        const former =
          path === PAIR_PATH && origin === 'allowed' ? deviceOfCookie(credentials, rawHeaders, clients.isEncrypted(request)) : undefined;
        return former ? { kind: 'public', formerDevice: former.id } : { kind: 'public' };
      }

      const known = identify(credentials, rawHeaders, { address: clients.addressOf(request), isEncrypted: clients.isEncrypted(request) });
      if (!known)
        throw new ApiError('UNAUTHORIZED', 'Not signed in.', { hint: 'On the computer, `cotg pair` prints a link that lets a device in.' });
      // The cookie goes along with requests of any page on this host, whatever its port: only an exact Origin tells them apart.
      const changes = kind === 'upgrade' || !SAFE_METHODS.has(method);
      if (known.via === 'cookie' && changes && origin !== 'allowed')
        throw new ApiError('ORIGIN_REFUSED', 'A device must say which page it is: the Origin is missing.');
      return { kind: 'known', caller: known.caller };
    },
  };
}
