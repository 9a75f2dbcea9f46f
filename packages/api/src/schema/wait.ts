// Owns the shape of waiting for a terminal: what can be waited for, and what was met.
import { z } from 'zod';
import { offset, sessionId } from './ids.ts';
import { endReason, runState } from './session.ts';

/** Longer waits are asked again: a forgotten one must not hold an emulator for ever. */
export const MAX_WAIT_MS = 60 * 60_000;
const DEFAULT_WAIT_MS = 30_000;
/** Shorter pauses happen in the middle of any output. */
const MIN_IDLE_MS = 50;
/** A line of a terminal is hardly longer. */
const MAX_WAIT_TEXT_CHARS = 1024;

export const waitFor = z
  .object({
    sessionId,
    text: z
      .string()
      .min(1)
      .max(MAX_WAIT_TEXT_CHARS)
      .refine((text) => !/[\r\n]/.test(text), 'must be within one line')
      .optional()
      .describe('Met by a line that holds this text, on the screen or on its way out of it. Wrapped rows are one line.'),
    pattern: z
      .string()
      .min(1)
      .max(MAX_WAIT_TEXT_CHARS)
      .optional()
      .describe('Met by a line that this RE2 expression finds something in: no look-around, no back-references.'),
    idleMs: z
      .number()
      .int()
      .min(MIN_IDLE_MS)
      .max(MAX_WAIT_MS)
      .optional()
      .describe('Met when nothing has been printed for so long, counted from now.'),
    exit: z.literal(true).optional().describe('Met when the program has ended.'),
    timeoutMs: z.number().int().min(1).max(MAX_WAIT_MS).default(DEFAULT_WAIT_MS),
    fromOffset: offset.optional().describe('Only what was printed from here on counts; default: also what is on the screen now.'),
  })
  .strict()
  .refine(
    ({ text, pattern, idleMs, exit }) => text !== undefined || pattern !== undefined || idleMs !== undefined || exit === true,
    'one of text, pattern, idleMs and exit at least',
  );
export type WaitFor = z.output<typeof waitFor>;

const ended = { state: runState, exitCode: z.number().int().nullable(), signal: z.string().nullable(), reason: endReason.nullable() };

/** The first that was met. `exit` comes whether or not it was asked for: after it nothing else can be met. `offset`: what has been looked at. */
export const waitResult = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('text'), offset, line: z.string() }),
  z.object({ kind: z.literal('pattern'), offset, line: z.string() }),
  z.object({ kind: z.literal('idle'), offset }),
  z.object({ kind: z.literal('exit'), offset, ...ended }),
  z.object({ kind: z.literal('timeout'), code: z.literal('TIMEOUT'), offset }),
]);
export type WaitResult = z.infer<typeof waitResult>;
