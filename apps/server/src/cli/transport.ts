// Owns how commands speak to a server that speaks TLS: with the certificate that the server itself has noted in the data directory, and with no other.
// Neither a local CA nor the names in the certificate matter then: who holds its key is the server that wrote the note.
import { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import type { RequestInit as UndiciInit, buildConnector } from 'undici';
import type { Transport } from '@cotg/api/client';
import type { ServerInfo } from '../server-info.ts';

/** `readNote` gives the note as it is by now, while it is still the same server’s: a certificate may be renewed between two connections. */
export async function transportTo(info: ServerInfo, readNote: () => ServerInfo | undefined): Promise<Transport> {
  if (info.certificate === null) return { fetch, WebSocket };
  // Loaded for this alone: it costs as much as the rest of a command's start.
  const undici = await import('undici');
  let noted = info.certificate;
  let connect = undici.buildConnector(pinnedTo(noted));
  const dispatcher = new undici.Agent({
    connect: (options, callback) => {
      const [tried, connectNow] = [noted, connect];
      connectNow(options, (...result) => {
        const renewed = result[0] === null ? null : (readNote()?.certificate ?? null);
        if (renewed === null || renewed === tried) {
          callback(...result);
          return;
        }
        // The server notes a new certificate before it can show it, and nothing but a handshake has been sent yet: once more with that one.
        noted = renewed;
        connect = undici.buildConnector(pinnedTo(noted));
        connect(options, callback);
      });
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

/** The noted certificate itself is what is trusted, whoever has issued it. */
function pinnedTo(certificate: string): buildConnector.BuildOptions {
  const expected = new X509Certificate(certificate);
  return {
    allowH2: false,
    ca: certificate,
    allowPartialTrustChain: true,
    checkServerIdentity: (_name: string, peer: PeerCertificate) =>
      peer.raw.equals(expected.raw) ? undefined : new Error('The server has another certificate than the one it has noted.'),
  };
}
