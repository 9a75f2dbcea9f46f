// Owns the stream that a viewer gets and what it sends back: attach, input, acknowledgements, sizes.
import { z } from 'zod';
import type { EndReason, RunState, Session } from './session.ts';
import { size } from './session.ts';
import { offset, sessionId, viewerId } from './ids.ts';

export const attach = z
  .object({
    sessionId,
    viewerId,
    have: z
      .object({ run: z.number().int().min(1), offset, mark: z.number().int().min(0) })
      .optional()
      .describe('Where this viewer is: everything up to here has been parsed.'),
    cols: size.optional().describe('The size this viewer would like; used when it is the controller.'),
    rows: size.optional(),
    sized: viewerId
      .optional()
      .describe(
        'The viewer id under which this page set the size, before its connection was lost or it was loaded again: it has it again.',
      ),
    scrollback: z.number().int().min(0).max(100_000).optional(),
    complete: z
      .boolean()
      .optional()
      .describe(
        'Every byte that is kept, however far behind: for who records. Else a viewer that its link keeps behind gets the present screen.',
      ),
    encoding: z.enum(['binary', 'base64']).optional().describe('base64: bytes as base64 text in JSON frames.'),
    lastEventId: z.string().max(64).optional().describe('Added by the client library when it subscribes again; wins over `have`.'),
  })
  .strict();
export type Attach = z.infer<typeof attach>;

/** One input: a paste is split by the client. 64 KiB of text stay far below the frame limit of 1 MiB when escaped. */
export const MAX_INPUT_BYTES = 64 * 1024;

/** Text or base64 bytes, exactly one of them. */
const inputContent = {
  data: z.string().max(MAX_INPUT_BYTES).optional().describe('Text, sent as UTF-8.'),
  base64: z
    .base64()
    .max(Math.ceil(MAX_INPUT_BYTES / 3) * 4)
    .optional()
    .describe('Bytes.'),
};
const oneOf = (value: { data?: string | undefined; base64?: string | undefined }): boolean =>
  (value.data === undefined) !== (value.base64 === undefined);

export const input = z
  .object({
    sessionId,
    viewerId,
    n: z
      .number()
      .int()
      .min(1)
      .max(Number.MAX_SAFE_INTEGER)
      .describe('Counts up by one per viewer and session; a number already applied is not typed again.'),
    ...inputContent,
  })
  .strict()
  .refine(oneOf, 'exactly one of data and base64');
export type Input = z.infer<typeof input>;

export const restInput = z.object(inputContent).strict().refine(oneOf, 'exactly one of data and base64').meta({ id: 'Input' });
export type RestInput = z.infer<typeof restInput>;

export const inputResult = z.object({ applied: z.enum(['applied', 'duplicate']), lastInput: z.number().int(), endOffset: offset });
export type InputResult = z.infer<typeof inputResult>;

export const ack = z
  .object({
    sessionId,
    viewerId,
    offset,
    screen: z
      .object({ hash: z.string().max(64), cols: size, rows: size, run: z.number().int().min(1) })
      .strict()
      .optional()
      .describe('What the viewer shows, at a quiet moment: one that shows something else than the emulator gets its screen.'),
  })
  .strict();
export type Ack = z.infer<typeof ack>;

export const resize = z.object({ sessionId, viewerId, cols: size, rows: size }).strict();
export type Resize = z.infer<typeof resize>;

export const restResize = z.object({ cols: size, rows: size }).strict().meta({ id: 'Resize' });
export type RestResize = z.infer<typeof restResize>;

/** This viewer sets the size from now on, and this is it. */
export const takeControl = resize;
export type TakeControl = Resize;

export const detachOthers = z.object({ sessionId, viewerId: viewerId.optional().describe('Who stays.') }).strict();
export type DetachOthers = z.infer<typeof detachOthers>;

export const detached = z.object({ detached: z.number().int().min(0).describe('How many viewers were asked to leave.') });
export type Detached = z.infer<typeof detached>;

/** Bytes of one event: binary on our own wire, base64 text when `attach` asked for it. */
export type Bytes = Uint8Array;

/**
 * What a viewer gets. `hello` first after every (re)subscribe. `output` is contiguous: the offset of its first byte is
 * where the event before it ended. A `snapshot` replaces the viewer's terminal; empty `state` means a blank one. Output and snapshots are
 * acknowledged by `ack` once they are parsed: what is sent keeps to what comes back. A large state comes in parts, so that on a slow link each
 * is a sign of life: what the `part` events since the event before them hold, then the snapshot's own `state`.
 */
export type AttachEvent =
  | {
      readonly type: 'hello';
      readonly session: Session;
      readonly size: { readonly cols: number; readonly rows: number };
      readonly title: string;
      readonly state: RunState;
      readonly firstOffset: number;
      readonly endOffset: number;
      /** Viewer that sets the size; null when there is none. */
      readonly controller: string | null;
      /** Highest input number applied for this viewer: resend what lies above. */
      readonly lastInput: number;
    }
  | {
      readonly type: 'snapshot';
      readonly offset: number;
      /** Run that it shows; seams before it are not sent. */
      readonly run: number;
      readonly cols: number;
      readonly rows: number;
      readonly state: Bytes;
      readonly reason: 'attach' | 'behind' | 'gap' | 'resync';
    }
  | { readonly type: 'part'; readonly bytes: Bytes }
  | { readonly type: 'output'; readonly offset: number; readonly bytes: Bytes }
  | { readonly type: 'resize'; readonly offset: number; readonly cols: number; readonly rows: number }
  /** [offset, offset + lostBytes) was never stored: what follows begins behind it. */
  | { readonly type: 'gap'; readonly offset: number; readonly lostBytes: number; readonly message: string }
  | { readonly type: 'seam'; readonly offset: number; readonly run: number; readonly note: string }
  | { readonly type: 'title'; readonly title: string }
  | { readonly type: 'bell' }
  | { readonly type: 'attention'; readonly on: boolean; readonly text: string | null }
  | { readonly type: 'notice'; readonly code: string; readonly message: string }
  | {
      readonly type: 'exit';
      readonly offset: number;
      readonly state: RunState;
      readonly code: number | null;
      readonly signal: string | null;
      readonly reason: EndReason;
    }
  | { readonly type: 'control'; readonly viewerId: string | null };
