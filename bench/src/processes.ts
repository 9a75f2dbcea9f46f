// Owns what the kernel says of a process's memory.
import { readFileSync } from 'node:fs';

function field(pid: number, file: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))?.[1] ?? 0) / 1024;
}

/** Resident memory in MiB. */
export const rssMiB = (pid: number): number => field(pid, 'status', 'VmRSS');

/** What would be given back if it ended, in MiB: without what it shares with others. */
export const privateMiB = (pid: number): number =>
  field(pid, 'smaps_rollup', 'Private_Dirty') + field(pid, 'smaps_rollup', 'Private_Clean');
