// Owns the procedures about the server itself.
import { z } from 'zod';
import { auditEntry, auditQuery } from '../schema/device.ts';
import { backup, finding, importCounts, status } from '../schema/status.ts';
import { adminProcedure, watchProcedure } from '../trpc.ts';

export const systemProcedures = {
  audit: adminProcedure
    .input(auditQuery)
    .output(z.array(auditEntry).readonly())
    .query(({ ctx, input }) => ctx.system.audit(input)),
  backup: adminProcedure.output(backup).mutation(({ ctx }) => ctx.system.backup()),
  importLegacy: adminProcedure
    .input(z.object({ path: z.string().min(1).max(4096).startsWith('/') }).strict())
    .output(importCounts)
    .mutation(({ ctx, input }) => ctx.system.importLegacy(input.path, ctx.caller)),
  verify: adminProcedure.output(z.array(finding).readonly()).query(({ ctx }) => ctx.system.verify()),
  status: watchProcedure.output(status).query(({ ctx }) => ctx.system.status()),
};
