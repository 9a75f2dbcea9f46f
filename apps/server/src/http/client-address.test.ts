import { describe, expect, test } from 'vitest';
import type { IncomingMessage } from 'node:http';
import { canonicalAddress, makeClientAddresses, mayUsePlainPort, parseNetwork, rateKeyOf } from './client-address.ts';
import type { Network } from './client-address.ts';

const network = (text: string): Network => {
  const parsed = parseNetwork(text);
  if (!parsed) throw new Error(`${text} is no network`);
  return parsed;
};
const clients = makeClientAddresses(['127.0.0.1', '10.0.0.0/24', 'fd00::/8'].map(network));

function from(remoteAddress: string | undefined, headers: readonly (readonly [string, string])[] = [], encrypted = false): IncomingMessage {
  return { rawHeaders: headers.flat(), socket: { remoteAddress, ...(encrypted ? { encrypted } : {}) } } as unknown as IncomingMessage;
}
const forwarded = (...values: string[]) => values.map((value) => ['X-Forwarded-For', value] as const);

describe('S12: what a limit counts by', () => {
  test.each([
    ['1.2.3.4', '1.2.3.4'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['::FFFF:1.2.3.4', '1.2.3.4'],
    ['::ffff:102:304', '1.2.3.4'],
    ['0:0:0:0:0:ffff:1.2.3.4', '1.2.3.4'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002:ffff:ffff:ffff:ffff', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['no address', 'unknown'],
    ['', 'unknown'],
  ])('S12: %s counts as %s', (address, key) => expect(rateKeyOf(address)).toBe(key));

  test('S12: two IPv4 addresses that arrive over dual stack do not share a bucket, and two /64 do not either', () => {
    expect(rateKeyOf('::ffff:1.2.3.4')).not.toBe(rateKeyOf('::ffff:1.2.3.5'));
    expect(rateKeyOf('2001:db8:0:1::1')).not.toBe(rateKeyOf('2001:db8:0:2::1'));
  });
});

test.each([
  ['1.2.3.4', '1.2.3.4'],
  ['::FFFF:1.2.3.4', '1.2.3.4'],
  ['2001:DB8:0:0::1', '2001:db8::1'],
  ['1.2.3', undefined],
  ['01.2.3.4', undefined],
  ['1.2.3.4, 5.6.7.8', undefined],
  ['<script>', undefined],
])('S12: the canonical form of %s is %s', (text, canonical) => expect(canonicalAddress(text)).toBe(canonical));

describe('S13: who the client is', () => {
  test('S13: the socket says it, and nothing that a stranger sends changes it', () => {
    expect(clients.addressOf(from('::ffff:203.0.113.7'))).toBe('203.0.113.7');
    const forged = Array.from({ length: 1000 }, (_, index) => `198.51.100.${index % 256}`);
    expect(clients.addressOf(from('203.0.113.7', forwarded(forged.join(', '))))).toBe('203.0.113.7');
    expect(clients.addressOf(from('203.0.113.7', forwarded(...forged)))).toBe('203.0.113.7');
    for (const name of ['X-Real-IP', 'Forwarded', 'Tailscale-User-Login', 'Tailscale-Client-IP', 'CF-Connecting-IP', 'True-Client-IP'])
      expect(clients.addressOf(from('127.0.0.1', [[name, '198.51.100.1']]))).toBe('127.0.0.1');
  });

  test.each([
    [['203.0.113.7'], '203.0.113.7'],
    [['198.51.100.1, 203.0.113.7'], '203.0.113.7'],
    [['198.51.100.1', '203.0.113.7'], '203.0.113.7'],
    [['198.51.100.1, 203.0.113.7, 10.0.0.9'], '203.0.113.7'],
    [['203.0.113.7:4711'], '203.0.113.7'],
    [['[2001:db8::1]:4711'], '2001:db8::1'],
    [['::ffff:203.0.113.7'], '203.0.113.7'],
    [['nonsense, 203.0.113.7'], '203.0.113.7'],
    [['203.0.113.7, nonsense'], '127.0.0.1'],
    [['203.0.113.7, nonsense, 10.0.0.9'], '10.0.0.9'],
    [[''], '127.0.0.1'],
    [[','], '127.0.0.1'],
    [['10.0.0.7, 10.0.0.8'], '10.0.0.7'],
  ])('S13: behind a trusted proxy %j is %s', (values, client) => {
    expect(clients.addressOf(from('127.0.0.1', forwarded(...values)))).toBe(client);
    expect(clients.addressOf(from('::ffff:127.0.0.1', forwarded(...values)))).toBe(client);
  });

  test('S13: of a thousand hops through a trusted proxy only what it added itself counts', () => {
    const forged = Array.from({ length: 1000 }, (_, index) => `198.51.100.${index % 256}`);
    expect(clients.addressOf(from('10.0.0.9', forwarded(...forged, '203.0.113.7')))).toBe('203.0.113.7');
  });

  test('S13: a socket that has gone is unknown, whatever it said', () => {
    expect(clients.addressOf(from(undefined, forwarded('203.0.113.7')))).toBe('unknown');
  });
});

test('S13: only TLS of our own or the word of a trusted proxy makes a connection encrypted', () => {
  const https = [['X-Forwarded-Proto', 'https'] as const];
  expect(clients.isEncrypted(from('203.0.113.7'))).toBe(false);
  expect(clients.isEncrypted(from('203.0.113.7', https))).toBe(false);
  expect(clients.isEncrypted(from('127.0.0.1', https))).toBe(true);
  expect(clients.isEncrypted(from('127.0.0.1', [['X-Forwarded-Proto', 'https, http']]))).toBe(false);
  expect(clients.isEncrypted(from('127.0.0.1', [['X-Forwarded-Proto', 'http']]))).toBe(false);
  expect(clients.isEncrypted(from('203.0.113.7', [], true))).toBe(true);
});

test('S3, S13: a plain port that is open to the network is for its proxies and this computer only', () => {
  for (const address of ['10.0.0.9', '::ffff:10.0.0.9', 'fd12::1', '127.0.0.1', '::1', '::ffff:127.0.0.1'])
    expect(mayUsePlainPort(clients, address)).toBe(true);
  for (const address of ['10.0.1.9', '192.168.1.2', '::ffff:192.168.1.2', 'fe80::1', undefined, ''])
    expect(mayUsePlainPort(clients, address)).toBe(false);
});

test.each(['0.0.0.0/0', '::/0', '10.0.0.0/33', 'fd00::/129', '10.0.0', 'proxy.example', '', '10.0.0.0/-1', '10.0.0.0/8/8'])(
  'S13: %s is no network of trusted proxies',
  (text) => expect(parseNetwork(text)).toBeUndefined(),
);
