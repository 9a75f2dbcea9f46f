// Owns the procedures that let a device in.
import { z } from 'zod';
import { decidePairing, pairingId, pairingLink, pairingStatus, startPairing } from '../schema/device.ts';
import { adminProcedure } from '../trpc.ts';

export const pairingProcedures = {
  start: adminProcedure
    .input(startPairing)
    .output(pairingLink)
    .mutation(({ ctx, input }) => ctx.pairing.start(ctx.caller, input)),
  status: adminProcedure
    .input(z.object({ id: pairingId }).strict())
    .output(pairingStatus)
    .query(({ ctx, input }) => ctx.pairing.status(input.id, ctx.caller)),
  approve: adminProcedure
    .input(decidePairing)
    .output(pairingStatus)
    .mutation(({ ctx, input }) => ctx.pairing.decide(input, ctx.caller)),
};
