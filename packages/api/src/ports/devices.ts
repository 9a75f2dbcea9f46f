// The port to the devices that were let in. Implemented by apps/server.
import type { Caller } from '../caller.ts';
import type { Device, DeviceRole, Me } from '../schema/device.ts';

export interface DevicesPort {
  me(caller: Caller): Me;
  /** Those that are let in now, oldest first. */
  list(caller: Caller): readonly Device[];
  /** A device may rename and revoke itself; FORBIDDEN for another one without `admin`. UNKNOWN_DEVICE. */
  rename(id: string, name: string, caller: Caller): Promise<Device>;
  /** What is open is cut, so that the new rights hold at once. UNKNOWN_DEVICE. */
  setRole(id: string, role: DeviceRole, caller: Caller): Promise<Device>;
  /** Its sockets are cut; its token is worth nothing any more. UNKNOWN_DEVICE, FORBIDDEN. */
  revoke(id: string, caller: Caller): Promise<void>;
  /** All but the device that asks. */
  revokeAll(caller: Caller): Promise<{ revoked: number }>;
}
