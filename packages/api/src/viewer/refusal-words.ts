// Owns the words for what was typed and not passed on. Pure. Only how much: what was typed may be a password.
import type { RefusalReason } from './input-queue.ts';

const ONE = 1;

/** `characters`: the last so many of what was typed; at least 1. */
export function refusalText(reason: RefusalReason, characters: number): string {
  const what = characters === ONE ? 'the last key' : `the last ${characters.toLocaleString('en')} characters`;
  const were = characters === ONE ? 'was' : 'were';
  switch (reason) {
    case 'not-connected':
      return `Not connected: ${what} ${were} not typed.`;
    case 'too-much':
      return 'Too much at once: that was not typed.';
    case 'not-allowed':
      return 'This device may only look.';
    case 'failed':
      return `That could not be typed (${what}).`;
    case 'ended':
      return `The program had ended: ${what} ${were} not typed.`;
    case 'left':
      return `You left before ${what} ${were} typed.`;
    case 'unknown':
      return `The connection broke: ${what} may not have been typed.`;
    default:
      return reason satisfies never;
  }
}
