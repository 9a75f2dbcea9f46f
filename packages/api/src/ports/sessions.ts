// The port through which the API reaches sessions. Implemented by apps/server. Failures are ApiError.
import type { CreateSession, Session, SessionListEvent, UpdateSession } from '../schema/session.ts';
import type { Caller } from '../caller.ts';

export interface SessionsPort {
  /** Newest activity first. */
  list(): Promise<readonly Session[]>;
  /** UNKNOWN_SESSION. */
  get(id: string): Promise<Session>;
  /** Resolves once the child runs. COMMAND_NOT_FOUND, CWD_NOT_FOUND, TOO_MANY_SESSIONS, FORBIDDEN; nothing half-created. */
  create(request: CreateSession, caller: Caller): Promise<Session>;
  update(id: string, change: UpdateSession, caller: Caller): Promise<Session>;
  /** Ends the process group and resolves once it has ended. SESSION_ENDED. */
  kill(id: string, caller: Caller): Promise<Session>;
  /** The same program in the same folder, as the next run. SESSION_ALIVE, COMMAND_NOT_FOUND, CWD_NOT_FOUND, TOO_MANY_SESSIONS. */
  restart(id: string, caller: Caller): Promise<Session>;
  /** Forgets an ended session and its history. SESSION_ALIVE. */
  remove(id: string, caller: Caller): Promise<void>;
  /** The whole list, then changes; ends with the signal. */
  watch(signal: AbortSignal): AsyncIterable<SessionListEvent>;
}
