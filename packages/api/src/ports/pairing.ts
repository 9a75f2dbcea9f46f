// The port through which devices are let in. Implemented by apps/server.
import type { Caller } from '../caller.ts';
import type { PairingLink } from '../schema/status.ts';

export interface PairingPort {
  /** A one-time link, for the owner at the computer. FORBIDDEN for devices without `admin`. */
  start(caller: Caller): PairingLink;
}
