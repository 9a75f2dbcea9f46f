// Owns ending the programs that a lost host left behind. Must not know sessions.
// Invariant: a signal goes only to a process that has just been proven to be the one recorded (pid, start time, boot id), and to the members
// of the terminal session that it leads. A record that points at anybody else signals nobody.
import type { Clock } from './clock.ts';
import type { HostLog } from './log.ts';
import type { ProcessIdentity } from './output-journal.ts';
import { isAlive as isProcessAlive, membersOfSession } from './proc.ts';

export interface EndOrphansOptions {
  readonly identities: readonly ProcessIdentity[];
  readonly clock: Clock;
  readonly log: HostLog;
  /** From the hangup to SIGKILL (ms). */
  readonly graceMs: number;
  readonly isAlive?: (identity: ProcessIdentity) => boolean;
  readonly signal?: (pid: number, name: NodeJS.Signals) => void;
}

/** Resolves when the second look is done. */
export async function endOrphans(options: EndOrphansOptions): Promise<void> {
  const { identities, clock, log, graceMs, isAlive = isProcessAlive, signal = send } = options;
  const signalAll = (names: readonly NodeJS.Signals[]): void => {
    for (const identity of identities) {
      if (!isAlive(identity)) continue;
      const pids = new Set([identity.pid, ...membersOfSession(identity.pid).map(({ pid }) => pid)]);
      log.warn({ pid: identity.pid, signals: names, processes: pids.size }, 'ending a program that a lost host left behind');
      for (const pid of pids) for (const name of names) signal(pid, name);
    }
  };
  // A stopped job takes the hangup only when it goes on.
  signalAll(['SIGHUP', 'SIGCONT']);
  await new Promise<void>((resolve) => clock.after(graceMs, resolve));
  signalAll(['SIGKILL']);
}

function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // ESRCH: gone meanwhile. EPERM: another user's, which is not ours to end.
    if (!(error instanceof Error && 'code' in error && (error.code === 'ESRCH' || error.code === 'EPERM'))) throw error;
  }
}
