// Owns the session procedures: parse, call a port, nothing else.
import { tracked } from '@trpc/server';
import { z } from 'zod';
import { sessionId } from '../schema/ids.ts';
import { createSession, session, updateSession } from '../schema/session.ts';
import { typeProcedure, watchProcedure } from '../trpc.ts';

const byId = z.object({ sessionId }).strict();

export const sessionProcedures = {
  list: watchProcedure.output(z.array(session).readonly()).query(({ ctx }) => ctx.sessions.list()),
  get: watchProcedure
    .input(byId)
    .output(session)
    .query(({ ctx, input }) => ctx.sessions.get(input.sessionId)),
  create: typeProcedure
    .input(createSession)
    .output(session)
    .mutation(({ ctx, input }) => ctx.sessions.create(input, ctx.caller)),
  update: typeProcedure
    .input(z.object({ sessionId, change: updateSession }).strict())
    .output(session)
    .mutation(({ ctx, input }) => ctx.sessions.update(input.sessionId, input.change, ctx.caller)),
  kill: typeProcedure
    .input(byId)
    .output(session)
    .mutation(({ ctx, input }) => ctx.sessions.kill(input.sessionId, ctx.caller)),
  restart: typeProcedure
    .input(byId)
    .output(session)
    .mutation(({ ctx, input }) => ctx.sessions.restart(input.sessionId, ctx.caller)),
  remove: typeProcedure.input(byId).mutation(async ({ ctx, input }) => {
    await ctx.sessions.remove(input.sessionId, ctx.caller);
    return {};
  }),
  /** The whole list, then changes. After a reconnect the list comes again: there is nothing to resume. */
  watch: watchProcedure
    .input(
      z
        .object({ lastEventId: z.string().max(64).optional() })
        .strict()
        .optional(),
    )
    .subscription(async function* ({ ctx, signal }) {
      using _open = ctx.limits.openStream();
      let n = 0;
      for await (const event of ctx.sessions.watch(signal ?? new AbortController().signal)) {
        n += 1;
        yield tracked(String(n), event);
      }
    }),
};
