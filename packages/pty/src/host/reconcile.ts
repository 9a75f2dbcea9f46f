// Owns what a new host makes of the runs that an earlier one left unfinished: each is marked lost, and those whose process is proven to live
// are named. Must not end or signal any process (end-orphans.ts does, when that is wanted).
import { messageOf } from '../errors.ts';
import type { SessionId } from '../protocol/messages.ts';
import type { Clock } from './clock.ts';
import type { HostLog } from './log.ts';
import type { OutputJournal, ProcessIdentity } from './output-journal.ts';
import { isAlive as isProcessAlive } from './proc.ts';

export interface Orphan {
  readonly sessionId: SessionId;
  readonly identity: ProcessIdentity;
}

export interface Reconciled {
  /** Sessions whose run was marked lost, with the reason host-lost. */
  readonly lost: readonly SessionId[];
  /** Processes of those runs that still live, proven by start time and boot id. */
  readonly orphans: readonly Orphan[];
}

export function reconcile(options: {
  readonly journal: OutputJournal;
  readonly clock: Clock;
  readonly log: HostLog;
  readonly isAlive?: (identity: ProcessIdentity) => boolean;
}): Reconciled {
  const { journal, clock, log, isAlive = isProcessAlive } = options;
  const lost: SessionId[] = [];
  const orphans: Orphan[] = [];
  for (const { id, state } of journal.sessions()) {
    if (state !== 'starting' && state !== 'running') continue;
    const identity = journal.identity(id);
    try {
      journal.runEnded(id, { state: 'lost', reason: 'host-lost', exitCode: null, signal: null, endedAt: clock.now() });
    } catch (error) {
      // It waits in the journal until storing works, on a full disk for example; a host that did not start would help nobody.
      log.error({ session: id, error: messageOf(error) }, 'the end of a lost session could not be stored yet');
    }
    lost.push(id);
    if (identity && isAlive(identity)) orphans.push({ sessionId: id, identity });
  }
  if (lost.length > 0) log.warn({ sessions: lost }, 'the host that ran these sessions is gone; their programs are marked lost');
  for (const { sessionId, identity } of orphans)
    log.warn({ session: sessionId, pid: identity.pid }, 'a program of a lost session still runs');
  return { lost, orphans };
}
