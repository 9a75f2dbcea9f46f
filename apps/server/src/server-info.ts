// Owns server.json: how commands find the server of a data directory. A note, not a lock: server.lock says whether anybody serves.
// Whoever takes the lock removes an older note before anything else, so a note beside a held lock is the holder's own.
import { readFileSync, rmSync } from 'node:fs';
import { z } from 'zod';
import { writePrivateFile } from './data-dir.ts';

const serverInfo = z.object({
  pid: z.number().int(),
  /** Of the process, as the kernel counts it: a pid alone is reused. Null where the kernel does not tell. */
  startTime: z.string().nullable(),
  url: z.url(),
  /** The server's own certificate in PEM, when it speaks TLS: commands accept this one and no other. */
  certificate: z.string().nullable().default(null),
  version: z.string(),
  startedAt: z.iso.datetime(),
});
export type ServerInfo = z.infer<typeof serverInfo>;

export function writeServerInfo(path: string, info: ServerInfo): void {
  writePrivateFile(path, `${JSON.stringify(info)}\n`);
}

export function readServerInfo(path: string): ServerInfo | undefined {
  try {
    const parsed = serverInfo.safeParse(JSON.parse(readFileSync(path, 'utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    // Missing or torn: nobody has served here, or the note is not to be trusted.
    return undefined;
  }
}

/** Field 22 of /proc/PID/stat; null where there is none. */
export function processStartTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name before it may hold blanks and brackets.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null; // Not Linux, or gone.
  }
}

/** Whether the process of the note is still that process. */
export function isSameProcess(info: ServerInfo): boolean {
  return processStartTime(info.pid) === info.startTime;
}

export function removeServerInfo(path: string): void {
  rmSync(path, { force: true });
}
