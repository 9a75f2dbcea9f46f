// Owns the devices that were let in, as the running server knows them: who they are, what they may do, until when, and what of
// theirs is open. Implements DevicesPort. Tokens are known by their hash only.
//
// A device that is revoked, gets other rights or comes to the end of its time loses what it has open at once.
import { ApiError, may } from '@cotg/api';
import type { Caller, Device, DeviceRole, DevicesPort, Me } from '@cotg/api';
import type { Catalog, Device as StoredDevice, NewDevice } from '@cotg/db/catalog';
import type { KnownDevice } from '../http/credentials.ts';
import type { Audit } from './audit.ts';
import { cleanLabel } from './clean-label.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';

/** How late an open socket may notice that its device's time is over. */
const LOOK_EVERY_MS = 500;
/** The catalog keeps `lastSeenAt` to the minute: each write is synced. */
const SEEN_STEP_MS = 60_000;
/**
 * So long (ms) after it was let in a device must have been used once. A page asks for something within a second; a device that has not done so by
 * then never got the answer with its token, and nobody will ever use it.
 */
const FIRST_USE_MS = 10 * 60_000;
const DEFAULT_NAME = 'Browser';

/** Why what a device had open ends. */
export type DeviceEnd = 'revoked' | 'expired' | 'rights changed';

interface LiveDevice {
  readonly tokenHash: string;
  readonly id: string;
  name: string;
  role: DeviceRole;
  readonly createdAt: number;
  /** Null: never. */
  lastSeenAt: number | null;
  /** What the catalog has. */
  storedSeenAt: number | null;
  readonly open: Set<(why: DeviceEnd) => void>;
}

export interface DeviceServiceOptions {
  readonly catalog: Catalog;
  readonly audit: Audit;
  /** Without any request for so long a device must be let in anew; 0: never. Milliseconds. */
  readonly idleMs: number;
  /** However much it is used; 0: never. Milliseconds. */
  readonly lifetimeMs: number;
  readonly log: Logger;
  /** Epoch milliseconds. */
  readonly now?: () => number;
}

export class DeviceService implements DevicesPort {
  readonly #options: DeviceServiceOptions;
  readonly #now: () => number;
  readonly #byHash = new Map<string, LiveDevice>();
  readonly #byId = new Map<string, LiveDevice>();
  /** What is out once this one is used. */
  readonly #replaces = new Map<string, { readonly id: string; readonly by: Caller }>();
  readonly #timer: ReturnType<typeof setInterval>;

  private constructor(options: DeviceServiceOptions, stored: readonly (StoredDevice & { readonly tokenHash: string })[]) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    for (const device of stored) this.#add(device);
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  static async open(options: DeviceServiceOptions): Promise<DeviceService> {
    return new DeviceService(options, await options.catalog.devices.active());
  }

  /** The device with this token, if it is still let in; it counts as seen. */
  find(tokenHash: Buffer): KnownDevice | undefined {
    const device = this.#byHash.get(tokenHash.toString('hex'));
    if (!device || this.#isOver(device)) return undefined;
    this.seen(device.id);
    return { id: device.id, role: device.role };
  }

  /** It asked for something. */
  seen(id: string): void {
    const device = this.#byId.get(id);
    if (!device || this.#isOver(device)) return;
    device.lastSeenAt = Math.max(device.lastSeenAt ?? 0, this.#now());
    const replaced = this.#replaces.get(id);
    if (replaced) {
      this.#replaces.delete(id);
      void this.#replace(replaced.id, replaced.by);
    }
    if (device.storedSeenAt !== null && device.lastSeenAt - device.storedSeenAt < SEEN_STEP_MS) return;
    device.storedSeenAt = device.lastSeenAt;
    this.#options.catalog.devices
      .touch(id, device.lastSeenAt)
      .catch((error: unknown) => this.#options.log.warn({ error: messageOf(error) }, 'when a device was seen could not be written down'));
  }

  /** Something of this caller's is open; `end` is called when it must not be any more, at once when it must not be already. */
  opened(caller: Caller, end: (why: DeviceEnd) => void): () => void {
    if (caller.kind === 'owner') return () => undefined;
    const device = this.#byId.get(caller.deviceId);
    if (!device || device.role !== caller.role) {
      end('revoked');
      return () => undefined;
    }
    device.open.add(end);
    return () => void device.open.delete(end);
  }

  /** `replaces`: what the same browser has been until now. It is out once the new one is used: the answer that lets it in may be lost. */
  async admit(device: NewDevice, replaces?: { readonly id: string; readonly by: Caller }): Promise<void> {
    await this.#options.catalog.devices.insert(device);
    this.#add({ ...device, lastSeenAt: null });
    if (replaces) this.#replaces.set(device.id, replaces);
  }

  me(caller: Caller): Me {
    if (caller.kind === 'owner') return { role: 'admin', device: null };
    const device = this.#byId.get(caller.deviceId);
    return { role: caller.role, device: device ? this.#view(device, caller) : null };
  }

  list(caller: Caller): readonly Device[] {
    return [...this.#byId.values()].filter((device) => !this.#isOver(device)).map((device) => this.#view(device, caller));
  }

  async rename(id: string, name: string, caller: Caller): Promise<Device> {
    const device = this.#own(id, caller);
    const clean = cleanLabel(name);
    if (clean === '') throw new ApiError('BAD_INPUT', 'A device has a name.');
    await this.#options.catalog.devices.rename(id, clean);
    device.name = clean;
    await this.#options.audit.record(caller, 'device.rename', { device: id, name: clean });
    return this.#view(device, caller);
  }

  async setRole(id: string, role: DeviceRole, caller: Caller): Promise<Device> {
    if (!may(caller, 'admin')) throw new ApiError('FORBIDDEN', 'This device may not say what others may do.');
    const device = this.#get(id);
    if (device.role !== role) {
      await this.#options.catalog.devices.setRole(id, role);
      device.role = role;
      this.#cut(device, 'rights changed');
      await this.#options.audit.record(caller, 'device.role', { device: id, role });
    }
    return this.#view(device, caller);
  }

  async revoke(id: string, caller: Caller): Promise<void> {
    const device = this.#own(id, caller);
    // First here: it is out even while the disk is slow, and its row follows.
    this.#drop(device, 'revoked');
    await this.#options.catalog.devices.revoke(id, this.#now());
    await this.#options.audit.record(caller, 'device.revoke', { device: id, name: device.name });
  }

  /** Nothing happens when that is out already. */
  async #replace(id: string, by: Caller): Promise<void> {
    const device = this.#byId.get(id);
    if (!device) return;
    this.#drop(device, 'revoked');
    try {
      await this.#options.catalog.devices.revoke(id, this.#now());
      await this.#options.audit.record(by, 'device.replace', { device: id, name: device.name });
    } catch (error) {
      // It is out here; after a restart it would be in again, as before.
      this.#options.log.error({ error: messageOf(error), device: id }, 'a device that was replaced could not be stored as such');
    }
  }

  async revokeAll(caller: Caller): Promise<{ revoked: number }> {
    if (!may(caller, 'admin')) throw new ApiError('FORBIDDEN', 'This device may not revoke others.');
    const exceptId = caller.kind === 'device' ? caller.deviceId : undefined;
    const gone = [...this.#byId.values()].filter(({ id }) => id !== exceptId);
    for (const device of gone) this.#drop(device, 'revoked');
    await this.#options.catalog.devices.revokeAll(this.#now(), exceptId === undefined ? {} : { exceptId });
    await this.#options.audit.record(caller, 'device.revoke-all', { count: gone.length });
    return { revoked: gone.length };
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #add(device: Omit<StoredDevice, 'revokedAt'> & { readonly tokenHash: string }): void {
    const { id, name, role, createdAt, lastSeenAt, tokenHash } = device;
    const live = { id, name, role, createdAt, lastSeenAt, storedSeenAt: lastSeenAt, tokenHash, open: new Set<(why: DeviceEnd) => void>() };
    this.#byHash.set(tokenHash, live);
    this.#byId.set(id, live);
  }

  #get(id: string): LiveDevice {
    const device = this.#byId.get(id);
    if (!device) throw new ApiError('UNKNOWN_DEVICE', 'There is no such device.');
    return device;
  }

  /** One that the caller may change: itself, or any as admin. Whoever may not is not told whether it exists. */
  #own(id: string, caller: Caller): LiveDevice {
    if (!may(caller, 'admin') && !(caller.kind === 'device' && caller.deviceId === id))
      throw new ApiError('FORBIDDEN', 'This device may not change another one.');
    return this.#get(id);
  }

  #endsAt(device: LiveDevice): number {
    const { idleMs, lifetimeMs } = this.#options;
    return Math.min(
      device.lastSeenAt === null ? device.createdAt + FIRST_USE_MS : Number.POSITIVE_INFINITY,
      idleMs === 0 ? Number.POSITIVE_INFINITY : (device.lastSeenAt ?? device.createdAt) + idleMs,
      lifetimeMs === 0 ? Number.POSITIVE_INFINITY : device.createdAt + lifetimeMs,
    );
  }

  #isOver(device: LiveDevice): boolean {
    return this.#now() >= this.#endsAt(device);
  }

  #look(): void {
    for (const device of this.#byId.values()) if (device.open.size > 0 && this.#isOver(device)) this.#cut(device, 'expired');
  }

  #cut(device: LiveDevice, why: DeviceEnd): void {
    for (const end of device.open) end(why);
    device.open.clear();
  }

  #drop(device: LiveDevice, why: DeviceEnd): void {
    this.#replaces.delete(device.id);
    this.#byHash.delete(device.tokenHash);
    this.#byId.delete(device.id);
    this.#cut(device, why);
  }

  #view(device: LiveDevice, caller: Caller): Device {
    const endsAt = this.#endsAt(device);
    return {
      id: device.id,
      name: device.name === '' ? DEFAULT_NAME : device.name,
      role: device.role,
      createdAt: new Date(device.createdAt).toISOString(),
      lastSeenAt: device.lastSeenAt === null ? null : new Date(device.lastSeenAt).toISOString(),
      signedOutAt: Number.isFinite(endsAt) ? new Date(endsAt).toISOString() : null,
      connections: device.open.size,
      isThis: caller.kind === 'device' && caller.deviceId === device.id,
    };
  }
}
