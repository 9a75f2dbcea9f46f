// Owns what a failure looks like over HTTP: problem details (RFC 9457) with our code. What is not one of ours is logged and
// told as INTERNAL, without paths, queries or stacks.
import { ApiError, problemOf } from '@cotg/api';
import type { Problem } from '@cotg/api';
import { z } from 'zod';
import type { Logger } from '../log.ts';
import { messageOf } from '../errors.ts';

export const PROBLEM_TYPE = 'application/problem+json';

export function asApiError(error: unknown, log: Logger): ApiError {
  if (error instanceof ApiError) {
    if (error.code === 'INTERNAL') log.error({ error: messageOf(error), cause: messageOf(error.cause) }, 'request failed');
    return error;
  }
  if (error instanceof z.ZodError) return badInput(error);
  log.error({ error: error instanceof Error ? error.stack : String(error) }, 'request failed');
  return new ApiError('INTERNAL', 'Something went wrong on the server; its log says what.', { cause: error });
}

/** The first problem, with the name of the field. */
export function badInput(error: z.ZodError): ApiError {
  const issue = error.issues[0];
  const field = issue?.path.join('.') ?? '';
  return new ApiError('BAD_INPUT', `${field === '' ? '' : `${field}: `}${issue?.message ?? 'not valid'}`);
}

export function problemHeaders(problem: Problem): Record<string, string> {
  return {
    'content-type': PROBLEM_TYPE,
    'cache-control': 'no-store',
    ...(problem.code === 'UNAUTHORIZED' ? { 'www-authenticate': 'Bearer' } : {}),
    ...(problem.status === 503 || problem.status === 429 ? { 'retry-after': String(problem.retryAfter ?? 1) } : {}),
  };
}

export function toProblem(error: unknown, log: Logger): Problem {
  return problemOf(asApiError(error, log));
}
