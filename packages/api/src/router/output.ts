// Owns the stream procedures: attach, input, ack, resize. Parse, call a port, nothing else.
import { tracked } from '@trpc/server';
import { ack, attach, detachOthers, detached, input, inputResult, resize, takeControl } from '../schema/output.ts';
import type { AttachEvent } from '../schema/output.ts';
import { screen, screenRequest } from '../schema/screen.ts';
import { session } from '../schema/session.ts';
import { typeProcedure, watchProcedure } from '../trpc.ts';

/** Bytes as base64 text, for clients that read JSON frames only. Typed as AttachEvent: our own client never asks for it. */
function withBase64(event: AttachEvent): AttachEvent {
  const text = (bytes: Uint8Array): Uint8Array => toBase64(bytes) as unknown as Uint8Array;
  if (event.type === 'output' || event.type === 'part') return { ...event, bytes: text(event.bytes) };
  if (event.type === 'snapshot') return { ...event, state: text(event.state) };
  return event;
}

/** btoa takes a string of byte values; built in slices because a call has a limited number of arguments. */
const SLICE_BYTES = 8192;
function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) text += String.fromCharCode(...bytes.subarray(at, at + SLICE_BYTES));
  return btoa(text);
}

export const outputProcedures = {
  attach: watchProcedure.input(attach).subscription(async function* ({ ctx, input: request, signal }) {
    using _open = ctx.limits.openStream();
    const ended = signal ?? new AbortController().signal;
    for await (const { id, event } of ctx.output.attach(request, ctx.caller, ctx.backlog, ended)) {
      // Every event is tracked: an untracked one would clear the link's lastEventId.
      yield tracked(id, request.encoding === 'base64' ? withBase64(event) : event);
    }
  }),
  input: typeProcedure
    .input(input)
    .output(inputResult)
    .mutation(({ ctx, input: request }) => ctx.output.input(request, ctx.caller)),
  ack: watchProcedure.input(ack).mutation(({ ctx, input: request }) => {
    ctx.output.ack(request);
    return {};
  }),
  screen: watchProcedure
    .input(screenRequest)
    .output(screen)
    .query(({ ctx, input: request }) => ctx.output.screen(request)),
  resize: typeProcedure
    .input(resize)
    .output(session)
    .mutation(({ ctx, input: request }) => ctx.output.resize(request, ctx.caller)),
  takeControl: typeProcedure
    .input(takeControl)
    .output(session)
    .mutation(({ ctx, input: request }) => ctx.output.takeControl(request, ctx.caller)),
  detachOthers: typeProcedure
    .input(detachOthers)
    .output(detached)
    .mutation(({ ctx, input: request }) => ctx.output.detachOthers(request)),
};
