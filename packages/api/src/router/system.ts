// Owns the procedures about the server itself.
import { status } from '../schema/status.ts';
import { watchProcedure } from '../trpc.ts';

export const systemProcedures = {
  status: watchProcedure.output(status).query(({ ctx }) => ctx.system.status()),
};
