// Owns the server's account of itself. Implements SystemPort.
import { statSync } from 'node:fs';
import type { Status, SystemPort } from '@cotg/api';
import { listSetAside } from '@cotg/db/catalog';
import type { Damage } from '@cotg/pty/client';
import type { HostLink } from './host-link.ts';

export class SystemService implements SystemPort {
  readonly #options: {
    host: HostLink;
    dataDir: string;
    catalogPath: string;
    version: string;
    startedAt: Date;
    screensPid: () => number | null;
  };

  constructor(options: {
    host: HostLink;
    dataDir: string;
    catalogPath: string;
    version: string;
    startedAt: Date;
    screensPid: () => number | null;
  }) {
    this.#options = options;
  }

  async status(): Promise<Status> {
    const { reply } = await this.#options.host.request('status', {});
    const { host } = reply;
    const screensPid = this.#options.screensPid();
    return {
      server: { pid: process.pid, version: this.#options.version, startedAt: this.#options.startedAt.toISOString() },
      host: { pid: host.pid, version: host.version, protocol: host.protocol, startedAt: new Date(host.startedAt).toISOString() },
      screens: screensPid === null ? null : { pid: screensPid },
      dataDir: this.#options.dataDir,
      sessions: host.sessions,
      storage: {
        state: host.storage,
        journalBytes: host.journalBytes,
        catalogBytes: statSync(this.#options.catalogPath).size,
        damaged: [...host.damaged, ...setAsideCatalogs(this.#options.catalogPath)].map(({ file, sessionId, from, to, setAside, at }) => ({
          file,
          ...(sessionId === null ? {} : { sessionId }),
          ...(from === null ? {} : { from }),
          ...(to === null ? {} : { to }),
          ...(setAside === null ? {} : { setAside }),
          at: new Date(at).toISOString(),
        })),
      },
    };
  }
}

function setAsideCatalogs(path: string): readonly Damage[] {
  return listSetAside(path).map(({ file, name, at }) => ({ file, sessionId: null, from: null, to: null, setAside: name, at }));
}
