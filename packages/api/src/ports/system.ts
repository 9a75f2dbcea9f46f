// The port through which the API reaches the server's own state. Implemented by apps/server.
import type { Caller } from '../caller.ts';
import type { AuditEntry, AuditQuery } from '../schema/device.ts';
import type { Backup, Finding, ImportCounts, Status } from '../schema/status.ts';

export interface SystemPort {
  status(): Promise<Status>;
  /** Who did what, newest first. */
  audit(query: AuditQuery): Promise<readonly AuditEntry[]>;
  /** Consistent copies of the journal and the catalog in a new folder beside them; whoever asked moves or removes it. */
  backup(): Promise<Backup>;
  /** Sessions of the older tool's database at that path on the server; only the owner may name one. BAD_INPUT, FORBIDDEN. */
  importLegacy(path: string, caller: Caller): Promise<ImportCounts>;
  /** Reads everything that is stored and says what is not whole. */
  verify(): Promise<readonly Finding[]>;
}
