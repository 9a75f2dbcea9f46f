// Owns what is said when server and host speak different generations of their protocol: the host has sessions, so nobody ends it unasked.
import { HostRequestError } from '@cotg/pty/client';
import { StartError, messageOf } from './errors.ts';

/** The failure for people when that is what `error` is about, else undefined. */
export function otherGeneration(error: unknown): StartError | undefined {
  if (!(error instanceof HostRequestError) || error.code !== 'PROTOCOL_VERSION') return undefined;
  return new StartError('HOST_UNREACHABLE', `The running host is of another generation (${messageOf(error)}).`, {
    hint: 'Its sessions run on: go on with the version that started it, or end them with its `cotg stop --all` (histories stay) and start this one.',
    cause: error,
  });
}
