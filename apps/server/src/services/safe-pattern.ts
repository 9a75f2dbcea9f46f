// Owns patterns that come from outside: compiled by an engine whose time grows with the text only, whatever the pattern (RE2 syntax).
import { ApiError } from '@cotg/api';
import { RE2JS, RE2JSException } from 're2js';

/** Typed by a person or written in a script. */
export const MAX_PATTERN_CHARS = 512;
/** Counted repeats are written out before anything else is known of a pattern: its length times all of them at most. Compiling takes 0.1 s then. */
const MAX_WRITTEN_OUT = 20_000;
/** Steps for each character of the text: `x{1000}` written twenty times would be 20,000, and a line takes milliseconds. */
const MAX_PROGRAM = 2000;
/** What lies behind in a longer line is not looked at. */
const MAX_LINE_CHARS = 4096;

export interface SafePattern {
  /** Finds something in this line. */
  matches(line: string): boolean;
}

/** Throws ApiError PATTERN_INVALID. */
export function compilePattern(pattern: string): SafePattern {
  if (pattern.length > MAX_PATTERN_CHARS) throw invalid(`it is longer than ${MAX_PATTERN_CHARS} characters`);
  if (pattern.length * repeatsIn(pattern) > MAX_WRITTEN_OUT) throw invalid(TOO_MUCH);
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (error) {
    if (error instanceof RE2JSException) throw invalid(error.message, error);
    throw error;
  }
  if (compiled.programSize() > MAX_PROGRAM) throw invalid(TOO_MUCH);
  return { matches: (line) => compiled.test(line.slice(0, MAX_LINE_CHARS)) };
}

const TOO_MUCH = 'it repeats too much';

/** As if each lay within the others. */
function repeatsIn(pattern: string): number {
  let product = 1;
  for (const [, least = '', most = ''] of pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/g)) product *= Math.max(1, Number(least), Number(most));
  return product;
}

function invalid(why: string, cause?: unknown): ApiError {
  return new ApiError('PATTERN_INVALID', `The pattern cannot be used: ${why}.`, {
    hint: 'Patterns are RE2 expressions: no look-around, no back-references.',
    cause,
  });
}
