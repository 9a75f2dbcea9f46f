// Owns the shape of a session as scripts and pages see it, and of what creates or changes one.
import { z } from 'zod';
import { offset, sessionId } from './ids.ts';

export const runState = z.enum(['starting', 'running', 'exited', 'killed', 'lost']);
export type RunState = z.infer<typeof runState>;

export const endReason = z.enum(['exit', 'signal', 'user', 'idle', 'limit', 'host-lost', 'failed-to-start']);
export type EndReason = z.infer<typeof endReason>;

/** A terminal smaller or larger than this is a mistake or an attack (a cell costs 12 bytes in every emulator). */
export const MAX_CELLS_PER_SIDE = 1000;
/** Argument vector and environment: half of Linux's 128 KiB limit for a single string is already far beyond use. */
const MAX_ARGUMENT_CHARS = 64 * 1024;
const MAX_ARGUMENTS = 256;
const MAX_ENV_ENTRIES = 256;
const MAX_PATH_CHARS = 4096;
const MAX_NAME_CHARS = 256;
/** 1 TiB: larger than any journal, small enough to stay exact. */
const MAX_HISTORY_BYTES = 2 ** 40;
const MIN_HISTORY_BYTES = 64 * 1024;

export const size = z.number().int().min(1).max(MAX_CELLS_PER_SIDE);

const noNul = (text: string): boolean => !text.includes('\0');
const argument = z.string().max(MAX_ARGUMENT_CHARS).refine(noNul, 'must not contain NUL');

/** `90s`, `5m`, `24h`, `0` = never; milliseconds as a number. At least 1 s. */
export const duration = z
  .union([z.literal('0'), z.string().regex(/^\d{1,9}(\.\d{1,3})?(ms|s|m|h|d)$/), z.number().int().min(0)])
  .describe('90s, 5m, 24h, or milliseconds; 0 = never. At least 1 s.');

export const session = z
  .object({
    id: sessionId,
    name: z.string().nullable(),
    title: z.string().describe("The name, else the terminal's own title, else the command."),
    profile: z.string().nullable(),
    command: z.array(z.string()),
    cwd: z.string(),
    run: z.number().int().describe('Number of the newest run, from 1.'),
    pid: z.number().int().nullable().describe('Null after the end.'),
    state: runState,
    alive: z.boolean(),
    reason: endReason.nullable().describe('Why the run ended; null while it runs.'),
    exitCode: z.number().int().nullable(),
    signal: z.string().nullable(),
    cols: size,
    rows: size,
    createdAt: z.iso.datetime(),
    lastActivityAt: z.iso.datetime(),
    endedAt: z.iso.datetime().nullable(),
    idleEndsAt: z.iso.datetime().nullable().describe('When a sweep would end it if nothing happens; null = never.'),
    removedAt: z.iso.datetime().nullable().describe('When an ended session will be removed; null = not planned.'),
    firstOffset: offset.describe('First byte of output still kept.'),
    endOffset: offset.describe('One past the last stored byte of output.'),
    storedBytes: z.number().int().min(0),
    maxHistoryBytes: z.number().int(),
    viewers: z.number().int().min(0),
    attention: z.boolean(),
    pinned: z.boolean().describe('A pinned session stays after its end until somebody removes it.'),
    forecast: z.string().nullable().describe('What will happen by itself, when and why, in words; null = nothing.'),
  })
  .meta({ id: 'Session' });
export type Session = z.infer<typeof session>;

export const createSession = z
  .object({
    command: z
      .array(argument)
      .min(1)
      .max(MAX_ARGUMENTS)
      .refine(([program = '']) => program !== '' && program[0] !== '-', 'must begin with a program')
      .optional()
      .describe('Argument vector; default: the COTG_COMMAND setting, else a profile. Never a shell line; needs “admin”.'),
    profile: z.string().max(64).optional().describe('Name of a profile, instead of a command; see `profile.list`.'),
    cwd: z
      .string()
      .min(1)
      .max(MAX_PATH_CHARS)
      .refine(noNul, 'must not contain NUL')
      .optional()
      .describe("Absolute folder; default: the owner's home."),
    env: z
      .record(
        z
          .string()
          .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
          .max(256),
        argument,
      )
      .refine((env) => Object.keys(env).length <= MAX_ENV_ENTRIES, 'too many entries')
      .optional(),
    name: z.string().max(MAX_NAME_CHARS).optional(),
    cols: size.optional(),
    rows: size.optional(),
    maxHistoryBytes: z.number().int().min(MIN_HISTORY_BYTES).max(MAX_HISTORY_BYTES).optional(),
    idleTimeout: duration.optional(),
  })
  .strict()
  .meta({ id: 'CreateSession' });
export type CreateSession = z.infer<typeof createSession>;

export const updateSession = z
  .object({
    name: z.string().max(MAX_NAME_CHARS).nullable().optional(),
    maxHistoryBytes: z.number().int().min(MIN_HISTORY_BYTES).max(MAX_HISTORY_BYTES).optional(),
    idleTimeout: duration.optional(),
    pinned: z.boolean().optional(),
  })
  .strict()
  .meta({ id: 'UpdateSession' });
export type UpdateSession = z.infer<typeof updateSession>;

/** What `session.watch` yields: the whole list first, then changes. */
export type SessionListEvent =
  | { readonly type: 'list'; readonly sessions: readonly Session[] }
  | { readonly type: 'session'; readonly session: Session }
  | { readonly type: 'removed'; readonly sessionId: string }
  /** The last rendered lines that are not blank, with their colours as escape sequences; at most twice a second. */
  | { readonly type: 'preview'; readonly sessionId: string; readonly lines: readonly string[] };
