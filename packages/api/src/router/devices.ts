// Owns the procedures about the devices that were let in.
import { z } from 'zod';
import { device, deviceId, me, updateDevice } from '../schema/device.ts';
import { adminProcedure, watchProcedure } from '../trpc.ts';

export const deviceProcedures = {
  me: watchProcedure.output(me).query(({ ctx }) => ctx.devices.me(ctx.caller)),
  list: adminProcedure.output(z.array(device).readonly()).query(({ ctx }) => ctx.devices.list(ctx.caller)),
  rename: watchProcedure
    .input(updateDevice.omit({ role: true }).required())
    .output(device)
    .mutation(({ ctx, input }) => ctx.devices.rename(input.deviceId, input.name, ctx.caller)),
  setRole: adminProcedure
    .input(updateDevice.omit({ name: true }).required())
    .output(device)
    .mutation(({ ctx, input }) => ctx.devices.setRole(input.deviceId, input.role, ctx.caller)),
  revoke: watchProcedure
    .input(z.object({ deviceId }).strict())
    .output(z.void())
    .mutation(({ ctx, input }) => ctx.devices.revoke(input.deviceId, ctx.caller)),
  revokeAll: adminProcedure.output(z.object({ revoked: z.number().int() })).mutation(({ ctx }) => ctx.devices.revokeAll(ctx.caller)),
};
