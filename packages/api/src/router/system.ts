// Owns the procedures about the server itself.
import { z } from 'zod';
import { backup, finding, status } from '../schema/status.ts';
import { adminProcedure, watchProcedure } from '../trpc.ts';

export const systemProcedures = {
  backup: adminProcedure.output(backup).mutation(({ ctx }) => ctx.system.backup()),
  verify: adminProcedure.output(z.array(finding).readonly()).query(({ ctx }) => ctx.system.verify()),
  status: watchProcedure.output(status).query(({ ctx }) => ctx.system.status()),
};
