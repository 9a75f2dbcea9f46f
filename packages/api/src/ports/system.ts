// The port through which the API reaches the server's own state. Implemented by apps/server.
import type { Status } from '../schema/status.ts';

export interface SystemPort {
  status(): Promise<Status>;
}
