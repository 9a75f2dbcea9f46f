// Owns the shape of the server's own state and of pairing, as scripts and pages see them.
import { z } from 'zod';

export const status = z
  .object({
    server: z.object({ pid: z.number().int(), version: z.string(), startedAt: z.iso.datetime() }),
    host: z.object({ pid: z.number().int(), version: z.string(), protocol: z.number().int(), startedAt: z.iso.datetime() }),
    screens: z.object({ pid: z.number().int() }).nullable(),
    dataDir: z.string(),
    sessions: z.number().int(),
    storage: z.object({
      state: z.enum(['ok', 'paused', 'memory']),
      journalBytes: z.number().int(),
      catalogBytes: z.number().int(),
      damaged: z.array(
        z.object({
          file: z.string(),
          sessionId: z.string().optional(),
          from: z.number().optional(),
          to: z.number().optional(),
          setAside: z.string().optional(),
          at: z.iso.datetime(),
        }),
      ),
    }),
  })
  .meta({ id: 'Status' });
export type Status = z.infer<typeof status>;

export const backup = z.object({ folder: z.string(), files: z.array(z.string()) }).meta({ id: 'Backup' });
export type Backup = z.infer<typeof backup>;

export const importCounts = z
  .object({
    imported: z.number().int(),
    present: z.number().int().describe('There already, from an earlier import.'),
    refusedCount: z.number().int(),
    refused: z.array(z.object({ id: z.string(), reason: z.string() })).describe('The first ones, with why.'),
    bytes: z.number().int(),
  })
  .meta({ id: 'ImportCounts' });
export type ImportCounts = z.infer<typeof importCounts>;

export const finding = z
  .object({
    file: z.string(),
    kind: z.string(),
    sessionId: z.string().optional(),
    from: z.number().optional(),
    to: z.number().optional(),
    detail: z.string(),
  })
  .meta({ id: 'Finding' });
export type Finding = z.infer<typeof finding>;

/** A device's rights, weakest first: look; look and type, start profiles; everything. */
export const deviceRole = z.enum(['watch', 'type', 'admin']);
export type DeviceRole = z.infer<typeof deviceRole>;

export const device = z
  .object({ id: z.string(), name: z.string(), role: deviceRole, createdAt: z.iso.datetime(), lastSeenAt: z.iso.datetime().nullable() })
  .meta({ id: 'Device' });
export type Device = z.infer<typeof device>;

export const pairRequest = z
  .object({ code: z.string().min(1).max(128), name: z.string().max(64).optional() })
  .strict()
  .meta({ id: 'PairRequest' });
export type PairRequest = z.infer<typeof pairRequest>;

export const pairingLink = z.object({ link: z.string(), code: z.string(), expiresAt: z.iso.datetime() }).meta({ id: 'PairingLink' });
export type PairingLink = z.infer<typeof pairingLink>;
