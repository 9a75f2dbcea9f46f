import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Caller, DeviceRole } from '@cotg/api';
import { openCatalog } from '@cotg/db/catalog';
import type { Catalog } from '@cotg/db/catalog';
import { hashToken } from '../http/credentials.ts';
import { makeLogger } from '../log.ts';
import { Audit } from './audit.ts';
import { DeviceService } from './device-service.ts';

const log = makeLogger({ level: 'silent', format: 'json', name: 'server' });
const DAY_MS = 86_400_000;
let folder: string;
let catalog: Catalog;
let now: number;
let devices: DeviceService;

const open = (): Promise<DeviceService> =>
  DeviceService.open({ catalog, audit: new Audit(catalog.audit, log), idleMs: 30 * DAY_MS, lifetimeMs: 365 * DAY_MS, log, now: () => now });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cotg-devices-'));
  catalog = await openCatalog({ path: join(folder, 'catalog.db') });
  now = 1_790_000_000_000;
  devices = await open();
});
afterEach(async () => {
  devices.close();
  await catalog.close();
  rmSync(folder, { recursive: true });
});

async function admit(id: string, role: DeviceRole = 'admin'): Promise<Caller> {
  await devices.admit({ id, name: id, role, tokenHash: hashToken(id).toString('hex'), createdAt: now });
  return { kind: 'device', deviceId: id, role, address: '::1' };
}
const isIn = (id: string): boolean => devices.find(hashToken(id)) !== undefined;

test('S24: unused for its idle time, or older than its lifetime, a device is out, and what it has open is cut', async () => {
  const caller = await admit('phone');
  const ends: string[] = [];
  expect(isIn('phone')).toBe(true);
  devices.opened(caller, (why) => ends.push(why));
  now += 29 * DAY_MS;
  expect(isIn('phone')).toBe(true);
  now += 29 * DAY_MS;
  devices.seen('phone');
  now += 30 * DAY_MS;
  await vi.waitFor(() => expect(ends).toEqual(['expired']), { timeout: 10_000 });
  expect(isIn('phone')).toBe(false);
  // It stays out, also behind a restart, and a late message of it changes nothing.
  devices.seen('phone');
  devices.close();
  devices = await open();
  expect(isIn('phone')).toBe(false);

  await admit('tablet');
  expect(isIn('tablet')).toBe(true);
  for (let days = 0; days < 360; days += 20) {
    expect(isIn('tablet')).toBe(true);
    now += 20 * DAY_MS;
  }
  expect(isIn('tablet')).toBe(true);
  now += 5 * DAY_MS;
  expect(isIn('tablet')).toBe(false);
});

test('S24: a device that nobody has used within ten minutes, its answer was lost, is out; one use keeps it, over a restart too', async () => {
  const owner: Caller = { kind: 'owner', address: '::1' };
  const made = new Date(now).toISOString();
  await admit('lost');
  await admit('used');
  expect(devices.list(owner)).toMatchObject([
    { id: 'lost', createdAt: made, lastSeenAt: null, signedOutAt: new Date(now + 600_000).toISOString() },
    { id: 'used', createdAt: made, lastSeenAt: null },
  ]);
  now += 5;
  expect(isIn('used')).toBe(true);
  await vi.waitFor(async () => expect((await catalog.devices.list()).filter(({ lastSeenAt }) => lastSeenAt !== null)).toHaveLength(1));
  devices.close();
  devices = await open();
  now += 599_994;
  expect(devices.list(owner).map(({ id, lastSeenAt }) => [id, lastSeenAt])).toEqual([
    ['lost', null],
    ['used', new Date(now - 599_994).toISOString()],
  ]);
  now += 1;
  expect([isIn('lost'), isIn('used')]).toEqual([false, true]);
  expect(devices.list(owner).map(({ id }) => id)).toEqual(['used']);
});

test('S22: what a revoked device has open ends at once, and nothing new opens; others go on', async () => {
  const [phone, tablet] = [await admit('phone'), await admit('tablet')];
  const ends: string[] = [];
  devices.opened(phone, (why) => ends.push(`phone ${why}`));
  devices.opened(tablet, (why) => ends.push(`tablet ${why}`));
  await devices.revoke('phone', tablet);
  expect(ends).toEqual(['phone revoked']);
  devices.opened(phone, (why) => ends.push(`again ${why}`));
  expect(ends).toEqual(['phone revoked', 'again revoked']);
  expect([isIn('phone'), isIn('tablet')]).toEqual([false, true]);
});

test('S25: another device is for admins to change, oneself for everybody, and rights are what is stored, not what is claimed', async () => {
  const [phone, guest] = [await admit('phone'), await admit('guest', 'watch')];
  await expect(devices.revoke('phone', guest)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await expect(devices.revoke('nobody', guest)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await expect(devices.rename('phone', 'mine', guest)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await expect(devices.setRole('guest', 'admin', guest)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await expect(devices.revokeAll(guest)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await expect(devices.revoke('nobody', phone)).rejects.toMatchObject({ code: 'UNKNOWN_DEVICE' });
  expect(await devices.rename('guest', ' gu\u202eest\u0007 2', guest)).toMatchObject({ name: 'guest 2', isThis: true });
  await expect(devices.rename('guest', '\n', guest)).rejects.toMatchObject({ code: 'BAD_INPUT' });

  const ends: string[] = [];
  devices.opened(guest, (why) => ends.push(why));
  expect(await devices.setRole('guest', 'type', phone)).toMatchObject({ role: 'type' });
  expect(ends).toEqual(['rights changed']);
  expect(devices.find(hashToken('guest'))).toEqual({ id: 'guest', role: 'type' });
  // A socket that was let in with the rights of before.
  devices.opened(guest, (why) => ends.push(why));
  expect(ends).toHaveLength(2);
  await devices.revoke('guest', { kind: 'device', deviceId: 'guest', role: 'type', address: '::1' });
  expect(isIn('guest')).toBe(false);
});

test('S67: what is done to devices stands in the audit: when, by whom, from where', async () => {
  const phone = await admit('phone');
  await admit('guest', 'watch');
  await devices.rename('guest', 'visitor', phone);
  await devices.setRole('guest', 'type', phone);
  await devices.revoke('guest', phone);
  await devices.revokeAll({ kind: 'owner', address: '127.0.0.1' });
  expect((await catalog.audit.list()).map(({ actor, action, detail }) => ({ actor, action, detail }))).toEqual([
    { actor: 'owner', action: 'device.revoke-all', detail: { address: '127.0.0.1', count: 1 } },
    { actor: 'device:phone', action: 'device.revoke', detail: { address: '::1', device: 'guest', name: 'visitor' } },
    { actor: 'device:phone', action: 'device.role', detail: { address: '::1', device: 'guest', role: 'type' } },
    { actor: 'device:phone', action: 'device.rename', detail: { address: '::1', device: 'guest', name: 'visitor' } },
  ]);
});
