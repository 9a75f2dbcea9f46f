// Owns the profile procedures: parse, call a port, nothing else.
import { z } from 'zod';
import { profile } from '../schema/profile.ts';
import { watchProcedure } from '../trpc.ts';

export const profileProcedures = {
  list: watchProcedure.output(z.array(profile).readonly()).query(({ ctx }) => ctx.profiles.list()),
};
