// Owns the shape of a session's screen as scripts see it.
import { z } from 'zod';
import { offset, sessionId } from './ids.ts';
import { size } from './session.ts';

export const screen = z
  .object({
    cols: size,
    rows: size,
    cursor: z.object({ x: z.number().int(), y: z.number().int(), visible: z.boolean() }).describe('Column and row from 0.'),
    lines: z.array(z.string()).describe('One a row, blanks at the end removed; blank rows at the end are left out.'),
    title: z.string(),
    hash: z.string().describe('Fingerprint of the visible screen.'),
    offset: offset.describe('Output offset that the screen stands for.'),
  })
  .meta({ id: 'Screen' });
export type Screen = z.infer<typeof screen>;

export const screenRequest = z
  .object({
    sessionId,
    ansi: z.boolean().optional().describe('Keep colours and styles as escape sequences.'),
    minOffset: offset.optional().describe('Wait up to 5 s until the screen has reached this offset; default: what is stored now.'),
  })
  .strict();
export type ScreenRequest = z.infer<typeof screenRequest>;
