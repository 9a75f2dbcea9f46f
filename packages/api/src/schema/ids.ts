// Owns the identifiers of the wire: sessions, viewers, event ids. Must not know where they are stored.
import { z } from 'zod';

/** In lower case only, as it was given: one session has one id. */
export const sessionId = z.uuid().lowercase().describe('Id of a session: a UUID, kept by the client to find its session again.');
export type SessionId = string;

/** Characters that a viewer id may have: it ends up in log lines and in frame headers. */
export const viewerId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{8,64}$/)
  .describe('Made by the client, kept while inputs are unacknowledged. 8 to 64 letters, digits, _ or -.');

/** An output offset: bytes before a position, from 0 at the session's start; exact to 2^53. */
export const offset = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/**
 * A place in a session's stream: every entry up to it has been seen. `mark` is the id of the newest resize, seam, gap or
 * exit seen (0 = none): several of them can stand at one offset.
 */
export interface Position {
  readonly run: number;
  readonly offset: number;
  readonly mark: number;
}

/**
 * Event ids are `run.offset.seq`. `seq` holds the mark (whole part) and a counter of events that the journal does not keep
 * (title, bell, control …), so that two events at one offset have different ids and both arrive.
 */
const EPHEMERAL_SLOTS = 1024;

export function formatEventId(position: Position, ephemeral: number): string {
  return `${position.run}.${position.offset}.${position.mark * EPHEMERAL_SLOTS + (ephemeral % EPHEMERAL_SLOTS)}`;
}

/** The position an event id stands for; undefined when it is not one of ours. */
export function parseEventId(id: string): Position | undefined {
  const match = /^(\d{1,10})\.(\d{1,16})\.(\d{1,16})$/.exec(id);
  if (!match) return undefined;
  const [run, at, seq] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (!Number.isSafeInteger(at) || !Number.isSafeInteger(seq)) return undefined;
  return { run, offset: at, mark: Math.floor(seq / EPHEMERAL_SLOTS) };
}
