import { createHash, randomUUID } from 'node:crypto';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { openCatalog } from '../src/catalog.ts';
import type { NewDevice } from '../src/catalog.ts';
import { openTestCatalog, temporaryDirectory } from '../src/testing.ts';

function device(token: string, change: Partial<NewDevice> = {}): NewDevice {
  const tokenHash = createHash('sha256').update(token).digest('hex');
  return { id: randomUUID(), name: 'phone', tokenHash, role: 'type', createdAt: 1000, ...change };
}

describe('catalog', () => {
  it('has an id of its own that stays', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('catalog.db');
    const first = await openCatalog({ path });
    await first.close();
    const second = await openCatalog({ path });
    expect(first.instanceId).toMatch(/^[0-9a-f]{10}$/);
    expect(second.instanceId).toBe(first.instanceId);
    await second.close();
    await using other = await openTestCatalog();
    expect(other.catalog.instanceId).not.toBe(first.instanceId);
  });
});

describe('devices', () => {
  it('are found by the hash of their token until they are revoked', async () => {
    await using test = await openTestCatalog();
    const { devices } = test.catalog;
    const phone = device('secret');
    await devices.insert(phone);
    const { tokenHash, ...known } = phone;
    expect(await devices.findByTokenHash(tokenHash)).toEqual({ ...known, lastSeenAt: null, revokedAt: null });
    expect(await devices.findByTokenHash(device('other').tokenHash)).toBeUndefined();
    expect(await devices.revoke(phone.id, 2000)).toBe(true);
    expect(await devices.revoke(phone.id, 3000)).toBe(false);
    expect(await devices.findByTokenHash(tokenHash)).toBeUndefined();
    expect(await devices.list()).toEqual([{ ...known, lastSeenAt: null, revokedAt: 2000 }]);
  });

  it('stay revoked after the catalog was opened again', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('catalog.db');
    const phone = device('secret');
    const first = await openCatalog({ path });
    await first.devices.insert(phone);
    await first.devices.revoke(phone.id, 2000);
    await first.close();
    const second = await openCatalog({ path });
    expect(await second.devices.findByTokenHash(phone.tokenHash)).toBeUndefined();
    await second.close();
  });

  it('revoking all spares the one that asks', async () => {
    await using test = await openTestCatalog();
    const { devices } = test.catalog;
    const [mine, yours, gone] = [device('1'), device('2'), device('3')];
    for (const each of [mine, yours, gone]) await devices.insert(each);
    await devices.revoke(gone.id, 1500);
    expect(await devices.revokeAll(2000, { exceptId: mine.id })).toEqual([yours.id]);
    expect(await devices.findByTokenHash(mine.tokenHash)).toBeDefined();
    expect(await devices.revokeAll(3000)).toEqual([mine.id]);
    expect(await devices.revokeAll(4000)).toEqual([]);
  });

  it('a raw token in place of its hash, a token twice and an unknown role are refused', async () => {
    await using test = await openTestCatalog();
    const { devices } = test.catalog;
    await expect(devices.insert(device('x', { tokenHash: 'the token itself' }))).rejects.toThrow('CHECK');
    await expect(devices.insert(device('x', { role: 'root' as never }))).rejects.toThrow('CHECK');
    await devices.insert(device('x'));
    await expect(devices.insert(device('x'))).rejects.toThrow('UNIQUE');
  });

  it('have not been seen before their first use, then to the minute, and can be renamed', async () => {
    await using test = await openTestCatalog();
    const { devices } = test.catalog;
    const phone = device('x');
    await devices.insert(phone);
    expect((await devices.list())[0]?.lastSeenAt).toBeNull();
    await devices.touch(phone.id, 1001);
    expect((await devices.list())[0]?.lastSeenAt).toBe(1001);
    await devices.touch(phone.id, 30_000);
    expect((await devices.list())[0]?.lastSeenAt).toBe(1001);
    await devices.touch(phone.id, 61_001);
    expect((await devices.list())[0]?.lastSeenAt).toBe(61_001);
    expect(await devices.rename(phone.id, 'tablet')).toBe(true);
    expect((await devices.list())[0]?.name).toBe('tablet');
    expect(await devices.rename('nobody', 'x')).toBe(false);
  });
});

describe('sessions', () => {
  it('keep name, pin and profile', async () => {
    await using test = await openTestCatalog();
    const { sessions } = test.catalog;
    await sessions.insert({ sessionId: 'a', name: 'build', profile: 'claude', createdAt: 5 });
    await sessions.setPinned('a', true);
    await sessions.setName('a', null);
    expect(await sessions.get('a')).toEqual({ sessionId: 'a', name: null, pinned: true, profile: 'claude', createdAt: 5, endSeenAt: null });
    await sessions.remove('a');
    expect(await sessions.get('a')).toBeUndefined();
  });

  it('a session the catalog has not met can be named and pinned', async () => {
    await using test = await openTestCatalog();
    const { sessions } = test.catalog;
    await sessions.setName('a', 'found');
    await sessions.setPinned('b', true);
    expect((await sessions.list()).map(({ sessionId, name, pinned }) => [sessionId, name, pinned])).toEqual([
      ['a', 'found', false],
      ['b', null, true],
    ]);
  });

  it('the first time an end was seen counts, until the session runs again', async () => {
    await using test = await openTestCatalog();
    const { sessions } = test.catalog;
    await sessions.noteEndSeen('a', 100);
    await sessions.noteEndSeen('a', 200);
    expect((await sessions.get('a'))?.endSeenAt).toBe(100);
    await sessions.clearEndSeen('a');
    await sessions.noteEndSeen('a', 300);
    expect((await sessions.get('a'))?.endSeenAt).toBe(300);
  });
});

describe('audit', () => {
  it('lists the newest first, page by page', async () => {
    await using test = await openTestCatalog();
    const { audit } = test.catalog;
    for (let at = 1; at <= 5; at++) await audit.append({ at, actor: 'owner', action: 'session.create', sessionId: 's', detail: { at } });
    const first = await audit.list({ limit: 2 });
    expect(first.map(({ at }) => at)).toEqual([5, 4]);
    expect(first[0]).toMatchObject({ actor: 'owner', action: 'session.create', sessionId: 's', detail: { at: 5 } });
    const beforeId = first.at(-1)?.id ?? 0;
    expect((await audit.list({ beforeId })).map(({ at }) => at)).toEqual([3, 2, 1]);
  });

  it('keeps the newest fifty thousand entries', async () => {
    await using test = await openTestCatalog();
    const { audit } = test.catalog;
    const db = new Database(test.path);
    db.exec(`with recursive n(x) as (select 1 union all select x + 1 from n where x < 50000)
      insert into audit (id, at, actor, action, detail) select x, x, 'owner', 'x', '{}' from n`);
    await audit.append({ at: 1, actor: 'owner', action: 'newest' });
    expect(db.prepare('select count(*), min(id) from audit').raw().get()).toEqual([50_000, 2]);
    db.close();
  });
});
