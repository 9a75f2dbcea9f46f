// Owns the shape of the server's own state, as scripts and pages see it.
import { z } from 'zod';

export const status = z
  .object({
    server: z.object({
      pid: z.number().int(),
      version: z.string(),
      startedAt: z.iso.datetime(),
      isInsecure: z.boolean().describe('Plain http is open to the network (COTG_INSECURE): anyone there can read and type.'),
    }),
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
