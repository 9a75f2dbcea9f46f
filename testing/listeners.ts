// Owns what a process listens on, as the kernel tells it. Linux only.
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** Sockets of a process that wait for connections, or take datagrams. */
export function listenersOf(pid: number): string[] {
  const inodes = new Set<string>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    } catch {
      // Closed between listing and reading.
    }
  }
  return ['tcp', 'tcp6', 'udp', 'udp6'].flatMap((table) =>
    readFileSync(`/proc/net/${table}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((columns) => inodes.has(columns[9] ?? '') && (columns[3] === '0A' || table.startsWith('udp')))
      .map((columns) => `${table} ${columns[1] ?? ''}`),
  );
}
