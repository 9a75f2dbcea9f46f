import { X509Certificate } from 'node:crypto';
import { createServer, connect } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { makeCa, makeLeaf, maySign, namesOf } from './local-ca.ts';
import type { Pair } from './local-ca.ts';

const DAY_MS = 86_400_000;
const now = new Date();
const names = ['box.lan', '192.168.1.9', 'fd00::9', 'localhost', '127.0.0.1', '::1'];

/** What a client of that CA says about a server of that name: 'trusted', or what is wrong. */
async function verdict(ca: Pair, leaf: Pair, servername: string): Promise<string> {
  const server = createServer({ cert: leaf.cert, key: leaf.key });
  server.on('tlsClientError', () => undefined); // It is refused on purpose.
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const said = await new Promise<string>((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', ca: ca.cert, servername }, () => {
      socket.destroy();
      resolve('trusted');
    });
    socket.once('error', (error) => resolve(error.message));
  });
  server.close();
  return said;
}

test('the leaf is for its names, for servers only, for at most 397 days; the CA for at most 10 years and for no other CA', async () => {
  const ca = await makeCa({ names, computer: 'box', now });
  const leaf = await makeLeaf({ ca, names, now });
  expect(namesOf(leaf.cert)).toEqual(names);
  const [authority, issued] = [new X509Certificate(ca.cert), new X509Certificate(leaf.cert)];
  expect([authority.ca, issued.ca]).toEqual([true, false]);
  expect(issued.checkIssued(authority) && issued.verify(authority.publicKey)).toBe(true);
  expect(issued.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  const life = (certificate: X509Certificate): number => (Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)) / DAY_MS;
  expect(life(issued)).toBeLessThanOrEqual(397);
  expect(life(authority)).toBeLessThanOrEqual(3650);
  expect(Date.parse(issued.validFrom)).toBeLessThan(now.getTime());
  for (const name of ['box.lan', 'localhost']) expect(await verdict(ca, leaf, name)).toBe('trusted');
  expect(await verdict(ca, leaf, 'other.lan')).toContain('does not match');
});

test('a leaf never outlives its CA', async () => {
  const ca = await makeCa({ names, computer: 'box', now: new Date(now.getTime() - 9.5 * 365 * DAY_MS) });
  const leaf = await makeLeaf({ ca, names, now });
  expect(new X509Certificate(leaf.cert).validTo).toBe(new X509Certificate(ca.cert).validTo);
});

test('who steals the CA’s key can sign for private names only: phones refuse the rest', async () => {
  const ca = await makeCa({ names: ['box.lan', 'mine.example.org'], computer: 'box', now });
  for (const name of ['box.lan', 'anything.local', 'x.ts.net', 'mine.example.org', '10.1.2.3', '100.100.1.1', 'fd12::1', '::1'])
    expect([name, maySign(ca.cert, name)]).toEqual([name, true]);
  for (const name of ['bank.example', 'example.org', 'notmine.example.org', 'evil-local', '203.0.113.7', '2001:db8::1'])
    expect([name, maySign(ca.cert, name)]).toEqual([name, false]);
  const stolen = await makeLeaf({ ca, names: ['bank.example'], now });
  expect(await verdict(ca, stolen, 'bank.example')).toBe('permitted subtree violation');
  const fine = await makeLeaf({ ca, names: ['mine.example.org'], now });
  expect(await verdict(ca, fine, 'mine.example.org')).toBe('trusted');
});
