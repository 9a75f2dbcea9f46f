// The port through which the API reaches the server's own state. Implemented by apps/server.
import type { Backup, Finding, Status } from '../schema/status.ts';

export interface SystemPort {
  status(): Promise<Status>;
  /** Consistent copies of the journal and the catalog in a new folder beside them; whoever asked moves or removes it. */
  backup(): Promise<Backup>;
  /** Reads everything that is stored and says what is not whole. */
  verify(): Promise<readonly Finding[]>;
}
