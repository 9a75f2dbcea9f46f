// Owns the shape of devices and of how one gets in, as scripts and pages see them.
import { z } from 'zod';

/** A device's rights, weakest first: look; look and type, start profiles; everything. */
export const deviceRole = z.enum(['watch', 'type', 'admin']);
export type DeviceRole = z.infer<typeof deviceRole>;

export const deviceId = z.uuid();
/** As a person writes it; control characters are taken out. */
export const deviceName = z.string().max(64);

export const device = z
  .object({
    id: z.string(),
    name: z.string(),
    role: deviceRole,
    createdAt: z.iso.datetime(),
    lastSeenAt: z.iso.datetime().nullable().describe('To the minute; null: not used yet.'),
    signedOutAt: z.iso.datetime().nullable().describe('When it must be let in anew unless it is used before; null: never.'),
    connections: z.number().int().describe('Open now.'),
    isThis: z.boolean().describe('Whoever asks.'),
  })
  .meta({ id: 'Device' });
export type Device = z.infer<typeof device>;

/** Who is asking: the owner token, or a device. */
export const me = z.object({ role: deviceRole, device: device.nullable().describe('Null for the owner token.') }).meta({ id: 'Me' });
export type Me = z.infer<typeof me>;

export const updateDevice = z.object({ deviceId, name: deviceName.optional(), role: deviceRole.optional() }).strict();
export type UpdateDevice = z.infer<typeof updateDevice>;

/** A code of a link or as a person types it; then, while somebody decides, what that was answered. */
export const pairRequest = z
  .union([
    z.object({ code: z.string().min(1).max(128), name: deviceName.optional() }).strict(),
    z.object({ request: z.string().min(1).max(128) }).strict(),
  ])
  .meta({ id: 'PairRequest' });
export type PairRequest = z.infer<typeof pairRequest>;

export const paired = z.object({ deviceId: z.string() }).meta({ id: 'Paired' });
export const pairWaiting = z
  .object({
    request: z.string().describe('Send it again until somebody has decided.'),
    match: z.string().describe('Four digits; whoever decides sees the same.'),
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: 'PairWaiting' });
export type PairWaiting = z.infer<typeof pairWaiting>;

export const startPairing = z
  .object({
    role: deviceRole.default('admin'),
    approve: z.boolean().default(false).describe('The next device is let in without a question; only with the owner token.'),
  })
  .strict()
  .default({ role: 'admin', approve: false });
export type StartPairing = z.infer<typeof startPairing>;

/** What lets one device in, once: the link with its secret in the fragment, or the code, typed on the page /pair. */
export const pairingLink = z
  .object({ id: z.string(), link: z.string(), code: z.string(), role: deviceRole, expiresAt: z.iso.datetime() })
  .meta({ id: 'PairingLink' });
export type PairingLink = z.infer<typeof pairingLink>;

export const pairingId = z.uuid();
export const decidePairing = z.object({ id: pairingId, match: z.string().regex(/^\d{4}$/), isApproved: z.boolean() }).strict();
export type DecidePairing = z.infer<typeof decidePairing>;

export const pairingStatus = z
  .object({
    /** open: nobody came yet; waiting: somebody asks; approved: it is being let in; paired, refused, expired: over. */
    state: z.enum(['open', 'waiting', 'approved', 'paired', 'refused', 'expired']),
    name: z.string().nullable(),
    address: z.string().nullable(),
    match: z.string().nullable(),
  })
  .meta({ id: 'PairingStatus' });
export type PairingStatus = z.infer<typeof pairingStatus>;

export const auditEntry = z
  .object({
    id: z.number().int(),
    at: z.iso.datetime(),
    actor: z.string().describe('owner, device:<id>, host, nobody.'),
    action: z.string(),
    sessionId: z.string().nullable(),
    detail: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'AuditEntry' });
export type AuditEntry = z.infer<typeof auditEntry>;

export const auditQuery = z
  .object({ limit: z.number().int().min(1).max(500).default(100), beforeId: z.number().int().positive().optional() })
  .strict()
  .default({ limit: 100 });
export type AuditQuery = z.infer<typeof auditQuery>;
