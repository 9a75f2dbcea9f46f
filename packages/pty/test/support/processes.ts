// Owns looking at real processes from a test, and waiting for a fact about them.
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 10;

/** Resolves once `fact` holds; the runner's time-out is the limit. */
export async function until(fact: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await fact())) await sleep(POLL_MS);
}

/** State letter of a process; undefined when there is none. */
export function stateOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2)[0];
  } catch {
    return undefined;
  }
}

export function isRunning(pid: number): boolean {
  const state = stateOf(pid);
  return state !== undefined && state !== 'Z' && state !== 'X';
}

/** Resolves once the process has executed a program of that name. */
export async function untilExecuted(pid: number, program: string): Promise<void> {
  await until(() => readFileSync(`/proc/${pid}/comm`, 'latin1').trim() === program);
}

/** What each descriptor of a process is, by number. */
export function descriptorsOf(pid: number): Record<string, string> {
  const descriptors: Record<string, string> = {};
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      descriptors[fd] = readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      // The listing's own descriptor, when the process is this one.
    }
  }
  return descriptors;
}

/** Children of this process that ended and were not waited for. */
export function zombieChildren(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid))
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return state === 'Z' && Number(parent) === process.pid;
      } catch {
        return false;
      }
    });
}
