// Owns the server's account of itself. Implements SystemPort.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ApiError } from '@cotg/api';
import type { AuditEntry, AuditQuery, Backup, Caller, Finding, ImportCounts, Status, SystemPort } from '@cotg/api';
import type { Catalog } from '@cotg/db/catalog';
import { damageReports } from '@cotg/db/catalog';
import type { Audit } from './audit.ts';
import type { HostLink } from './host-link.ts';
import type { ImportService } from './import-service.ts';

/** Copying or reading gigabytes. */
const LONG_TIMEOUT_MS = 6 * 60_000;

export class SystemService implements SystemPort {
  readonly #options: {
    host: HostLink;
    dataDir: string;
    catalog: Pick<Catalog, 'backup'>;
    audit: Pick<Audit, 'list'>;
    imports: Pick<ImportService, 'importLegacy'>;
    catalogPath: string;
    version: string;
    startedAt: Date;
    screensPid: () => number | null;
    isInsecure: boolean;
  };

  constructor(options: {
    host: HostLink;
    dataDir: string;
    catalog: Pick<Catalog, 'backup'>;
    audit: Pick<Audit, 'list'>;
    imports: Pick<ImportService, 'importLegacy'>;
    catalogPath: string;
    version: string;
    startedAt: Date;
    screensPid: () => number | null;
    isInsecure: boolean;
  }) {
    this.#options = options;
  }

  async backup(): Promise<Backup> {
    const { host, dataDir, catalog } = this.#options;
    const folder = mkdtempSync(join(dataDir, 'backup-'));
    try {
      await host.request('backup', { path: join(folder, 'journal.db') }, { timeoutMs: LONG_TIMEOUT_MS });
      await catalog.backup(join(folder, 'catalog.db'));
      return { folder, files: ['journal.db', 'catalog.db'] };
    } catch (error) {
      rmSync(folder, { recursive: true });
      throw error;
    }
  }

  async importLegacy(path: string, caller: Caller): Promise<ImportCounts> {
    // A device must not make the server read files of its choice.
    if (caller.kind !== 'owner') throw new ApiError('FORBIDDEN', 'Only the owner, on this computer, may name a file.');
    return this.#options.imports.importLegacy(path);
  }

  audit(query: AuditQuery): Promise<readonly AuditEntry[]> {
    return this.#options.audit.list(query);
  }

  async verify(): Promise<readonly Finding[]> {
    const { reply } = await this.#options.host.request('verify', {}, { timeoutMs: LONG_TIMEOUT_MS });
    return reply.findings.map(({ session, ...finding }) => ({
      file: 'journal.db',
      ...finding,
      ...(session === null ? {} : { sessionId: session }),
    }));
  }

  async status(): Promise<Status> {
    const { reply } = await this.#options.host.request('status', {});
    const { host } = reply;
    const screensPid = this.#options.screensPid();
    return {
      server: {
        pid: process.pid,
        version: this.#options.version,
        startedAt: this.#options.startedAt.toISOString(),
        isInsecure: this.#options.isInsecure,
      },
      host: { pid: host.pid, version: host.version, protocol: host.protocol, startedAt: new Date(host.startedAt).toISOString() },
      screens: screensPid === null ? null : { pid: screensPid },
      dataDir: this.#options.dataDir,
      sessions: host.sessions,
      storage: {
        state: host.storage,
        journalBytes: host.journalBytes,
        catalogBytes: sizeOf(this.#options.catalogPath) + sizeOf(`${this.#options.catalogPath}-wal`),
        damaged: [
          ...damagedOf(this.#options.dataDir),
          // Output that was stored and is gone, as the host's high-water mark says.
          ...host.damaged.map(({ file, sessionId, from, to, at }) => ({
            file,
            ...(sessionId === null ? {} : { sessionId }),
            ...(from === null ? {} : { from }),
            ...(to === null ? {} : { to }),
            at: new Date(at).toISOString(),
          })),
        ],
      },
    };
  }
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** From the files that were set aside and the reports beside them, so that it is known until somebody removes them. */
function damagedOf(dataDir: string): Status['storage']['damaged'] {
  return damageReports(dataDir).flatMap(({ file, setAside, at: atMs, missing }) => {
    const at = new Date(atMs).toISOString();
    return [{ file, setAside, at }, ...missing.map((range) => ({ file, ...range, setAside, at }))];
  });
}
