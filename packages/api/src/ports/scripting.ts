// The port through which scripts wait for a terminal and read what it has printed. Implemented by apps/server.
import type { Caller } from '../caller.ts';
import type { HistoryPage, HistoryRequest } from '../schema/history.ts';
import type { WaitFor, WaitResult } from '../schema/wait.ts';
import type { Backlog } from './output.ts';

export interface ScriptingPort {
  /**
   * Resolves with the first thing that is met, or with the time-out; ends when the caller's connection does. UNKNOWN_SESSION, PATTERN_INVALID,
   * BAD_INPUT (an offset that does not exist yet), TOO_MANY_REQUESTS (too many waits of this caller).
   */
  waitFor(request: WaitFor, caller: Caller, backlog: Pick<Backlog, 'isOpen'>, signal: AbortSignal): Promise<WaitResult>;
  /** UNKNOWN_SESSION, BAD_INPUT (ends before it begins), TOO_LARGE (a page that draws far more than it says). */
  history(request: HistoryRequest, signal: AbortSignal): Promise<HistoryPage>;
}
