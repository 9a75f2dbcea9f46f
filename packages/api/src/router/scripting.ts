// Owns the procedures that make terminals scriptable: waiting, a page of history. Parse, call a port, nothing else.
import { historyPage, historyRequest } from '../schema/history.ts';
import { waitFor, waitResult } from '../schema/wait.ts';
import { watchProcedure } from '../trpc.ts';

const never = (): AbortSignal => new AbortController().signal;

export const scriptingProcedures = {
  waitFor: watchProcedure
    .input(waitFor)
    .output(waitResult)
    .query(({ ctx, input, signal }) => ctx.scripting.waitFor(input, ctx.caller, ctx.backlog, signal ?? never())),
  history: watchProcedure
    .input(historyRequest)
    .output(historyPage)
    .query(({ ctx, input, signal }) => ctx.scripting.history(input, signal ?? never())),
};
