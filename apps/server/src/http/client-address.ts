// Owns who is at the other end of a request: the client's address and whether its way here is encrypted. What a proxy says about that counts only when
// the peer itself is one of COTG_TRUSTED_PROXIES; who a client claims to be (Tailscale-*, X-Forwarded-User and the like) never does. The Host is not
// taken from a proxy's word either: a page that rebinds its name could send that header itself.
import type { IncomingMessage } from 'node:http';
import { BlockList, SocketAddress, isIP } from 'node:net';
import { isLoopback } from '../settings.ts';
import { headerValues } from './access.ts';

/** Proxies in a row that anybody has; what is farther left was written by the client. */
const MAX_HOPS = 16;
const UNKNOWN = 'unknown';

/** A network in CIDR notation, or one address. */
export interface Network {
  readonly address: string;
  readonly prefix: number;
}

type Peer = Pick<IncomingMessage, 'rawHeaders' | 'socket'>;

export interface ClientAddresses {
  /** The client's address, canonical: `1.2.3.4`, never `::ffff:1.2.3.4`; `unknown` for a socket that has already gone. */
  addressOf(request: Peer): string;
  /** By TLS of our own or, as the trusted proxy says, by the proxy's. */
  isEncrypted(request: Peer): boolean;
  isTrustedProxy(address: string | undefined): boolean;
}

/** Undefined when it is not an address. An IPv4 address in IPv6 clothes is that IPv4 address; zones are left out. */
export function canonicalAddress(text: string): string | undefined {
  const bare = text.split('%', 1)[0] ?? '';
  const family = isIP(bare);
  if (family === 0) return undefined;
  if (family === 4) return bare;
  const { address } = new SocketAddress({ address: bare, family: 'ipv6' });
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1];
  return mapped ?? address;
}

/** What a limit counts by: an IPv4 address, or the /64 of an IPv6 one, of which every customer has at least one whole. */
export function rateKeyOf(address: string): string {
  const canonical = canonicalAddress(address);
  if (canonical === undefined) return UNKNOWN;
  if (isIP(canonical) === 4) return canonical;
  return `${groupsOf(canonical).slice(0, 4).join(':')}::/64`;
}

/** The eight groups of a canonical IPv6 address, without leading zeros. */
function groupsOf(address: string): string[] {
  const [head = '', tail] = address.split('::', 2);
  const words = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const [front, back] = [words(head), words(tail ?? '')];
  const missing = tail === undefined ? 0 : 8 - front.length - back.length;
  return [...front, ...Array.from({ length: missing }, () => '0'), ...back];
}

/** `10.0.0.0/8`, `fd00::/8`, `127.0.0.1`. Undefined when it is none, or when it would trust everybody. */
export function parseNetwork(text: string): Network | undefined {
  const match = /^([0-9a-fA-F:.]+)(?:\/(\d{1,3}))?$/.exec(text);
  const address = canonicalAddress(match?.[1] ?? '');
  if (!match || address === undefined) return undefined;
  const bits = isIP(address) === 4 ? 32 : 128;
  const prefix = match[2] === undefined ? bits : Number(match[2]);
  return prefix >= 1 && prefix <= bits ? { address, prefix } : undefined;
}

export function makeClientAddresses(trustedProxies: readonly Network[]): ClientAddresses {
  const trusted = new BlockList();
  for (const { address, prefix } of trustedProxies) trusted.addSubnet(address, prefix, isIP(address) === 4 ? 'ipv4' : 'ipv6');
  const isTrusted = (address: string): boolean => trusted.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6');
  const peerOf = (request: Peer): string | undefined => canonicalAddress(request.socket.remoteAddress ?? '');

  return {
    addressOf(request) {
      const peer = peerOf(request);
      if (peer === undefined) return UNKNOWN;
      // Each proxy adds its own peer on the right: the first one from there that is not a proxy of ours is the client.
      let client = peer;
      const hops = forwardedFor(request.rawHeaders);
      for (let hop = hops.pop(), left = MAX_HOPS; hop !== undefined && left > 0 && isTrusted(client); hop = hops.pop(), left -= 1) {
        const address = canonicalAddress(withoutPort(hop));
        if (address === undefined) break;
        client = address;
      }
      return client;
    },
    isEncrypted(request) {
      if ('encrypted' in request.socket && request.socket.encrypted) return true;
      const peer = peerOf(request);
      if (peer === undefined || !isTrusted(peer)) return false;
      return headerValues(request.rawHeaders, 'x-forwarded-proto').join(',').split(',').at(-1)?.trim() === 'https';
    },
    isTrustedProxy(address) {
      const peer = canonicalAddress(address ?? '');
      return peer !== undefined && isTrusted(peer);
    },
  };
}

/** For a plain port that others than this computer can reach: nobody but the proxies, which bring encrypted clients, may use it. */
export function mayUsePlainPort(clients: ClientAddresses, address: string | undefined): boolean {
  return isLoopback(canonicalAddress(address ?? '') ?? '') || clients.isTrustedProxy(address);
}

function forwardedFor(rawHeaders: readonly string[]): string[] {
  const values = headerValues(rawHeaders, 'x-forwarded-for');
  return values.length === 0 ? [] : values.join(',').split(',');
}

/** Some proxies add the port: `1.2.3.4:5678`, `[::1]:5678`. */
function withoutPort(hop: string): string {
  const text = hop.trim();
  return /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d{1,5}$/.exec(text)?.[1] ?? text;
}
