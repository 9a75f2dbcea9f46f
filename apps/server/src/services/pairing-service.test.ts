import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ApiErrorCode, Caller } from '@cotg/api';
import { ApiError } from '@cotg/api';
import { openCatalog } from '@cotg/db/catalog';
import type { Catalog } from '@cotg/db/catalog';
import { hashToken } from '../http/credentials.ts';
import { makeLogger } from '../log.ts';
import { Audit } from './audit.ts';
import { DeviceService } from './device-service.ts';
import { LoginLimits } from './login-limits.ts';
import { typedCodeOf } from './pairing-codes.ts';
import { PairingService } from './pairing-service.ts';
import type { Redeemed } from './pairing-service.ts';

const owner: Caller = { kind: 'owner', address: 'console' };
const admin: Caller = { kind: 'device', deviceId: 'd', role: 'admin', address: '::1' };
const ASK = { role: 'admin', approve: false } as const;
const APPROVED = { role: 'admin', approve: true } as const;
const log = makeLogger({ level: 'silent', format: 'json', name: 'server' });
let folder: string;
let catalog: Catalog;
let now: number;
let devices: DeviceService;
let pairing: PairingService;

async function open(): Promise<PairingService> {
  const audit = new Audit(catalog.audit, log);
  devices = await DeviceService.open({ catalog, audit, idleMs: 0, lifetimeMs: 0, log });
  const limits = await LoginLimits.open({ store: catalog.loginAttempts, keyOf: (address) => address, log });
  return new PairingService({ devices, limits, audit, publicUrl: () => 'https://box.example.org', now: () => now });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cotg-pairing-'));
  catalog = await openCatalog({ path: join(folder, 'catalog.db') });
  now = 1000;
  pairing = await open();
});
afterEach(async () => {
  devices.close();
  await catalog.close();
  rmSync(folder, { recursive: true });
});

async function codeOf(attempt: Promise<unknown>): Promise<ApiErrorCode | 'no error'> {
  return attempt.then(
    () => 'no error' as const,
    (error: unknown) => {
      if (error instanceof ApiError) return error.code;
      throw error;
    },
  );
}

const secretOf = ({ link }: { link: string }): string => link.slice(link.indexOf('#') + 1);

function waiting(redeemed: Redeemed): Extract<Redeemed, { kind: 'waiting' }> {
  if (redeemed.kind !== 'waiting') throw new Error('it was let in');
  return redeemed;
}

function paired(redeemed: Redeemed): Extract<Redeemed, { kind: 'paired' }> {
  if (redeemed.kind !== 'paired') throw new Error('it waits');
  return redeemed;
}

test('S17, S20: a link has 128 random bits in its fragment, a code 40, and either lets one device in, once', async () => {
  const offer = pairing.start(owner, APPROVED);
  expect(new URL(offer.link)).toMatchObject({ origin: 'https://box.example.org', pathname: '/pair', search: '' });
  expect(secretOf(offer)).toMatch(/^[\w-]{22}$/);
  expect(offer.code).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
  const device = paired(await pairing.redeem(secretOf(offer), 'phone', { address: '::1' }));
  expect(devices.find(hashToken(device.token))).toEqual({ id: device.id, role: 'admin' });
  for (const code of [secretOf(offer), offer.code])
    expect(await codeOf(pairing.redeem(code, 'thief', { address: '::1' }))).toBe('PAIRING_CODE_USED');

  const { code } = pairing.start(owner, APPROVED);
  // As people type.
  expect(
    (
      await pairing.redeem(` ${code.toLowerCase().replace('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l')}`, 'tablet', {
        address: '::1',
      })
    ).kind,
  ).toBe('paired');
});

test('S17: five wrong typed codes end every typed code that is open; the link goes on', async () => {
  const offer = pairing.start(owner, APPROVED);
  const wrong = typedCodeOf(offer.code) === 'ZZZZZZZZ' ? 'YYYY-YYYY' : 'ZZZZ-ZZZZ';
  // From many addresses: no single one comes to its own limit.
  for (let n = 0; n < 5; n += 1) {
    await expect(pairing.redeem(wrong, 'x', { address: `10.0.0.${n}` })).rejects.toMatchObject({
      code: 'PAIRING_CODE_INVALID',
      message: n === 4 ? 'Wrong code.' : n === 3 ? 'Wrong code. 1 try left.' : `Wrong code. ${4 - n} tries left.`,
    });
  }
  expect(await codeOf(pairing.redeem(offer.code, 'x', { address: '10.0.1.1' }))).toBe('PAIRING_CODE_INVALID');
  expect(await codeOf(pairing.redeem(secretOf(offer), 'phone', { address: '10.0.1.1' }))).toBe('no error');
});

test('S18: of many that race for one code exactly one wins, in each of 1000 rounds', async () => {
  for (let round = 0; round < 1000; round += 1) {
    const offer = pairing.start(owner, ASK);
    const results = await Promise.all(
      [secretOf(offer), secretOf(offer), secretOf(offer)].map((code) => codeOf(pairing.redeem(code, 'phone', { address: '::1' }))),
    );
    expect(results.filter((result) => result === 'no error')).toHaveLength(1);
  }
});

test('S17: a code is worth nothing after five minutes, after a restart, or when it was never one', async () => {
  const late = secretOf(pairing.start(owner, APPROVED));
  now += 5 * 60_000;
  expect(await codeOf(pairing.redeem(late, 'phone', { address: '::1' }))).toBe('PAIRING_CODE_EXPIRED');
  expect(await codeOf(pairing.redeem(late, 'phone', { address: '::1' }))).toBe('PAIRING_CODE_EXPIRED');
  const early = secretOf(pairing.start(owner, APPROVED));
  devices.close();
  expect(await codeOf((await open()).redeem(early, 'phone', { address: '::1' }))).toBe('PAIRING_CODE_INVALID');
  expect(await codeOf(pairing.redeem('guess', 'phone', { address: '::1' }))).toBe('PAIRING_CODE_INVALID');
});

test('S19: whoever redeems waits with a number, and is let in when somebody who made the offer says so', async () => {
  const offer = pairing.start(owner, { role: 'watch', approve: false });
  expect(pairing.status(offer.id, owner)).toEqual({ state: 'open', name: null, address: null, match: null });
  const { request, match } = waiting(await pairing.redeem(secretOf(offer), 'My\u202ephone\n', { address: '10.1.2.3' }));
  expect(match).toMatch(/^\d{4}$/);
  expect(waiting(await pairing.poll(request, { address: '10.1.2.3' })).match).toBe(match);
  expect(pairing.status(offer.id, owner)).toEqual({ state: 'waiting', name: 'Myphone', address: '10.1.2.3', match });

  const other = match === '0000' ? '0001' : '0000';
  expect(() => pairing.decide({ id: offer.id, match: other, isApproved: true }, owner)).toThrow(ApiError);
  expect(() => pairing.decide({ id: offer.id, match, isApproved: true }, admin)).toThrow('no such pairing');
  expect(waiting(await pairing.poll(request, { address: '10.1.2.3' })).match).toBe(match);

  pairing.decide({ id: offer.id, match, isApproved: true }, owner);
  const device = paired(await pairing.poll(request, { address: '10.1.2.3' }));
  expect(devices.find(hashToken(device.token))).toEqual({ id: device.id, role: 'watch' });
  expect(await codeOf(pairing.poll(request, { address: '10.1.2.3' }))).toBe('PAIRING_CODE_USED');
});

test('S19: refused, or not decided in time, is not let in', async () => {
  const refused = pairing.start(admin, ASK);
  const first = waiting(await pairing.redeem(secretOf(refused), 'phone', { address: '::1' }));
  pairing.decide({ id: refused.id, match: first.match, isApproved: false }, admin);
  expect(await codeOf(pairing.poll(first.request, { address: '::1' }))).toBe('PAIRING_REFUSED');
  const late = pairing.start(owner, ASK);
  const second = waiting(await pairing.redeem(secretOf(late), 'phone', { address: '::1' }));
  now += 2 * 60_000;
  expect(() => pairing.decide({ id: late.id, match: second.match, isApproved: true }, owner)).toThrow(ApiError);
  expect(await codeOf(pairing.poll(second.request, { address: '::1' }))).toBe('PAIRING_CODE_EXPIRED');
  expect(devices.list(owner)).toEqual([]);
});

test('S19: only the owner and admin devices may make a code, and only the owner one that asks nothing', () => {
  expect(() => pairing.start({ ...admin, role: 'type' }, ASK)).toThrow(ApiError);
  expect(() => pairing.start({ ...admin, role: 'watch' }, ASK)).toThrow(ApiError);
  expect(() => pairing.start(admin, APPROVED)).toThrow('Only at the computer');
  expect(pairing.start(admin, ASK).role).toBe('admin');
});

test('an approval at the computer is for the next device: one that waits, or the first that comes', async () => {
  const offer = pairing.start(owner, ASK);
  const { request } = waiting(await pairing.redeem(secretOf(offer), 'phone', { address: '::1' }));
  pairing.start(owner, APPROVED);
  expect((await pairing.poll(request, { address: '::1' })).kind).toBe('paired');

  const [early, late] = [pairing.start(owner, ASK), pairing.start(owner, APPROVED)];
  expect((await pairing.redeem(secretOf(early), 'phone', { address: '::1' })).kind).toBe('paired');
  expect((await pairing.redeem(secretOf(late), 'phone', { address: '::1' })).kind).toBe('waiting');
});

test('S7, S23: devices survive a restart, are stored as hashes only, and what is revoked stays so', async () => {
  const [first, second] = [
    paired(await pairing.redeem(secretOf(pairing.start(owner, APPROVED)), 'phone', { address: '::1' })),
    paired(await pairing.redeem(secretOf(pairing.start(owner, APPROVED)), 'tablet', { address: '::1' })),
  ];
  const known = (token: string): boolean => devices.find(hashToken(token)) !== undefined;
  await open();
  expect([known(first.token), known(second.token)]).toEqual([true, true]);
  for (const file of readdirSync(folder)) {
    const bytes = readFileSync(join(folder, file));
    for (const form of [first.token, Buffer.from(first.token, 'base64url').toString('hex'), Buffer.from(first.token).toString('base64')])
      expect(bytes.includes(form)).toBe(false);
  }
  await devices.revoke(first.id, owner);
  expect([known(first.token), known(second.token)]).toEqual([false, true]);
  await open();
  expect([known(first.token), known(second.token)]).toEqual([false, true]);
  expect(await devices.revokeAll(owner)).toEqual({ revoked: 1 });
  await open();
  expect([known(first.token), known(second.token)]).toEqual([false, false]);
});

test('S9: the sixth wrong code within a minute is refused with when to try again, after a restart too; a good link is not', async () => {
  for (let n = 0; n < 5; n += 1) expect(await codeOf(pairing.redeem(`guess-${n}`, 'x', { address: '::1' }))).toBe('PAIRING_CODE_INVALID');
  const isLimited = { code: 'TOO_MANY_REQUESTS', retryAfterS: expect.closeTo(60, -1) as number };
  await expect(pairing.redeem('one-more', 'x', { address: '::1' })).rejects.toMatchObject(isLimited);
  pairing = await open();
  await expect(pairing.redeem('one-more', 'x', { address: '::1' })).rejects.toMatchObject(isLimited);
  await expect(pairing.poll('one-more', { address: '::1' })).rejects.toMatchObject(isLimited);
  // What can be guessed is limited even when it is right.
  const offer = pairing.start(owner, APPROVED);
  await expect(pairing.redeem(offer.code, 'x', { address: '::1' })).rejects.toMatchObject(isLimited);
  expect(await codeOf(pairing.redeem(secretOf(offer), 'phone', { address: '::1' }))).toBe('no error');
  expect(await codeOf(pairing.redeem('guess', 'x', { address: '10.0.0.1' }))).toBe('PAIRING_CODE_INVALID');
});

test('S10: two hundred addresses together come to a limit, too', async () => {
  const outcomes: string[] = [];
  for (let n = 0; n < 200; n += 1) outcomes.push(await codeOf(pairing.redeem(`guess-${n}`, 'x', { address: `127.0.1.${n}` })));
  expect(outcomes.slice(0, 60)).toEqual(Array.from({ length: 60 }, () => 'PAIRING_CODE_INVALID'));
  expect(new Set(outcomes.slice(60))).toEqual(new Set(['TOO_MANY_REQUESTS']));
});
