// The port through which devices are let in. Implemented by apps/server.
import type { Caller } from '../caller.ts';
import type { DecidePairing, PairingLink, PairingStatus, StartPairing } from '../schema/device.ts';

export interface PairingPort {
  /** A one-time link and code. FORBIDDEN for devices without `admin`, and `approve` for all but the owner token. */
  start(caller: Caller, request: StartPairing): PairingLink;
  /** Who wants in with it. NOT_FOUND for one that is not the caller's; the owner token sees all. */
  status(id: string, caller: Caller): PairingStatus;
  /** Lets whoever shows this number in, or not. NOT_FOUND; BAD_INPUT when nobody waits with that number. */
  decide(decision: DecidePairing, caller: Caller): PairingStatus;
}
