// Owns how a device gets in: one-time codes, who redeems them, who approves that. Implements PairingPort.
//
// An offer has a link (128 random bits) and a code to type (40 bits, five wrong tries at most); it lives 5 minutes and in memory only
// (a restart ends it), and works once. Whoever redeems it waits with a number of four digits until somebody at the computer, or on the
// device that made the offer, has seen the same number. Only the link that the server prints on its own terminal, and what the owner
// approved beforehand, is let in at once: who can read the owner's terminal is the owner.
import { randomBytes, randomUUID } from 'node:crypto';
import { ApiError, may } from '@cotg/api';
import type { Caller, DecidePairing, DeviceRole, PairingLink, PairingPort, PairingStatus, PairWaiting, StartPairing } from '@cotg/api';
import { hashToken } from '../http/credentials.ts';
import type { Audit } from './audit.ts';
import { cleanLabel } from './clean-label.ts';
import type { DeviceService } from './device-service.ts';
import type { LoginLimits } from './login-limits.ts';
import { keyOf, makeLinkSecret, makeMatch, makeRequestSecret, makeTypedCode, typedCodeOf } from './pairing-codes.ts';

const CODE_LIFE_MS = 5 * 60 * 1000;
/** Whoever waits with a number is decided about within this. */
const CLAIM_LIFE_MS = 2 * 60 * 1000;
/** Wrong typed codes, over all callers; then no typed code that is open works any more. Links go on. */
const MAX_WRONG_TYPED = 5;
/** Offers remembered, open and over: asking for links cannot fill the memory, and the second user of a link is told the truth. */
const MAX_OPEN = 20;
const MAX_OVER = 200;
const DEVICE_TOKEN_BYTES = 32;

interface Claim {
  readonly requestKey: string;
  readonly match: string;
  readonly name: string;
  readonly address: string;
  readonly expiresAt: number;
}

type State = PairingStatus['state'];

interface Offer {
  readonly id: string;
  /** OWNER, or the device that made it. */
  readonly by: string;
  readonly linkKey: string;
  readonly typedKey: string;
  readonly role: DeviceRole;
  readonly expiresAt: number;
  state: State;
  claim?: Claim;
  wrongTyped: number;
  /** Somebody at the computer said beforehand that the next one may come in; open offers share it. */
  approval?: { isLeft: boolean };
}

/** Where a request to be let in comes from. */
export interface From {
  readonly address: string;
  /** What this browser has been until now; being let in anew puts that out. */
  readonly formerDevice?: string | undefined;
}

export type Redeemed =
  | { readonly kind: 'paired'; readonly id: string; readonly token: string }
  | ({ readonly kind: 'waiting' } & PairWaiting);

export interface PairingOptions {
  readonly devices: DeviceService;
  readonly limits: LoginLimits;
  readonly audit: Audit;
  readonly publicUrl: () => string;
  /** How long a code lives; 5 minutes by default. */
  readonly codeLifeMs?: number;
  /** What is stored is forgotten when the server ends: nobody new is let in. */
  readonly isReadOnly?: boolean;
  readonly now?: () => number;
}

export class PairingService implements PairingPort {
  readonly #options: PairingOptions;
  readonly #now: () => number;
  readonly #codeLifeMs: number;
  /** In the order they were made. */
  readonly #offers = new Map<string, Offer>();

  constructor(options: PairingOptions) {
    this.#options = options;
    this.#codeLifeMs = options.codeLifeMs ?? CODE_LIFE_MS;
    // Monotonic: setting the clock back must not revive a code.
    this.#now = options.now ?? (() => performance.now());
  }

  start(caller: Caller, request: StartPairing): PairingLink {
    if (!may(caller, 'admin')) throw new ApiError('FORBIDDEN', 'Only the owner may let devices in.');
    if (request.approve && caller.kind !== 'owner')
      throw new ApiError('FORBIDDEN', 'Only at the computer can somebody be let in without a question.');
    if (this.#options.isReadOnly)
      throw new ApiError('STORAGE_FAILED', 'The data directory cannot be written: a new device would be forgotten.');
    const secret = makeLinkSecret();
    const code = makeTypedCode();
    const offer: Offer = {
      id: randomUUID(),
      by: ownerOf(caller),
      linkKey: keyOf(secret),
      typedKey: keyOf(typedCodeOf(code) ?? code),
      role: request.role,
      expiresAt: this.#now() + this.#codeLifeMs,
      state: 'open',
      wrongTyped: 0,
    };
    this.#offers.set(offer.id, offer);
    this.#forgetOld();
    if (request.approve) this.#approveNext();
    void this.#options.audit.record(caller, 'pairing.start', { pairing: offer.id, role: offer.role });
    // In the fragment: it is sent to no server and stands in no log.
    const link = `${this.#options.publicUrl()}/pair#${secret}`;
    return { id: offer.id, link, code, role: offer.role, expiresAt: new Date(Date.now() + this.#codeLifeMs).toISOString() };
  }

  status(id: string, caller: Caller): PairingStatus {
    return view(this.#mine(id, caller));
  }

  decide({ id, match, isApproved }: DecidePairing, caller: Caller): PairingStatus {
    const offer = this.#mine(id, caller);
    if (offer.state !== 'waiting' || offer.claim?.match !== match)
      throw new ApiError('BAD_INPUT', 'No device waits with that number.', { hint: 'It may have waited too long.' });
    offer.state = isApproved ? 'approved' : 'refused';
    const { name, address } = offer.claim;
    void this.#options.audit.record(caller, isApproved ? 'pairing.approve' : 'pairing.refuse', { pairing: id, name, device: address });
    return view(offer);
  }

  /** A code from a link or typed. Spends it before anything is awaited: of two at the same moment exactly one gets on. */
  async redeem(code: string, name: string, from: From): Promise<Redeemed> {
    const { address } = from;
    const offer = this.#byLink(code) ?? this.#byTyped(code);
    const typed = typedCodeOf(code);
    const isTyped = offer !== undefined && typed !== undefined && offer.linkKey !== keyOf(code);
    if (offer && !isTyped) return this.#claim(offer, name, from);
    // What could be guessed is limited even when it is right; a link of 128 bits cannot be.
    await this.#options.limits.check(address);
    if (offer && !isDeadTyped(offer)) return this.#claim(offer, name, from);
    const left = typed === undefined ? undefined : this.#countWrongTyped();
    await this.#refused(address, 'code');
    throw new ApiError(
      'PAIRING_CODE_INVALID',
      left === undefined
        ? 'This link is not valid (the server may have been restarted since).'
        : left > 0
          ? `Wrong code. ${left} ${left === 1 ? 'try' : 'tries'} left.`
          : 'Wrong code.',
      { hint: ASK_AGAIN },
    );
  }

  /** What a waiting device asks again and again. */
  async poll(request: string, from: From): Promise<Redeemed> {
    const { address } = from;
    const key = keyOf(request);
    const offer = [...this.#offers.values()].find(({ claim }) => claim?.requestKey === key);
    if (!offer?.claim) {
      await this.#options.limits.check(address);
      await this.#refused(address, 'request');
      throw new ApiError('PAIRING_CODE_INVALID', 'Nobody waits for this (the server may have been restarted since).', { hint: ASK_AGAIN });
    }
    this.#expire(offer);
    switch (offer.state) {
      case 'waiting':
        return this.#waiting(offer.claim, request);
      case 'approved':
        return this.#admit(offer, offer.claim, from);
      case 'refused':
        throw new ApiError('PAIRING_REFUSED', 'The computer said no.', { hint: ASK_AGAIN });
      case 'paired':
        throw used();
      default:
        throw expired();
    }
  }

  async #claim(offer: Offer, name: string, from: From): Promise<Redeemed> {
    this.#expire(offer);
    if (offer.state === 'expired') throw expired();
    if (offer.state !== 'open') throw used();
    const request = makeRequestSecret();
    const claim: Claim = {
      requestKey: keyOf(request),
      match: makeMatch(),
      name: cleanLabel(name),
      address: from.address,
      expiresAt: this.#now() + CLAIM_LIFE_MS,
    };
    offer.claim = claim;
    if (this.#takeApproval(offer)) return this.#admit(offer, claim, from);
    offer.state = 'waiting';
    return this.#waiting(claim, request);
  }

  /** Whoever waits already is the next; else the first to come with any offer that is open now. */
  #approveNext(): void {
    const waiting = [...this.#offers.values()].find(({ state, by }) => state === 'waiting' && by === OWNER);
    if (waiting) waiting.state = 'approved';
    const approval = { isLeft: true };
    for (const offer of this.#offers.values()) if (offer.state === 'open' && offer.by === OWNER) offer.approval = approval;
  }

  #takeApproval(offer: Offer): boolean {
    if (!offer.approval?.isLeft) return false;
    offer.approval.isLeft = false;
    return true;
  }

  #waiting(claim: Claim, request: string): Redeemed {
    const expiresAt = new Date(Date.now() + claim.expiresAt - this.#now()).toISOString();
    return { kind: 'waiting', request, match: claim.match, expiresAt };
  }

  async #admit(offer: Offer, claim: Claim, { formerDevice }: From): Promise<Redeemed> {
    offer.state = 'paired';
    const token = randomBytes(DEVICE_TOKEN_BYTES).toString('base64url');
    const { name, address } = claim;
    const device = { id: randomUUID(), name, role: offer.role, tokenHash: hashToken(token).toString('hex'), createdAt: Date.now() };
    const caller: Caller = { kind: 'device', deviceId: device.id, role: device.role, address };
    await this.#options.devices.admit(device, formerDevice === undefined ? undefined : { id: formerDevice, by: caller });
    await this.#options.audit.record(caller, 'device.pair', { name, role: offer.role, pairing: offer.id });
    return { kind: 'paired', id: device.id, token };
  }

  async #refused(address: string, what: 'code' | 'request'): Promise<void> {
    await this.#options.limits.wrong(address);
    await this.#options.audit.record({ kind: 'nobody', address }, 'pairing.wrong', { what });
  }

  #byLink(code: string): Offer | undefined {
    const key = keyOf(code);
    return [...this.#offers.values()].find(({ linkKey }) => linkKey === key);
  }

  #byTyped(code: string): Offer | undefined {
    const typed = typedCodeOf(code);
    if (typed === undefined) return undefined;
    const key = keyOf(typed);
    return [...this.#offers.values()].findLast(({ typedKey }) => typedKey === key);
  }

  /** A wrong one may have been meant for any that is open. How many tries are left; undefined when none is open. */
  #countWrongTyped(): number | undefined {
    let left: number | undefined;
    for (const offer of this.#offers.values()) {
      this.#expire(offer);
      if (offer.state !== 'open') continue;
      offer.wrongTyped += 1;
      left = Math.max(left ?? 0, MAX_WRONG_TYPED - offer.wrongTyped);
    }
    return left ?? 0;
  }

  #mine(id: string, caller: Caller): Offer {
    const offer = this.#offers.get(id);
    if (!offer || (caller.kind !== 'owner' && offer.by !== ownerOf(caller))) throw new ApiError('NOT_FOUND', 'There is no such pairing.');
    this.#expire(offer);
    return offer;
  }

  #expire(offer: Offer): void {
    const deadline = offer.state === 'open' ? offer.expiresAt : offer.claim?.expiresAt;
    const isPending = offer.state === 'open' || offer.state === 'waiting' || offer.state === 'approved';
    if (isPending && deadline !== undefined && this.#now() >= deadline) offer.state = 'expired';
  }

  #forgetOld(): void {
    const open = [...this.#offers.values()].filter(({ state }) => state === 'open');
    for (const offer of open.slice(0, Math.max(0, open.length - MAX_OPEN))) offer.state = 'expired';
    for (const id of this.#offers.keys()) {
      if (this.#offers.size <= MAX_OVER) return;
      this.#offers.delete(id);
    }
  }
}

const OWNER = 'owner';
const ASK_AGAIN = '`cotg pair` on the computer prints a new one.';
const used = (): ApiError => new ApiError('PAIRING_CODE_USED', 'This code was already used.', { hint: ASK_AGAIN });
const expired = (): ApiError => new ApiError('PAIRING_CODE_EXPIRED', 'This code has expired.', { hint: ASK_AGAIN });

const ownerOf = (caller: Caller): string => (caller.kind === 'owner' ? OWNER : caller.deviceId);
const isDeadTyped = (offer: Offer): boolean => offer.state === 'open' && offer.wrongTyped >= MAX_WRONG_TYPED;

function view({ state, claim }: Offer): PairingStatus {
  return { state, name: claim?.name ?? null, address: claim?.address ?? null, match: claim?.match ?? null };
}
