// Owns the input of scripts, which keep no numbers: one line of numbers per session, one input at a time, so that a failed one
// never takes the number of another. Must not know HTTP.
import { randomBytes } from 'node:crypto';
import { ApiError } from '@cotg/api';
import type { Input, InputResult, RestInput } from '@cotg/api';

/** Inputs of scripts waiting for one session: beyond it the script is told to slow down. */
const MAX_WAITING = 256;

export interface ScriptInputOptions {
  readonly send: (input: Input) => Promise<InputResult>;
  /** The highest number that the host has applied for this viewer. */
  readonly lastInput: (sessionId: string, viewerId: string) => Promise<number>;
}

interface Line {
  /** Of the last input that is known to be applied; undefined: ask the host. */
  last: number | undefined;
  tail: Promise<unknown>;
  waiting: number;
}

export class ScriptInput {
  readonly #options: ScriptInputOptions;
  readonly #viewerId = `rest-${randomBytes(12).toString('base64url')}`;
  readonly #lines = new Map<string, Line>();

  constructor(options: ScriptInputOptions) {
    this.#options = options;
  }

  /** Typed once when it resolves, not typed when it rejects (unless the host itself went away meanwhile: HOST_UNREACHABLE). */
  type(sessionId: string, request: RestInput): Promise<InputResult> {
    const line = this.#lines.get(sessionId) ?? { last: undefined, tail: Promise.resolve(), waiting: 0 };
    this.#lines.set(sessionId, line);
    if (line.waiting >= MAX_WAITING) throw new ApiError('TOO_MANY_REQUESTS', 'Too many inputs wait for this session.');
    line.waiting += 1;
    const done = line.tail.then(() => this.#send(sessionId, line, request)).finally(() => (line.waiting -= 1));
    // The next one waits for this one, however it ends.
    line.tail = done.catch(() => undefined);
    return done;
  }

  async #send(sessionId: string, line: Line, request: RestInput): Promise<InputResult> {
    const last = line.last ?? (await this.#options.lastInput(sessionId, this.#viewerId));
    // Until the host has said so, nothing is known.
    line.last = undefined;
    const result = await this.#options.send({ sessionId, viewerId: this.#viewerId, n: last + 1, ...request });
    if (result.applied !== 'applied') throw new ApiError('INTERNAL', 'The input was not typed: its number was taken.');
    line.last = last + 1;
    return result;
  }

  forget(sessionId: string): void {
    this.#lines.delete(sessionId);
  }
}
