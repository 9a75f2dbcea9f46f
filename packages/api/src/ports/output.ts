// The port through which the API reaches a terminal's stream: viewers, input, size. Implemented by apps/server.
import type { Ack, Attach, AttachEvent, Detached, DetachOthers, Input, InputResult, Resize, TakeControl } from '../schema/output.ts';
import type { Screen, ScreenRequest } from '../schema/screen.ts';
import type { Session } from '../schema/session.ts';
import type { Caller } from '../caller.ts';

/** One event with its place in the stream, from which a later attach goes on. */
export interface PlacedEvent {
  readonly id: string;
  readonly event: AttachEvent;
}

/** What the transport knows of the viewer's connection: bytes accepted and not yet sent. */
export interface Backlog {
  bufferedBytes(): number;
  /** False once the connection is gone. */
  isOpen(): boolean;
}

export interface OutputPort {
  /** Becomes a viewer until the signal ends it. UNKNOWN_SESSION, BAD_INPUT. */
  attach(request: Attach, caller: Caller, backlog: Backlog, signal: AbortSignal): AsyncIterable<PlacedEvent>;
  /** Types once per (session, viewer, n). INPUT_GAP when a number before it is missing. SESSION_ENDED, INPUT_BUFFER_FULL. */
  input(request: Input, caller: Caller): Promise<InputResult>;
  /** Cumulative: everything before `offset` has been parsed by the viewer's terminal. Unknown viewers are ignored. */
  ack(request: Ack): void;
  /** The screen at minOffset or later. UNKNOWN_SESSION; HOST_UNREACHABLE when it is not there within 5 s. */
  screen(request: ScreenRequest): Promise<Screen>;
  /** NOT_CONTROLLER unless this viewer sets the size. */
  resize(request: Resize, caller: Caller): Promise<Session>;
  /** From now on this viewer sets the size. NOT_ATTACHED when it is not there. */
  takeControl(request: TakeControl, caller: Caller): Promise<Session>;
  /** Sends all other viewers away: their streams end with DETACHED. UNKNOWN_SESSION. */
  detachOthers(request: DetachOthers): Promise<Detached>;
}
