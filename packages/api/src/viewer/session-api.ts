// Owns how the session's calls look on the wire: the typed client's promises and errors become plain outcomes.
import { errorCodeOf } from '../client/create-client.ts';
import type { Client } from '../client/create-client.ts';
import type { ApiErrorCode } from '../errors.ts';
import type { StreamApi } from './attach-stream.ts';
import type { InputContent, SendOutcome } from './input-queue.ts';

/** Asking again gives the same answer. UNAUTHORIZED is the connection's to handle: it ends the client's life. */
const FINAL_CODES: ReadonlySet<ApiErrorCode> = new Set<ApiErrorCode>([
  'UNKNOWN_SESSION',
  'NOT_FOUND',
  'FORBIDDEN',
  'DETACHED',
  'BAD_INPUT',
  'UNAUTHORIZED',
]);

export interface SessionAddress {
  readonly sessionId: string;
  readonly viewerId: string;
}

export function makeStreamApi(client: Client, address: SessionAddress): StreamApi {
  return {
    attach: (request, { onEvent, onEnded }) =>
      client.api.session.attach.subscribe(request, {
        onData: ({ id, data }) => onEvent({ id, data }),
        onError: onEnded,
        onStopped: () => onEnded(undefined),
      }),
    ack: (offset) => {
      if (client.state() !== 'live') return;
      // Cumulative: the next one, or the one after `hello`, says it again.
      client.api.session.ack.mutate({ ...address, offset }).catch(() => undefined);
    },
    prove: (offset, screen) => {
      if (client.state() === 'live') client.api.session.ack.mutate({ ...address, offset, screen }).catch(() => undefined);
    },
    isFinal: (error) => {
      const code = errorCodeOf(error);
      return code !== undefined && FINAL_CODES.has(code);
    },
  };
}

export async function sendInput(
  client: Client,
  input: SessionAddress & { readonly n: number },
  content: InputContent,
  signal: AbortSignal,
): Promise<SendOutcome> {
  try {
    const { sessionId, viewerId, n } = input;
    const { lastInput, applied } = await client.api.session.input.mutate({ sessionId, viewerId, n, ...content }, { signal });
    return { kind: 'applied', lastInput, isDuplicate: applied === 'duplicate' };
  } catch (error) {
    return outcomeOf(errorCodeOf(error));
  }
}

export function outcomeOf(code: ApiErrorCode | undefined): SendOutcome {
  switch (code) {
    // No word from the server: the link broke.
    case undefined:
      return { kind: 'again', answered: false };
    case 'INPUT_GAP':
      return { kind: 'gap' };
    case 'INPUT_BUFFER_FULL':
    case 'HOST_UNREACHABLE':
    case 'STORAGE_FAILED':
    case 'TOO_MANY_REQUESTS':
      return { kind: 'again', answered: true };
    case 'SESSION_ENDED':
    case 'UNKNOWN_SESSION':
      return { kind: 'ended' };
    case 'FORBIDDEN':
      return { kind: 'not-allowed' };
    default:
      return { kind: 'failed' };
  }
}
