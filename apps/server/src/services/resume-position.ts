// Owns where a viewer that comes back goes on. Pure.
import { parseEventId } from '@cotg/api';
import type { Attach } from '@cotg/api';
import type { HostSession } from '@cotg/pty/client';
import type { StreamPosition } from './entries.ts';

/** The viewer has everything: its hello is all it gets. */
export function isUpToDate(request: Attach, session: HostSession): boolean {
  return resumePosition(request, session)?.offset === session.endOffset;
}

/** Where to go on; undefined to begin anew: nothing known, trimmed away, or from a journal that has lost its tail. */
export function resumePosition(request: Attach, session: HostSession): StreamPosition | undefined {
  const known = request.lastEventId === undefined ? request.have : parseEventId(request.lastEventId);
  if (!known || known.run < 1) return undefined;
  const isHeld =
    known.offset >= session.firstOffset && known.offset <= session.endOffset && known.mark <= session.lastMark && isOfRun(known, session);
  return isHeld ? { offset: known.offset, mark: known.mark } : undefined;
}

/** An earlier run ended where the newest begins: what a client has from behind that was never stored, and others' output stands there now. */
function isOfRun(known: { readonly run: number; readonly offset: number }, session: HostSession): boolean {
  return known.run === session.run || (known.run < session.run && known.offset <= session.runFromOffset);
}
