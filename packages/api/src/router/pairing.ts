// Owns the procedures that let a device in.
import { pairingLink } from '../schema/status.ts';
import { adminProcedure } from '../trpc.ts';

export const pairingProcedures = {
  start: adminProcedure.output(pairingLink).mutation(({ ctx }) => ctx.pairing.start(ctx.caller)),
};
