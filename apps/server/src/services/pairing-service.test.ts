import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ApiErrorCode } from '@cotg/api';
import { ApiError } from '@cotg/api';
import { openCatalog } from '@cotg/db/catalog';
import type { Catalog } from '@cotg/db/catalog';
import { hashToken } from '../http/credentials.ts';
import { PairingService } from './pairing-service.ts';

const owner = { kind: 'owner', address: 'console' } as const;
let folder: string;
let catalog: Catalog;
let now: number;
let pairing: PairingService;

const open = (): Promise<PairingService> => PairingService.open({ catalog, publicUrl: () => 'https://box.example.org', now: () => now });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cotg-pairing-'));
  catalog = await openCatalog({ path: join(folder, 'catalog.db') });
  now = 1000;
  pairing = await open();
});
afterEach(async () => {
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

test('a code lets one device in, once', async () => {
  const { code, link } = pairing.start(owner);
  expect(link).toBe(`https://box.example.org/pair#${code}`);
  const device = await pairing.redeem(code, 'phone', '::1');
  expect(pairing.findDevice(hashToken(device.token))).toEqual({ id: device.id, role: 'admin' });
  expect(await codeOf(pairing.redeem(code, 'thief', '::1'))).toBe('PAIRING_CODE_USED');
});

test('of many that race for one code exactly one wins, every time', async () => {
  for (let round = 0; round < 50; round += 1) {
    const { code } = pairing.start(owner);
    const results = await Promise.all([1, 2, 3, 4].map(() => codeOf(pairing.redeem(code, 'phone', '::1'))));
    expect(results.filter((result) => result === 'no error')).toHaveLength(1);
    now += 60_000;
  }
});

test('a code is worth nothing after five minutes, after a restart, or when it was never one', async () => {
  const late = pairing.start(owner).code;
  now += 5 * 60_000;
  expect(await codeOf(pairing.redeem(late, 'phone', '::1'))).toBe('PAIRING_CODE_EXPIRED');
  expect(await codeOf(pairing.redeem(late, 'phone', '::1'))).toBe('PAIRING_CODE_EXPIRED');
  const early = pairing.start(owner).code;
  expect(await codeOf((await open()).redeem(early, 'phone', '::1'))).toBe('PAIRING_CODE_INVALID');
  expect(await codeOf(pairing.redeem('guess', 'phone', '::1'))).toBe('PAIRING_CODE_INVALID');
});

test('devices survive a restart and are stored as hashes only', async () => {
  const device = await pairing.redeem(pairing.start(owner).code, 'phone', '::1');
  expect((await open()).findDevice(hashToken(device.token))).toEqual({ id: device.id, role: 'admin' });
  const { readFileSync, readdirSync } = await import('node:fs');
  for (const file of readdirSync(folder)) expect(readFileSync(join(folder, file)).includes(device.token)).toBe(false);
});

test('guessing is slowed for a minute, and never keeps the holder of a good link out', async () => {
  const { code } = pairing.start(owner);
  for (let guess = 0; guess < 30; guess += 1)
    expect(await codeOf(pairing.redeem(`guess-${guess}`, 'x', '::1'))).toBe('PAIRING_CODE_INVALID');
  expect(await codeOf(pairing.redeem('one-more', 'x', '::1'))).toBe('TOO_MANY_REQUESTS');
  expect(await codeOf(pairing.redeem(code, 'phone', '::1'))).toBe('no error');
  now += 60_000;
  expect(await codeOf(pairing.redeem('later', 'x', '::1'))).toBe('PAIRING_CODE_INVALID');
});

test('only the owner and admin devices may make a code', () => {
  expect(() => pairing.start({ kind: 'device', deviceId: 'd', role: 'type', address: '::1' })).toThrow(ApiError);
  expect(pairing.start({ kind: 'device', deviceId: 'd', role: 'admin', address: '::1' }).code).toMatch(/^[\w-]{22}$/);
});
