// Owns what the kernel tells about processes (Linux: /proc, see proc(5)). Elsewhere the answers are "unknown", never a guess.
import { readFileSync, readdirSync } from 'node:fs';
import type { ProcessIdentity } from './output-journal.ts';

export interface ProcessStat {
  readonly pid: number;
  /** One letter; Z is a zombie, X is dead. */
  readonly state: string;
  readonly group: number;
  /** Process id of the leader of its session. */
  readonly sessionId: number;
  /** Process group in the foreground of its terminal; -1 without a terminal. */
  readonly foregroundGroup: number;
  /** Clock ticks between the boot and its start. */
  readonly startTime: string;
}

/** Undefined when there is no such process, or no /proc. */
export function readStat(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    // Gone between two looks, or another platform: both are the answer "unknown".
    return undefined;
  }
  // Field 2 is the program's name in parentheses and may hold spaces and parentheses itself: count from the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, , group, sessionId, , foregroundGroup] = fields;
  const startTime = fields[19];
  if (state === undefined || startTime === undefined) return undefined;
  return { pid, state, group: Number(group), sessionId: Number(sessionId), foregroundGroup: Number(foregroundGroup), startTime };
}

/** Living processes (no zombies) of the session that `leader` began, itself included while it lives. */
export function membersOfSession(leader: number): readonly ProcessStat[] {
  let names: readonly string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return [];
  }
  const members: ProcessStat[] = [];
  for (const name of names) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const stat = readStat(pid);
    if (stat?.sessionId === leader && isLiving(stat)) members.push(stat);
  }
  return members;
}

export function identityOf(pid: number): ProcessIdentity {
  return { pid, startTime: readStat(pid)?.startTime ?? null, bootId: readBootId() };
}

/** True only when that very process is proven to live. An identity with unknown parts proves nothing. */
export function isAlive(identity: ProcessIdentity): boolean {
  if (identity.startTime === null || identity.bootId === null || identity.bootId !== readBootId()) return false;
  const stat = readStat(identity.pid);
  return stat !== undefined && stat.startTime === identity.startTime && isLiving(stat);
}

function isLiving(stat: ProcessStat): boolean {
  return stat.state !== 'Z' && stat.state !== 'X';
}

function readBootId(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    // No /proc: then no identity can be proven, which `isAlive` treats as "not proven".
    return null;
  }
}
