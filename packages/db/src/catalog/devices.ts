// Owns the devices that were let in: who they are, what they may do, whether they still may. Tokens are known by their hash only.
import type { Kysely, Selectable } from 'kysely';
import type { CatalogSchema, DeviceTable } from './schema.ts';

/** `admin` starts anything, `type` starts profiles and types, `watch` looks on. */
export type DeviceRole = 'admin' | 'type' | 'watch';

export interface Device {
  readonly id: string;
  readonly name: string;
  readonly role: DeviceRole;
  readonly createdAt: number;
  /** Null: never used since it was let in. */
  readonly lastSeenAt: number | null;
  readonly revokedAt: number | null;
}

export interface NewDevice {
  readonly id: string;
  readonly name: string;
  /** SHA-256 of the token, lower-case hex. */
  readonly tokenHash: string;
  readonly role: DeviceRole;
  readonly createdAt: number;
}

export type Devices = ReturnType<typeof makeDevices>;

/** How exact `lastSeenAt` is (ms): every request touches its device, and every write of the catalog is synced. */
const LAST_SEEN_STEP_MS = 60_000;
/** `last_seen_at` of a device that has not been used yet. */
const NEVER = 0;

export function makeDevices(db: Kysely<CatalogSchema>) {
  return {
    async insert(device: NewDevice): Promise<void> {
      const { id, name, tokenHash, role, createdAt } = device;
      await db
        .insertInto('device')
        .values({ id, name, token_hash: tokenHash, role, created_at: createdAt, last_seen_at: NEVER, revoked_at: null })
        .execute();
    },

    /** The device with this token, unless it was revoked: there is no way to let a revoked one in by forgetting to ask. */
    async findByTokenHash(tokenHash: string): Promise<Device | undefined> {
      const row = await db
        .selectFrom('device')
        .selectAll()
        .where('token_hash', '=', tokenHash)
        .where('revoked_at', 'is', null)
        .executeTakeFirst();
      return row === undefined ? undefined : toDevice(row);
    },

    /** Hash and device of everyone who is let in now, for a server that asks at every request. */
    async active(): Promise<(Device & { readonly tokenHash: string })[]> {
      const rows = await db.selectFrom('device').selectAll().where('revoked_at', 'is', null).execute();
      return rows.map((row) => ({ ...toDevice(row), tokenHash: row.token_hash }));
    },

    /** Notes that the device was seen; to the minute, and the first time at once. */
    async touch(id: string, at: number): Promise<void> {
      await db
        .updateTable('device')
        .set({ last_seen_at: at })
        .where('id', '=', id)
        .where((where) => where.or([where('last_seen_at', '=', NEVER), where('last_seen_at', '<=', at - LAST_SEEN_STEP_MS)]))
        .execute();
    },

    /** All, the revoked too; oldest first. */
    async list(): Promise<Device[]> {
      const rows = await db.selectFrom('device').selectAll().orderBy('created_at').orderBy('id').execute();
      return rows.map(toDevice);
    },

    /** False when there is no such device. */
    async rename(id: string, name: string): Promise<boolean> {
      const result = await db.updateTable('device').set({ name }).where('id', '=', id).executeTakeFirst();
      return result.numUpdatedRows > 0n;
    },

    /** False when there is no such device. */
    async setRole(id: string, role: DeviceRole): Promise<boolean> {
      const result = await db.updateTable('device').set({ role }).where('id', '=', id).executeTakeFirst();
      return result.numUpdatedRows > 0n;
    },

    /** False when there is no such device or it is revoked already. */
    async revoke(id: string, at: number): Promise<boolean> {
      const result = await db
        .updateTable('device')
        .set({ revoked_at: at })
        .where('id', '=', id)
        .where('revoked_at', 'is', null)
        .executeTakeFirst();
      return result.numUpdatedRows > 0n;
    },

    /** Revokes every device (but `exceptId`); returns the ids of those that could still come in until now. */
    async revokeAll(at: number, options: { readonly exceptId?: string } = {}): Promise<string[]> {
      const { exceptId } = options;
      const rows = await db
        .updateTable('device')
        .set({ revoked_at: at })
        .where('revoked_at', 'is', null)
        .$if(exceptId !== undefined, (query) => query.where('id', '!=', exceptId ?? ''))
        .returning('id')
        .execute();
      return rows.map((row) => row.id);
    },
  };
}

function toDevice(row: Selectable<DeviceTable>): Device {
  return {
    id: row.id,
    name: row.name,
    // The column has a check for exactly these.
    role: row.role as DeviceRole,
    createdAt: row.created_at,
    lastSeenAt: row.last_seen_at === NEVER ? null : row.last_seen_at,
    revokedAt: row.revoked_at,
  };
}
