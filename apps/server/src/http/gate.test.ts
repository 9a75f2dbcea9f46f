import { describe, expect, test } from 'vitest';
import type { IncomingMessage } from 'node:http';
import { ApiError } from '@cotg/api';
import { accessPolicy } from './access.ts';
import { makeClientAddresses } from './client-address.ts';
import { cookieNamesFor, hashToken } from './credentials.ts';
import { makeGate } from './gate.ts';

const OWNER = 'o'.repeat(43);
const DEVICE = 'd'.repeat(43);
const PORT = 7433;
const HOST = `127.0.0.1:${PORT}`;
const ORIGIN = `http://127.0.0.1:${PORT}`;
const COOKIE = `__Host-cotg-abc=${DEVICE}`;

const gate = makeGate(
  accessPolicy({ host: '127.0.0.1', port: PORT, publicUrl: 'https://box.example.org' }),
  {
    ownerToken: OWNER,
    cookies: cookieNamesFor('abc', false),
    findDevice: (hash) => (hash.equals(hashToken(DEVICE)) ? { id: 'device-1', role: 'admin' } : undefined),
  },
  makeClientAddresses([]),
);

function request(method: string, url: string, headers: readonly (readonly [string, string])[]): IncomingMessage {
  return { method, url, rawHeaders: headers.flat(), socket: { remoteAddress: '127.0.0.1' } } as unknown as IncomingMessage;
}

function outcome(kind: 'request' | 'upgrade', method: string, url: string, headers: readonly (readonly [string, string])[]): string {
  try {
    const passed = gate.check(request(method, url, headers), kind);
    return passed.kind === 'public' ? 'public' : passed.caller.kind;
  } catch (error) {
    if (error instanceof ApiError) return error.code;
    throw error;
  }
}

const bearer = (token: string) => ['Authorization', `Bearer ${token}`] as const;

describe('Host', () => {
  test.each(['127.0.0.1:7433', 'localhost:7433', '[::1]:7433', 'box.example.org'])('S30: %s is answered', (host) => {
    expect(outcome('request', 'GET', '/', [['Host', host]])).toBe('public');
  });

  test.each([
    '',
    'evil.example',
    '127.0.0.1',
    '127.0.0.1:80',
    '127.0.0.1:74330',
    'localhost:7433.evil.example',
    'LOCALHOST:7433',
    'localhost.:7433',
    '127.0.0.2:7433',
    '[::ffff:127.0.0.1]:7433',
    'box.example.org:7433',
    'box.example.org.evil.example',
    'user@127.0.0.1:7433',
  ])('S30: %s is refused', (host) => {
    expect(outcome('request', 'GET', '/', [['Host', host]])).toBe('HOST_REFUSED');
    expect(outcome('upgrade', 'GET', '/trpc', [['Host', host], ['Origin', ORIGIN], bearer(OWNER)])).toBe('HOST_REFUSED');
  });

  test('S30: a missing or doubled Host is refused', () => {
    expect(outcome('request', 'GET', '/', [])).toBe('HOST_REFUSED');
    expect(
      outcome('request', 'GET', '/', [
        ['Host', HOST],
        ['host', HOST],
      ]),
    ).toBe('HOST_REFUSED');
  });
});

describe('Origin', () => {
  const refused = [
    'null',
    '',
    'https://evil.example',
    'http://127.0.0.1:8080',
    'http://127.0.0.1',
    'https://127.0.0.1:7433',
    'http://127.0.0.1:7433.evil.example',
    'http://evil.example/127.0.0.1:7433',
    'http://user@127.0.0.1:7433',
    'http://LOCALHOST:7433',
    'HTTP://localhost:7433',
    'http://localhost.:7433',
    'http://localhost:7433/',
    'http://[0:0:0:0:0:0:0:1]:7433',
    'http://box.example.org',
    'https://box.example.org.',
    'https://xbox.example.org',
    'https://box.example.org:443',
  ];
  test.each(refused)('S29: %s is refused on upgrades and on changes', (origin) => {
    expect(
      outcome('upgrade', 'GET', '/trpc', [
        ['Host', HOST],
        ['Origin', origin],
        ['Cookie', COOKIE],
      ]),
    ).toBe('ORIGIN_REFUSED');
    expect(outcome('upgrade', 'GET', '/trpc', [['Host', HOST], ['Origin', origin], bearer(OWNER)])).toBe('ORIGIN_REFUSED');
    expect(
      outcome('request', 'POST', '/api/sessions', [
        ['Host', HOST],
        ['Origin', origin],
        ['Cookie', COOKIE],
      ]),
    ).toBe('ORIGIN_REFUSED');
  });

  test('S29: two Origin headers are refused, even two good ones', () => {
    expect(
      outcome('upgrade', 'GET', '/trpc', [
        ['Host', HOST],
        ['Origin', ORIGIN],
        ['Origin', ORIGIN],
        ['Cookie', COOKIE],
      ]),
    ).toBe('ORIGIN_REFUSED');
  });

  test.each(['http://127.0.0.1:7433', 'http://localhost:7433', 'http://[::1]:7433', 'https://box.example.org'])(
    'S29: %s with a device cookie is accepted',
    (origin) => {
      expect(
        outcome('upgrade', 'GET', '/trpc', [
          ['Host', HOST],
          ['Origin', origin],
          ['Cookie', COOKIE],
        ]),
      ).toBe('device');
    },
  );

  test('S29: an upgrade without Origin is accepted with the bearer header only', () => {
    expect(
      outcome('upgrade', 'GET', '/trpc', [
        ['Host', HOST],
        ['Cookie', COOKIE],
      ]),
    ).toBe('ORIGIN_REFUSED');
    expect(outcome('upgrade', 'GET', '/trpc', [['Host', HOST], bearer(OWNER)])).toBe('owner');
  });

  test('S34: a browser that says another site asks is refused, with whatever credentials', () => {
    for (const site of ['cross-site', 'same-site']) {
      expect(
        outcome('request', 'GET', '/api/sessions', [
          ['Host', HOST],
          ['Sec-Fetch-Site', site],
          ['Cookie', COOKIE],
        ]),
      ).toBe('ORIGIN_REFUSED');
      expect(
        outcome('upgrade', 'GET', '/trpc', [
          ['Host', HOST],
          ['Origin', ORIGIN],
          ['Sec-Fetch-Site', site],
          ['Cookie', COOKIE],
        ]),
      ).toBe('ORIGIN_REFUSED');
    }
    expect(
      outcome('request', 'GET', '/', [
        ['Host', HOST],
        ['Sec-Fetch-Site', 'cross-site'],
      ]),
    ).toBe('public');
  });
});

describe('credentials', () => {
  const api = (headers: readonly (readonly [string, string])[]): string =>
    outcome('request', 'GET', '/api/sessions', [['Host', HOST], ...headers]);

  test('without any the API is closed and the shell is open', () => {
    expect(api([])).toBe('UNAUTHORIZED');
    expect(outcome('request', 'GET', '/s/1', [['Host', HOST]])).toBe('public');
    expect(outcome('request', 'GET', '/healthz', [['Host', HOST]])).toBe('public');
    expect(
      outcome('request', 'POST', '/api/pair', [
        ['Host', HOST],
        ['Origin', ORIGIN],
      ]),
    ).toBe('public');
    expect(outcome('request', 'GET', '/api/pair', [['Host', HOST]])).toBe('UNAUTHORIZED');
    expect(outcome('request', 'POST', '/s/1', [['Host', HOST]])).toBe('UNAUTHORIZED');
    expect(outcome('request', 'GET', '/metrics', [['Host', HOST]])).toBe('UNAUTHORIZED');
  });

  test('the owner token and a device are known', () => {
    expect(api([bearer(OWNER)])).toBe('owner');
    expect(api([bearer(DEVICE)])).toBe('device');
    expect(api([['Cookie', `other=1; ${COOKIE}`]])).toBe('device');
  });

  test.each([
    ['first byte', `x${OWNER.slice(1)}`],
    ['last byte', `${OWNER.slice(0, -1)}x`],
    ['middle byte', `${OWNER.slice(0, 20)}x${OWNER.slice(21)}`],
    ['empty', ''],
    ['longer', `${OWNER}o`],
    ['shorter', OWNER.slice(1)],
    ['1 MB', 'o'.repeat(1_000_000)],
    ['NUL', `${OWNER.slice(0, -1)}\0`],
    ['non-ASCII', `${OWNER.slice(0, -1)}ö`],
  ])('S6: a token wrong in the %s is refused, also beside a good cookie', (_what, token) => {
    expect(api([bearer(token)])).toBe('UNAUTHORIZED');
    expect(api([bearer(token), ['Cookie', COOKIE]])).toBe('UNAUTHORIZED');
  });

  test('S5, S6: doubled, other-scheme and URL tokens are refused', () => {
    expect(api([bearer(OWNER), bearer(OWNER)])).toBe('UNAUTHORIZED');
    expect(api([['Authorization', `Basic ${OWNER}`]])).toBe('UNAUTHORIZED');
    expect(
      api([
        ['Cookie', COOKIE],
        ['Cookie', COOKIE],
      ]),
    ).toBe('UNAUTHORIZED');
    expect(outcome('request', 'GET', `/api/sessions?token=${OWNER}&access_token=${OWNER}`, [['Host', HOST]])).toBe('UNAUTHORIZED');
    expect(
      outcome('upgrade', 'GET', `/trpc?token=${OWNER}`, [
        ['Host', HOST],
        ['Origin', ORIGIN],
      ]),
    ).toBe('UNAUTHORIZED');
    expect(
      outcome('upgrade', 'GET', '/', [
        ['Host', HOST],
        ['Origin', ORIGIN],
      ]),
    ).toBe('UNAUTHORIZED');
  });
});

test('S30, S33: odd request lines and methods are refused', () => {
  expect(outcome('request', 'GET', 'http://127.0.0.1:7433/', [['Host', HOST]])).toBe('NOT_FOUND');
  expect(outcome('request', 'GET', '//evil.example/', [['Host', HOST]])).toBe('NOT_FOUND');
  expect(outcome('request', 'OPTIONS', '/api/sessions', [['Host', HOST], bearer(OWNER)])).toBe('METHOD_NOT_ALLOWED');
  expect(outcome('request', 'TRACE', '/', [['Host', HOST]])).toBe('METHOD_NOT_ALLOWED');
});
