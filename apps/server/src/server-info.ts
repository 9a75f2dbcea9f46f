// Owns server.json: how commands find the server of a data directory. A note, not a lock: server.lock says whether anybody serves.
// Whoever takes the lock removes an older note before anything else, so a note beside a held lock is the holder's own.
//
// On a full disk somebody makes room with a command, which has to find the server: a note that is over keeps its place on the disk, blank, and
// the next one is written into it where there is room for no other file.
import { closeSync, fstatSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { isDiskFull } from '@cotg/db/reserve';
import { z } from 'zod';
import { writePrivateFile } from './data-dir.ts';
import { errnoOf } from './errors.ts';

/** The place of a note (bytes): a certificate in PEM takes some 2 KB. */
const PLACE_BYTES = 4096;

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

/** Throws what the file system throws; on a full disk only where there was no note before. */
export function writeServerInfo(path: string, info: ServerInfo): void {
  const text = `${JSON.stringify(info)}\n`.padEnd(PLACE_BYTES);
  try {
    writePrivateFile(path, text);
  } catch (error) {
    if (!isDiskFull(error) || !overwrite(path, text)) throw error;
  }
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

/** From now on nobody is found by it. */
export function blankServerInfo(path: string): void {
  try {
    overwrite(path, '');
  } catch {
    rmSync(path, { force: true });
  }
}

/** In its place, with blanks up to its end; false when there is no such file. */
function overwrite(path: string, text: string): boolean {
  let file: number;
  try {
    file = openSync(path, 'r+');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
  try {
    writeSync(file, text.padEnd(fstatSync(file).size), 0);
  } finally {
    closeSync(file);
  }
  return true;
}
