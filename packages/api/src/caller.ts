// Owns who calls and what they may do. Pure.
import type { DeviceRole } from './schema/device.ts';

/** Who is calling, established by the one gate before anything else runs. */
export type Caller =
  | { readonly kind: 'owner'; readonly address: string }
  | { readonly kind: 'device'; readonly deviceId: string; readonly role: DeviceRole; readonly address: string };

/** Rights, weakest first. The owner token and `admin` devices have all of them. */
const RANK: Readonly<Record<DeviceRole, number>> = { watch: 0, type: 1, admin: 2 };

export function may(caller: Caller, right: DeviceRole): boolean {
  return caller.kind === 'owner' || RANK[caller.role] >= RANK[right];
}
