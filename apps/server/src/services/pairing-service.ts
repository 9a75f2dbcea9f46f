// Owns how a device gets in: one-time codes, and the devices they made. Implements PairingPort.
//
// A code is 128 random bits, lives 5 minutes and in memory only (a restart ends it), and works once. The first opening of
// the link printed at the computer is the approval: who can read the owner's terminal is the owner.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { ApiError, may } from '@cotg/api';
import type { Caller, PairingLink, PairingPort } from '@cotg/api';
import type { Catalog } from '@cotg/db/catalog';
import { hashToken } from '../http/credentials.ts';
import type { KnownDevice } from '../http/credentials.ts';

const CODE_BYTES = 16;
const CODE_LIFE_MS = 5 * 60 * 1000;
/** Open links at a time; the oldest gives way, so asking for links cannot fill the memory. */
const MAX_OPEN_CODES = 20;
/** Used codes remembered, so that the second user of a link is told the truth. */
const MAX_USED_CODES = 200;
const DEVICE_TOKEN_BYTES = 32;
/** Wrong codes per minute, over all callers: 128 bits cannot be guessed, but trying must not cost us anything either. */
const MAX_WRONG_PER_MINUTE = 30;
const MINUTE_MS = 60_000;

interface OpenCode {
  readonly expiresAt: number;
}

export interface NewDevice {
  readonly id: string;
  readonly token: string;
}

export interface PairingOptions {
  readonly catalog: Catalog;
  readonly publicUrl: () => string;
  /** How long a code lives; 5 minutes by default. */
  readonly codeLifeMs?: number;
  /** What is stored is forgotten when the server ends: nobody new is let in. */
  readonly isReadOnly?: boolean;
  readonly now?: () => number;
}

export class PairingService implements PairingPort {
  readonly #catalog: Catalog;
  readonly #isReadOnly: boolean;
  readonly #publicUrl: () => string;
  readonly #now: () => number;
  readonly #codeLifeMs: number;
  /** Keyed by hash: the codes themselves are nowhere once they are printed. */
  readonly #open = new Map<string, OpenCode>();
  readonly #used = new Map<string, 'used' | 'expired'>();
  readonly #devices = new Map<string, KnownDevice>();
  #wrong: number[] = [];

  private constructor(options: PairingOptions) {
    this.#catalog = options.catalog;
    this.#publicUrl = options.publicUrl;
    this.#isReadOnly = options.isReadOnly ?? false;
    this.#codeLifeMs = options.codeLifeMs ?? CODE_LIFE_MS;
    // Monotonic: setting the clock back must not revive a code.
    this.#now = options.now ?? (() => performance.now());
  }

  static async open(options: PairingOptions): Promise<PairingService> {
    const service = new PairingService(options);
    for (const { id, role, tokenHash } of await options.catalog.devices.active()) service.#devices.set(tokenHash, { id, role });
    return service;
  }

  findDevice(tokenHash: Buffer): KnownDevice | undefined {
    return this.#devices.get(tokenHash.toString('hex'));
  }

  start(caller: Caller): PairingLink {
    if (!may(caller, 'admin')) throw new ApiError('FORBIDDEN', 'Only the owner may let devices in.');
    if (this.#isReadOnly) throw new ApiError('STORAGE_FAILED', 'The data directory cannot be written: a new device would be forgotten.');
    const code = randomBytes(CODE_BYTES).toString('base64url');
    this.#open.set(keyOf(code), { expiresAt: this.#now() + this.#codeLifeMs });
    const [oldest] = this.#open.keys();
    if (this.#open.size > MAX_OPEN_CODES && oldest !== undefined) this.#close(oldest, 'expired');
    // In the fragment: it is sent to no server and stands in no log.
    return { code, link: `${this.#publicUrl()}/pair#${code}`, expiresAt: new Date(Date.now() + this.#codeLifeMs).toISOString() };
  }

  /** Spends the code before anything is awaited: of two at the same moment exactly one gets in. */
  async redeem(code: string, name: string, address: string): Promise<NewDevice> {
    const key = keyOf(code);
    const found = this.#open.get(key);
    if (!found) {
      // Only those who guess are slowed: nobody can keep the holder of a good link out.
      this.#checkRate();
      this.#wrong.push(this.#now());
      if (this.#used.get(key) === 'used') throw new ApiError('PAIRING_CODE_USED', 'This link was already used.', { hint: ASK_AGAIN });
      if (this.#used.get(key) === 'expired') throw new ApiError('PAIRING_CODE_EXPIRED', 'This link has expired.', { hint: ASK_AGAIN });
      throw new ApiError('PAIRING_CODE_INVALID', 'This link is not valid (the server may have been restarted since).', { hint: ASK_AGAIN });
    }
    if (this.#now() >= found.expiresAt) {
      this.#close(key, 'expired');
      throw new ApiError('PAIRING_CODE_EXPIRED', 'This link has expired.', { hint: ASK_AGAIN });
    }
    this.#close(key, 'used');
    const token = randomBytes(DEVICE_TOKEN_BYTES).toString('base64url');
    const device = { id: randomUUID(), name, role: 'admin' as const, tokenHash: hashToken(token).toString('hex'), createdAt: Date.now() };
    await this.#catalog.devices.insert(device);
    await this.#catalog.audit.append({ at: Date.now(), actor: `device:${device.id}`, action: 'device.pair', detail: { name, address } });
    this.#devices.set(device.tokenHash, { id: device.id, role: device.role });
    return { id: device.id, token };
  }

  #close(key: string, how: 'used' | 'expired'): void {
    this.#open.delete(key);
    this.#used.set(key, how);
    const [oldest] = this.#used.keys();
    if (this.#used.size > MAX_USED_CODES && oldest !== undefined) this.#used.delete(oldest);
  }

  #checkRate(): void {
    const since = this.#now() - MINUTE_MS;
    this.#wrong = this.#wrong.filter((at) => at > since);
    if (this.#wrong.length >= MAX_WRONG_PER_MINUTE) throw new ApiError('TOO_MANY_REQUESTS', 'Too many wrong codes; try again in a minute.');
  }
}

const ASK_AGAIN = '`cotg pair` on the computer prints a new one.';

function keyOf(code: string): string {
  return createHash('sha256').update(code).digest('hex');
}
