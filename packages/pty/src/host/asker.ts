// Owns what a request may know of the connection that asked.
import type { SessionId } from '../protocol/messages.ts';

/** The connection that asked. */
export interface Asker {
  /** `patient`: nobody waits for an echo behind it. */
  follow(id: SessionId, patient: boolean): void;
  unfollow(id: SessionId): void;
  /** Aborted when the connection ends. */
  readonly signal: AbortSignal;
}
