// Owns how commands speak to a server that speaks TLS: with the certificate that the server itself has noted in the data directory, and with no other.
// Neither a local CA nor the names in the certificate matter then: who holds its key is the server that wrote the note.
import { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import type { RequestInit as UndiciInit } from 'undici';
import type { Transport } from '@cotg/api/client';
import type { ServerInfo } from '../server-info.ts';

export async function transportTo(info: ServerInfo): Promise<Transport> {
  if (info.certificate === null) return { fetch, WebSocket };
  // Loaded for this alone: it costs as much as the rest of a command's start.
  const undici = await import('undici');
  const expected = new X509Certificate(info.certificate);
  const dispatcher = new undici.Agent({
    connect: {
      ca: info.certificate,
      // The noted certificate itself is what is trusted, whoever has issued it.
      allowPartialTrustChain: true,
      checkServerIdentity: (_name: string, peer: PeerCertificate) =>
        peer.raw.equals(expected.raw) ? undefined : new Error('The server has another certificate than the one it has noted.'),
    },
  });
  const pinned = {
    fetch: (input: URL, init?: RequestInit) => undici.fetch(input, { ...(init as UndiciInit), dispatcher }),
    WebSocket: class extends undici.WebSocket {
      constructor(url: string, options?: { headers?: Record<string, string> }) {
        super(url, { ...options, dispatcher });
      }
    },
  };
  // The library is the one that is built into Node; only its types are its own.
  return pinned as unknown as Transport;
}
