// Owns server.json: how commands find the server of a data directory. A note, not a lock: server.lock says who serves.
import { readFileSync, rmSync } from 'node:fs';
import { z } from 'zod';
import { writePrivateFile } from './data-dir.ts';

const serverInfo = z.object({ pid: z.number().int(), url: z.url(), version: z.string(), startedAt: z.iso.datetime() });
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

export function removeServerInfo(path: string): void {
  rmSync(path, { force: true });
}
